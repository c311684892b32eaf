// Programs that run beside this one and end with it.
#ifndef SWITCHYARD_SCHEDULER_DAEMON_CHILD_PROCESSES_H_
#define SWITCHYARD_SCHEDULER_DAEMON_CHILD_PROCESSES_H_

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace switchyard::daemon {

// Thread rule: one thread.
class ChildProcesses {
 public:
  // How long End waits between asking and forcing.
  explicit ChildProcesses(std::chrono::milliseconds patience = std::chrono::seconds(5)) : patience_(patience) {}
  ~ChildProcesses();  // ends all
  ChildProcesses(const ChildProcesses&) = delete;
  ChildProcesses& operator=(const ChildProcesses&) = delete;

  // Runs command[0], a path, with its output appended to `log`. It gets SIGTERM should this process die. NOT_FOUND where there is
  // no such program.
  absl::Status Start(const std::vector<std::string>& command, const std::string& log);

  // SIGTERM to all, and SIGKILL to those that are still there when the patience is over.
  void End();

 private:
  const std::chrono::milliseconds patience_;
  std::vector<pid_t> pids_;
};

}  // namespace switchyard::daemon

#endif  // SWITCHYARD_SCHEDULER_DAEMON_CHILD_PROCESSES_H_
