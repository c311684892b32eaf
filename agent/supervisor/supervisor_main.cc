// switchyard-supervisor: started by the agent once for each task, lives as long as the task, needs nobody.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <string>

#include "agent/supervisor/cgroup_trial.h"
#include "agent/supervisor/supervisor.h"
#include "agent/supervisor/task_directory.h"
#include "agent/supervisor/text_file.h"

namespace switchyard::agent::supervisor {
namespace {

constexpr char kHelp[] =
    "switchyard-supervisor: runs one task of the Switchyard agent and outlives it\n"
    "\n"
    "  switchyard-supervisor --task DIRECTORY        supervise the task whose spec is in DIRECTORY; returns once it is armed or\n"
    "                                                being armed, in the background\n"
    "  switchyard-supervisor --try-cgroup ROOT NAME  prove that a cgroup here can be made and killed; exit status 0 if so\n"
    "  switchyard-supervisor --help | --version\n";

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "switchyard-supervisor: %s\n", std::string(status.message()).c_str());
  return 1;
}

absl::StatusOr<TaskSpec> ReadSpec(const std::string& directory) {
  absl::StatusOr<std::string> text = ReadText(directory + "/" + kSpecFile);
  if (!text.ok()) return text.status();
  return TaskSpec::Parse(*text);
}

void LeaveTerminalAndAgent() {
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) dup2(null, descriptor);
  (void)chdir("/");
}

void BlockSignals() {
  sigset_t watched;
  sigfillset(&watched);
  sigprocmask(SIG_SETMASK, &watched, nullptr);  // SIGCHLD and SIGTERM are read from a descriptor, the others are not for us
}

// The process that supervises. Tells the starter through `ready` that the lock is held and the first status written.
int Supervise(const std::string& directory, int ready) {
  absl::StatusOr<int> lock = TakeTaskLock(directory);
  if (!lock.ok()) return Fail(lock.status());
  absl::StatusOr<TaskSpec> spec = ReadSpec(directory);
  if (!spec.ok()) return Fail(spec.status());
  Supervisor supervisor(directory, *std::move(spec));
  if (absl::Status begun = supervisor.Begin(); !begun.ok()) return Fail(begun);
  if (write(ready, "1", 1) != 1) return 1;
  close(ready);
  LeaveTerminalAndAgent();
  supervisor.Run();
  return 0;
}

// Forks twice: the supervisor belongs to init and to a session of its own, so that neither the agent's end nor a signal to its
// process group reaches it. Returns in the starter when the supervisor has taken over.
int Start(const std::string& directory) {
  int ready[2];
  if (pipe2(ready, O_CLOEXEC) != 0) return Fail(SystemError("cannot make a pipe for", directory, errno));
  BlockSignals();
  umask(022);
  const pid_t child = fork();
  if (child < 0) return Fail(SystemError("cannot fork for", directory, errno));
  if (child == 0) {
    setsid();
    const pid_t supervisor = fork();
    if (supervisor != 0) _exit(supervisor < 0 ? 1 : 0);
    close(ready[0]);
    _exit(Supervise(directory, ready[1]));
  }
  close(ready[1]);
  char byte;
  return read(ready[0], &byte, 1) == 1 ? 0 : 1;
}

int Main(int argc, char** argv) {
  const std::string verb = argc > 1 ? argv[1] : "";
  if (verb == "--help" && argc == 2) return std::fputs(kHelp, stdout) < 0;
  if (verb == "--version" && argc == 2) return std::puts("switchyard-supervisor " SWITCHYARD_VERSION) < 0;
  if (verb == "--task" && argc == 3) return Start(argv[2]);
  if (verb == "--try-cgroup" && argc == 4) {
    const absl::Status tried = TryCgroup(argv[2], argv[3]);
    return tried.ok() ? 0 : Fail(tried);
  }
  std::fputs(kHelp, stderr);
  return 2;
}

}  // namespace
}  // namespace switchyard::agent::supervisor

int main(int argc, char** argv) { return switchyard::agent::supervisor::Main(argc, argv); }
