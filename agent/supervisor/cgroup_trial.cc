#include "agent/supervisor/cgroup_trial.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "agent/supervisor/cgroup.h"
#include "agent/supervisor/descendants.h"
#include "agent/supervisor/task_directory.h"
#include "agent/supervisor/text_file.h"

namespace switchyard::agent::supervisor {
namespace {

constexpr int64_t kTrialLimitMs = 5000;  // a kill takes milliseconds; a machine that needs seconds enforces nothing

// A child that waits for `gate` to be written (it is in the cgroup then) and forks one that leaves its session and its parent.
[[noreturn]] void Escape(int gate) {
  char byte;
  if (read(gate, &byte, 1) != 1) _exit(1);
  if (fork() == 0) {
    setsid();
    if (fork() != 0) _exit(0);
  }
  while (true) pause();
}

}  // namespace

absl::Status TryCgroup(const std::string& root, const std::string& name) {
  prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  Cgroup cgroup = Cgroup::At(root, name);
  std::vector<std::string> lacking;
  cgroup.Create(&lacking);
  if (cgroup.empty()) return absl::UnavailableError("cgroup \"" + root + "\": none can be made here");
  int gate[2];
  if (pipe(gate) != 0) return SystemError("cannot make a pipe for", name, errno);
  const pid_t child = fork();
  if (child < 0) return SystemError("cannot fork for", name, errno);
  if (child == 0) Escape(gate[0]);
  absl::Status status = cgroup.Attach(child);
  if (!status.ok()) kill(child, SIGKILL);
  const bool opened = write(gate[1], "1", 1) == 1;
  const int64_t limit = BootMilliseconds() + kTrialLimitMs;
  // Child and grandchild are in it, the one between them has gone: kill, and wait until all are gone.
  while (status.ok() && opened && cgroup.Processes().size() < 2 && BootMilliseconds() < limit) poll(nullptr, 0, 1);
  if (status.ok() && cgroup.Processes().size() < 2) status = absl::UnavailableError("cgroup \"" + name + "\": a child escaped it");
  while (HasDescendants() && BootMilliseconds() < limit) {
    cgroup.SignalAll(SIGKILL);
    while (waitpid(-1, nullptr, WNOHANG) > 0) continue;
    poll(nullptr, 0, 1);
  }
  if (status.ok() && HasDescendants()) status = absl::UnavailableError("cgroup \"" + name + "\": a process in it cannot be killed");
  KillDescendants();
  const absl::Status removed = cgroup.Remove();
  return status.ok() ? removed : status;
}

}  // namespace switchyard::agent::supervisor
