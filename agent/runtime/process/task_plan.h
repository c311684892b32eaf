// From an order to what its supervisor is told: the command, the environment with the SWITCHYARD_ variables, user, cores, limits.
//
// SWITCHYARD_JOB (number), SWITCHYARD_JOB_NAME, SWITCHYARD_TENANT, SWITCHYARD_TASK ("group/index"), SWITCHYARD_GROUP,
// SWITCHYARD_INDEX, SWITCHYARD_RANK, SWITCHYARD_WORLD_SIZE, SWITCHYARD_GANG ("host:port,..." in rank order, each member's first
// port; the bare host of one without), SWITCHYARD_PORTS ("8000,8001"), SWITCHYARD_DEVICES ("cpu-3d12-0,..."), SWITCHYARD_ATTEMPT,
// SWITCHYARD_NODE, SWITCHYARD_CHECKPOINT_DIR (kept over attempts and requeues of the job on this node, over nodes where the agent's
// file names a shared directory). The job's own variables come after PATH, HOME, USER, LOGNAME and LANG and may replace those, not
// the SWITCHYARD_ ones.
#ifndef SWITCHYARD_AGENT_RUNTIME_PROCESS_TASK_PLAN_H_
#define SWITCHYARD_AGENT_RUNTIME_PROCESS_TASK_PLAN_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/runtime/process/users.h"
#include "agent/supervisor/task_spec.h"
#include "common/configuration/agent_file.h"
#include "switchyard/v1/agent.pb.h"

namespace switchyard::agent::process {

// What the machine adds to an order.
struct TaskPlace {
  std::string node;                        // "<site>/<node>"
  std::string task_directory;
  std::string checkpoint_root;
  std::string hasher_program;
  std::map<std::string, int> cores;        // device serial -> core
  supervisor::Cgroup cgroup;
  std::string boot_id;
  int64_t lease_end_ms = 0;                // CLOCK_BOOTTIME
  int fence_duty = 0;                      // at which hashing goes on without a lease; 0: it pauses
};

// INVALID_ARGUMENT: the order cannot be run here (no command, a device that is not ours, a name that is no folder's).
absl::StatusOr<supervisor::TaskSpec> PlanTask(const v1::DesiredAllocation& order, const configuration::AgentFile& file,
                                              const TaskUser& user, const TaskPlace& place);

// The job's checkpoint directory, "ROOT/TENANT/JOB".
absl::StatusOr<std::string> CheckpointDirectory(const std::string& root, const v1::TaskLaunch& launch);

}  // namespace switchyard::agent::process

#endif  // SWITCHYARD_AGENT_RUNTIME_PROCESS_TASK_PLAN_H_
