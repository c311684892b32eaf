// Where the real runtime keeps what must survive its process, beneath the agent's state directory:
//
//   incarnation               random, made once; read by whoever opens the directory first
//   tasks/A-E/                allocation A, epoch E (agent/supervisor/task_directory.h), and besides:
//     order                   the DesiredAllocation that it was prepared for, as protobuf: an agent that never saw the order adopts by it
//     limit                   "MILLIWATTS DUTY PEAK": the watts that it was last held to, the duty that stands for them, and the
//                             highest duty since the hasher last said which one it keeps to
//     duty                    hashing: thousandths of its cores' time, read by the hasher; the supervisor sets it to 0 at the fence
//     work/                   the task's working directory, fresh, owned by its user; hashing: work/status.json
//   ended/A-E/                output of tasks that were forgotten (kept_output.h)
//   trash/                    forgotten tasks on their way out
//   checkpoints/TENANT/JOB/   survives attempts; elsewhere when the agent's file names a shared directory
//
// Directories on the way to work/ are passable (0711) for the users that tasks run as, files are the agent's alone (0600).
#ifndef SWITCHYARD_AGENT_RUNTIME_PROCESS_STATE_LAYOUT_H_
#define SWITCHYARD_AGENT_RUNTIME_PROCESS_STATE_LAYOUT_H_

#include <compare>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"

namespace switchyard::agent::process {

struct TaskKey {
  uint64_t allocation = 0;
  uint32_t epoch = 0;
  auto operator<=>(const TaskKey&) const = default;
};

inline constexpr char kOrderFile[] = "order";
inline constexpr char kLimitFile[] = "limit";
inline constexpr char kDutyFile[] = "duty";
inline constexpr char kWorkDirectory[] = "work";
inline constexpr char kHasherStatusFile[] = "work/status.json";

std::string TasksDirectory(const std::string& state_dir);
std::string TrashDirectory(const std::string& state_dir);
std::string EndedDirectory(const std::string& state_dir);
std::string TaskDirectory(const std::string& state_dir, TaskKey key);
std::string TaskName(TaskKey key);                          // "17-3"
std::optional<TaskKey> ParseTaskName(const std::string& name);  // nothing: not the name of a task's directory

// The random id of this state directory, made if there is none yet.
absl::StatusOr<std::string> ReadOrMakeIncarnation(const std::string& state_dir);

}  // namespace switchyard::agent::process

#endif  // SWITCHYARD_AGENT_RUNTIME_PROCESS_STATE_LAYOUT_H_
