#include "agent/supervisor/descendants.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <sstream>
#include <string>

#include "agent/supervisor/text_file.h"

namespace switchyard::agent::supervisor {

bool HasDescendants() {
  siginfo_t info = {};
  return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 || errno != ECHILD;
}

void KillDescendants() {
  // One thread, so that its children are all of the process's.
  const std::string self = std::to_string(getpid());
  const auto children = ReadText("/proc/self/task/" + self + "/children");
  if (!children.ok()) return;
  std::istringstream words(*children);
  for (pid_t pid = 0; words >> pid;) kill(pid, SIGKILL);
}

}  // namespace switchyard::agent::supervisor
