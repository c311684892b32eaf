// The supervisor's child: forked and made ready (user, cgroup, limits, descriptors) up to the instant before exec, where it waits
// for one byte. So everything that can fail has failed before a gang is released, and nothing of the user's has run.
#ifndef SWITCHYARD_AGENT_SUPERVISOR_TASK_PROCESS_H_
#define SWITCHYARD_AGENT_SUPERVISOR_TASK_PROCESS_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/supervisor/task_spec.h"

namespace switchyard::agent::supervisor {

// Its descriptors are the supervisor's ends: owned by the holder, non-blocking, close-on-exec.
struct TaskProcess {
  pid_t pid = 0;        // leader of a session and process group of its own
  int release = -1;     // write one byte: exec
  int report = -1;      // reads `ready`, then end of file after exec, or the text of what failed
  int output = -1;
  int error = -1;
};

inline constexpr char kReady = 'R';

// Forks the child and puts it into the cgroup. What the machine refuses without harm to the task is named in `lacking`.
absl::StatusOr<TaskProcess> ForkTask(const TaskSpec& spec, std::vector<std::string>* lacking);

}  // namespace switchyard::agent::supervisor

#endif  // SWITCHYARD_AGENT_SUPERVISOR_TASK_PROCESS_H_
