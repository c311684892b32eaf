#include "scheduler/daemon/child_processes.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <thread>

#include "common/platform/program.h"
#include "fmt/format.h"

namespace switchyard::daemon {
namespace {

constexpr auto kPause = std::chrono::milliseconds(20);

// Between fork and exec only what is async-signal-safe.
[[noreturn]] void BecomeProgram(char* const* arguments, int log, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) ::_exit(1);  // the parent died before the line above
  platform::UnblockSignals();
  ::dup2(log, STDOUT_FILENO);
  ::dup2(log, STDERR_FILENO);
  ::execv(arguments[0], arguments);
  ::_exit(127);
}

}  // namespace

ChildProcesses::~ChildProcesses() { End(); }

absl::Status ChildProcesses::Start(const std::vector<std::string>& command, const std::string& log) {
  if (::access(command[0].c_str(), X_OK) != 0) {
    return absl::NotFoundError(fmt::format("program \"{}\": it is not there; build it beside switchyardd", command[0]));
  }
  const int file = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (file < 0) return absl::InternalError(fmt::format("log \"{}\": it cannot be opened ({})", log, std::strerror(errno)));
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid == 0) BecomeProgram(arguments.data(), file, parent);
  ::close(file);
  if (pid < 0) return absl::InternalError(fmt::format("program \"{}\": fork failed ({})", command[0], std::strerror(errno)));
  pids_.push_back(pid);
  return absl::OkStatus();
}

void ChildProcesses::End() {
  for (const pid_t pid : pids_) ::kill(pid, SIGTERM);
  const auto deadline = std::chrono::steady_clock::now() + patience_;
  while (!pids_.empty()) {
    std::erase_if(pids_, [](pid_t pid) { return ::waitpid(pid, nullptr, WNOHANG) != 0; });
    if (pids_.empty()) return;
    if (std::chrono::steady_clock::now() >= deadline) {
      for (const pid_t pid : pids_) ::kill(pid, SIGKILL);
    }
    std::this_thread::sleep_for(kPause);
  }
}

}  // namespace switchyard::daemon
