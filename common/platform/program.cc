#include "common/platform/program.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <limits>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/check.h"
#include "common/platform/clock.h"

namespace switchyard::platform {
namespace {

sigset_t HandledSignals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGHUP);
  return set;
}

}  // namespace

std::string VersionText(const std::string& program) { return program + " " + SWITCHYARD_VERSION; }

ProgramSignals::ProgramSignals() {
  const sigset_t set = HandledSignals();
  SWITCHYARD_CHECK(pthread_sigmask(SIG_BLOCK, &set, nullptr) == 0);
  std::signal(SIGPIPE, SIG_IGN);
  signal_descriptor_ = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  request_descriptor_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  SWITCHYARD_CHECK(signal_descriptor_ >= 0 && request_descriptor_ >= 0) << "errno " << errno;
}

ProgramSignals::~ProgramSignals() {
  close(signal_descriptor_);
  close(request_descriptor_);
}

ProgramSignals::Event ProgramSignals::Wait() {
  while (true) {
    if (const std::optional<Event> event = WaitFor(Hours(1))) return *event;
  }
}

std::optional<ProgramSignals::Event> ProgramSignals::WaitFor(Duration limit) {
  const int64_t deadline = BootTimeMilliseconds() + limit.count();
  while (true) {
    pollfd sources[] = {{request_descriptor_, POLLIN, 0}, {signal_descriptor_, POLLIN, 0}};
    const int64_t left = std::max<int64_t>(0, deadline - BootTimeMilliseconds());
    const int ready = poll(sources, 2, static_cast<int>(std::min<int64_t>(left, std::numeric_limits<int>::max())));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return std::nullopt;
    // The request stays readable on purpose: once asked to stop, every Wait says so.
    if (sources[0].revents != 0) return Event::kStop;
    signalfd_siginfo signal{};
    if (read(signal_descriptor_, &signal, sizeof(signal)) != sizeof(signal)) continue;
    return signal.ssi_signo == SIGHUP ? Event::kReload : Event::kStop;
  }
}

void ProgramSignals::RequestStop() {
  const uint64_t one = 1;
  // Fails only when the counter is full, and then the request is there already.
  [[maybe_unused]] const ssize_t written = write(request_descriptor_, &one, sizeof(one));
}

void RaiseDescriptorLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);  // refused: what was allowed stays
}

void UnblockSignals() {
  const sigset_t set = HandledSignals();
  std::signal(SIGPIPE, SIG_DFL);
  sigprocmask(SIG_UNBLOCK, &set, nullptr);
}

}  // namespace switchyard::platform
