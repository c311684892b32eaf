#include "agent/session/event_loop.h"

#include <algorithm>
#include <cerrno>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <utility>

#include "common/check.h"

namespace switchyard::agent::session {

EventLoop::EventLoop(const platform::Clock& clock) : clock_(clock) {
  wake_descriptor_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  // BOOTTIME counts the time that the machine slept: a poll's own timeout would not.
  timer_descriptor_ = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
  SWITCHYARD_CHECK(wake_descriptor_ >= 0 && timer_descriptor_ >= 0) << "errno " << errno;
}

EventLoop::~EventLoop() {
  close(wake_descriptor_);
  close(timer_descriptor_);
}

void EventLoop::Post(std::function<void()> function) {
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return;
    posted_.push_back(std::move(function));
    if (posted_.size() > 1) return;  // the loop is awake already, or about to be
  }
  const uint64_t one = 1;
  // A full counter means that the loop is going to wake anyway.
  [[maybe_unused]] const ssize_t written = write(wake_descriptor_, &one, sizeof(one));
}

void EventLoop::At(MonoTime when, std::function<void()> function) { timers_.emplace(when, std::move(function)); }

void EventLoop::WatchReadable(int descriptor, std::function<void()> function) {
  readers_[descriptor] = std::move(function);
}
void EventLoop::UnwatchReadable(int descriptor) { readers_.erase(descriptor); }

void EventLoop::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(wake_descriptor_, &one, sizeof(one));
}

void EventLoop::RunPosted() {
  std::vector<std::function<void()>> functions;
  {
    const std::lock_guard lock(mutex_);
    functions.swap(posted_);
  }
  for (const auto& function : functions) function();
}

void EventLoop::RunDue() {
  const MonoTime now = clock_.Mono();
  // What a timer adds for now runs in the next round, so that a timer that renews itself cannot keep the loop from the
  // rest.
  std::vector<std::function<void()>> due;
  while (!timers_.empty() && timers_.begin()->first <= now) {
    due.push_back(std::move(timers_.begin()->second));
    timers_.erase(timers_.begin());
  }
  for (const auto& function : due) function();
}

void EventLoop::Sleep() {
  itimerspec spec{};
  if (!timers_.empty()) {
    const int64_t wait = std::max<int64_t>((timers_.begin()->first - clock_.Mono()).count(), 0);
    spec.it_value.tv_sec = wait / 1000;
    spec.it_value.tv_nsec = wait % 1000 * 1'000'000 + 1;  // all zero would disarm
  }
  SWITCHYARD_CHECK(timerfd_settime(timer_descriptor_, 0, &spec, nullptr) == 0) << "errno " << errno;
  std::vector<pollfd> polled{{wake_descriptor_, POLLIN, 0}, {timer_descriptor_, POLLIN, 0}};
  for (const auto& [descriptor, function] : readers_) polled.push_back({descriptor, POLLIN, 0});
  if (poll(polled.data(), polled.size(), -1) < 0) {
    SWITCHYARD_CHECK(errno == EINTR) << "errno " << errno;
    return;
  }
  uint64_t count = 0;
  for (size_t i = 0; i < 2; ++i) {
    if (polled[i].revents != 0) [[maybe_unused]]
      const ssize_t n = read(polled[i].fd, &count, sizeof(count));
  }
  for (size_t i = 2; i < polled.size(); ++i) {
    if (polled[i].revents == 0) continue;
    const auto reader = readers_.find(polled[i].fd);  // an earlier reader may have taken it away
    if (reader == readers_.end()) continue;
    const std::function<void()> function = reader->second;
    function();
  }
}

void EventLoop::Run() {
  while (true) {
    RunPosted();
    RunDue();
    for (const auto& function : after_events_) function();
    {
      const std::lock_guard lock(mutex_);
      if (stopped_) return;
    }
    Sleep();
  }
}

}  // namespace switchyard::agent::session
