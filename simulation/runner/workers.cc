#include "simulation/runner/workers.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/check.h"

namespace switchyard::simulation {
namespace {

void WriteAll(int descriptor, const std::string& text) {
  size_t written = 0;
  while (written < text.size()) {
    const ssize_t n = write(descriptor, text.data() + written, text.size() - written);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;  // the parent is gone: nobody waits
    written += static_cast<size_t>(n);
  }
}

[[noreturn]] void Work(const std::function<std::string()>& work, int answer, int errors) {
  dup2(errors, STDERR_FILENO);
  alarm(Workers::kPatienceSeconds);
  WriteAll(answer, work());
  // No destructors and no flush: they belong to the parent.
  _exit(0);
}

std::string Death(int status) {
  if (WIFSIGNALED(status)) {
    return WTERMSIG(status) == SIGALRM ? "it did not end within " + std::to_string(Workers::kPatienceSeconds) + " s"
                                       : std::string("ended by signal ") + strsignal(WTERMSIG(status));
  }
  return WEXITSTATUS(status) == 0 ? "" : "ended with status " + std::to_string(WEXITSTATUS(status));
}

}  // namespace

Workers::~Workers() {
  for (const Child& child : running_) {
    kill(child.pid, SIGKILL);
    waitpid(child.pid, nullptr, 0);
    if (child.answer >= 0) close(child.answer);
    if (child.errors >= 0) close(child.errors);
  }
}

void Workers::Start(uint64_t id, const std::function<std::string()>& work) {
  SWITCHYARD_CHECK(!Full());
  std::array<int, 2> answer, errors;
  SWITCHYARD_CHECK(pipe(answer.data()) == 0 && pipe(errors.data()) == 0) << strerror(errno);
  std::cout.flush();
  const pid_t pid = fork();
  SWITCHYARD_CHECK(pid >= 0) << "fork: " << strerror(errno);
  if (pid == 0) {
    for (const Child& child : running_) {
      if (child.answer >= 0) close(child.answer);
      if (child.errors >= 0) close(child.errors);
    }
    Work(work, answer[1], errors[1]);
  }
  close(answer[1]);
  close(errors[1]);
  Child child{.id = id, .pid = pid, .answer = answer[0], .errors = errors[0], .result = {}};
  child.result.id = id;
  running_.push_back(std::move(child));
}

// False: there is nothing more to come.
bool Workers::Drain(int* descriptor, std::string* text) {
  std::array<char, 65536> buffer;
  const ssize_t n = read(*descriptor, buffer.data(), buffer.size());
  if (n > 0) text->append(buffer.data(), static_cast<size_t>(n));
  if (n > 0 || (n < 0 && errno == EINTR)) return true;
  close(*descriptor);
  *descriptor = -1;
  return false;
}

WorkResult Workers::Wait() {
  SWITCHYARD_CHECK(!Idle());
  for (;;) {
    std::vector<pollfd> waits;
    for (const Child& child : running_) {
      for (const int descriptor : {child.answer, child.errors})
        waits.push_back({.fd = descriptor, .events = POLLIN, .revents = 0});
    }
    if (poll(waits.data(), waits.size(), -1) < 0) continue;
    for (size_t i = 0; i < running_.size(); ++i) {
      Child& child = running_[i];
      if (waits[2 * i].revents != 0) Drain(&child.answer, &child.result.answer);
      if (waits[2 * i + 1].revents != 0) Drain(&child.errors, &child.result.errors);
    }
    const auto ended = std::find_if(running_.begin(), running_.end(),
                                    [](const Child& child) { return child.answer < 0 && child.errors < 0; });
    if (ended == running_.end()) continue;
    int status = 0;
    while (waitpid(ended->pid, &status, 0) < 0 && errno == EINTR) {
    }
    WorkResult result = std::move(ended->result);
    result.death = Death(status);
    running_.erase(ended);
    return result;
  }
}

WorkResult RunAlone(const std::function<std::string()>& work) {
  Workers workers(1);
  workers.Start(0, work);
  return workers.Wait();
}

}  // namespace switchyard::simulation
