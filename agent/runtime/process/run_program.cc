#include "agent/runtime/process/run_program.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace switchyard::agent::process {
namespace {

constexpr size_t kMessageBytesMax = 2048;

// posix_spawn, not fork: this process has gRPC's threads, and a forked copy may only call what is safe in a signal handler.
int Spawn(const std::vector<std::string>& command, int error_end, pid_t* pid) {
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_adddup2(&files, error_end, STDERR_FILENO);
  posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  std::vector<char*> arguments;
  for (const std::string& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  char* environment[] = {nullptr};
  const int error = posix_spawn(pid, command.front().c_str(), &files, &attributes, arguments.data(), environment);
  posix_spawn_file_actions_destroy(&files);
  posix_spawnattr_destroy(&attributes);
  return error;
}

}  // namespace

absl::Status RunProgram(const std::vector<std::string>& command) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    return absl::UnavailableError(fmt::format("program \"{}\": cannot make a pipe: {}", command.front(), std::strerror(errno)));
  }
  pid_t pid = 0;
  const int error = Spawn(command, ends[1], &pid);
  close(ends[1]);
  std::string message;
  char buffer[512];
  // The supervisor gives its standard error up as soon as it has taken over, so this ends then.
  for (ssize_t got = 1; error == 0 && got != 0;) {
    got = read(ends[0], buffer, sizeof buffer);
    if (got < 0 && errno != EINTR) break;
    if (got > 0 && message.size() < kMessageBytesMax) message.append(buffer, static_cast<size_t>(got));
  }
  close(ends[0]);
  if (error != 0) {
    return absl::FailedPreconditionError(fmt::format("program \"{}\": cannot be started: {}", command.front(), std::strerror(error)));
  }
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return absl::OkStatus();
  while (!message.empty() && message.back() == '\n') message.pop_back();
  return absl::FailedPreconditionError(fmt::format("program \"{}\": failed: {}", command.front(), message));
}

}  // namespace switchyard::agent::process
