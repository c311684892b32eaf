// What a supervisor is told at its birth and never again asks for: written by the agent as `spec` in the task directory before
// the supervisor starts, never changed after. Times are milliseconds.
#ifndef SWITCHYARD_AGENT_SUPERVISOR_TASK_SPEC_H_
#define SWITCHYARD_AGENT_SUPERVISOR_TASK_SPEC_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/supervisor/cgroup.h"

namespace switchyard::agent::supervisor {

struct ResourceLimit {
  std::string name;   // core, nofile, nproc, stack, memlock, fsize, data, as
  int64_t value = 0;  // soft and hard; -1: unlimited. Lowered to the supervisor's own hard limit where it may not raise it
};

struct TaskSpec {
  std::vector<std::string> command;
  std::vector<std::string> environment;  // NAME=value; the whole of it, nothing is inherited
  std::string working_directory;
  bool switch_user = false;              // false: runs as the supervisor's own user
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;             // supplementary
  std::vector<int> cpus;                 // pinned to these cores; empty: anywhere
  std::vector<ResourceLimit> resource_limits;

  Cgroup cgroup;                         // no hierarchy: the machine offers none
  CgroupLimits cgroup_limits;

  int64_t grace_ms = 30'000;             // between SIGTERM and SIGKILL where the stop does not say
  int64_t lease_end_ms = 0;              // CLOCK_BOOTTIME; 0: the supervisor's own start
  // The task's end when the lease has been over for so long; -1: never. A task that pauses is frozen instead, its duty file
  // (if any) set to 0 first, and thawed by the next lease: it then draws nothing more until somebody raises its duty.
  // With a `fence_duty` (thousandths of each of its CPUs) it is not frozen but held to that duty, or to its own if that is
  // lower, by the kernel too; where the machine cannot hold it, it is frozen.
  int64_t fence_after_ms = -1;
  bool pause_at_fence = false;
  int fence_duty = 0;
  std::string duty_file;

  int64_t output_file_bytes = 8 << 20;
  int output_files = 4;
  std::string boot_id;                   // of the boot in which it was written

  std::string Format() const;
  static absl::StatusOr<TaskSpec> Parse(const std::string& text);
};

}  // namespace switchyard::agent::supervisor

#endif  // SWITCHYARD_AGENT_SUPERVISOR_TASK_SPEC_H_
