// A task's cgroup on whatever the machine has: the unified hierarchy (v2), the separate controllers (v1), or both side by side.
// It is what makes a kill certain: a process leaves its session and its parent at will, its cgroup only by leave of root.
#ifndef SWITCHYARD_AGENT_SUPERVISOR_CGROUP_H_
#define SWITCHYARD_AGENT_SUPERVISOR_CGROUP_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace switchyard::agent::supervisor {

// One directory of the task in one hierarchy. `kind` is "unified" or a v1 controller: freezer, pids, memory, cpu, cpuacct, cpuset.
struct CgroupHierarchy {
  std::string kind;
  std::string path;
};

struct CgroupLimits {
  int64_t memory_bytes = 0;  // 0: no limit
  int64_t processes = 0;     // 0: no limit
  int64_t cpu_milli = 0;     // thousandths of a CPU; 0: no limit
  std::vector<int> cpus;     // only these cores; empty: all
};

class Cgroup {
 public:
  Cgroup() = default;
  explicit Cgroup(std::vector<CgroupHierarchy> hierarchies) : hierarchies_(std::move(hierarchies)) {}

  // The cgroup `name` (a relative path) in every hierarchy mounted beneath `root`; none when nothing is mounted there.
  static Cgroup At(const std::string& root, const std::string& name);

  const std::vector<CgroupHierarchy>& hierarchies() const { return hierarchies_; }
  bool empty() const { return hierarchies_.empty(); }

  // Makes it where it is missing. A hierarchy that refuses is dropped and named in `lacking`: the task runs without that
  // protection and says so.
  void Create(std::vector<std::string>* lacking);
  // Limits that the machine cannot hold are named in `lacking`.
  void SetLimits(const CgroupLimits& limits, std::vector<std::string>* lacking) const;
  // Thousandths of a CPU, at least 10; takes effect at the next period of 100 ms.
  absl::Status SetCpuLimit(int64_t cpu_milli) const;

  absl::Status Attach(pid_t pid) const;

  // All processes in it and beneath it.
  std::vector<pid_t> Processes() const;
  bool HasProcesses() const { return !Processes().empty(); }

  // Sends `signal` to every process. SIGKILL reaches also frozen ones and those forked meanwhile, once it is repeated until
  // HasProcesses is false.
  void SignalAll(int signal) const;

  // Stops its processes where they are. UNAVAILABLE: no hierarchy here can freeze.
  absl::Status Freeze() const;
  absl::Status Thaw() const;

  // CPU time of everything that ever ran in it; -1: not counted here.
  int64_t CpuMicroseconds() const;

  // FAILED_PRECONDITION while a process is in it.
  absl::Status Remove() const;

 private:
  // The hierarchy that is asked for processes and signals: the unified one if there is one.
  const CgroupHierarchy* Main() const;
  const CgroupHierarchy* Find(const std::string& kind) const;
  absl::Status SetFrozen(bool frozen) const;

  std::vector<CgroupHierarchy> hierarchies_;
};

}  // namespace switchyard::agent::supervisor

#endif  // SWITCHYARD_AGENT_SUPERVISOR_CGROUP_H_
