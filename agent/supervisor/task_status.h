// What a supervisor says of its task: the file `status` of the task directory, replaced whole at every change. The agent reads
// it, whatever agent process that is, and writes it itself only when no supervisor holds the task's lock any more.
#ifndef SWITCHYARD_AGENT_SUPERVISOR_TASK_STATUS_H_
#define SWITCHYARD_AGENT_SUPERVISOR_TASK_STATUS_H_

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace switchyard::agent::supervisor {

// In order; a task never goes back.
enum class TaskState { kPreparing, kPrepared, kRunning, kStopping, kEnded };

const char* TaskStateName(TaskState state);

struct TaskStatus {
  TaskState state = TaskState::kPreparing;
  std::string boot_id;          // another one than the machine's: nothing of it runs any more
  pid_t supervisor_pid = 0;
  pid_t task_pid = 0;           // leader of the task's session; 0: none
  int64_t task_start_ticks = 0;  // tells the process from a later one of the same number
  bool paused = false;          // frozen, since the lease is over
  int64_t released_at_ms = 0;   // CLOCK_BOOTTIME; 0: never
  int64_t ended_at_ms = 0;
  int exit_code = 0;            // when ended; 128 + n after signal n
  std::string reason;           // why it ended, for a person; empty: it ended by itself
  int64_t cpu_us = 0;           // when ended: CPU time of everything that was in its cgroup
  std::string lacking;          // protections that this machine refused, comma-separated

  std::string Format() const;
  static absl::StatusOr<TaskStatus> Parse(const std::string& text);
};

absl::StatusOr<TaskStatus> ReadTaskStatus(const std::string& task_directory);
absl::Status WriteTaskStatus(const std::string& task_directory, const TaskStatus& status);

}  // namespace switchyard::agent::supervisor

#endif  // SWITCHYARD_AGENT_SUPERVISOR_TASK_STATUS_H_
