#include "agent/runtime/process/machine_watcher.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <climits>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "agent/supervisor/output_files.h"
#include "agent/supervisor/task_directory.h"
#include "common/check.h"

namespace switchyard::agent::process {
namespace {

// A chatty task must not wake the session at every line.
constexpr Duration kOutputDelay = Milliseconds(50);

}  // namespace

MachineWatcher::MachineWatcher(std::function<void()> wake, std::string trash)
    : wake_(std::move(wake)),
      trash_(std::move(trash)),
      inotify_(inotify_init1(IN_CLOEXEC | IN_NONBLOCK)),
      event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      timer_(timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK)) {
  SWITCHYARD_CHECK(inotify_ >= 0 && event_ >= 0 && timer_ >= 0);
  thread_ = std::thread([this] { Loop(); });
}

MachineWatcher::~MachineWatcher() {
  stop_ = true;
  Nudge();
  thread_.join();
  for (const auto& [pid, descriptor] : processes_) close(descriptor);
  for (const int descriptor : {inotify_, event_, timer_}) close(descriptor);
}

void MachineWatcher::WatchTask(const std::string& task_directory) {
  inotify_add_watch(inotify_, task_directory.c_str(), IN_MOVED_TO | IN_MODIFY | IN_CREATE | IN_ONLYDIR);
}

void MachineWatcher::WatchProcess(pid_t pid) {
  const std::lock_guard lock(mutex_);
  if (pid <= 0 || processes_.contains(pid)) return;
  const int descriptor = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  if (descriptor < 0) return;  // gone already; the next look shows it
  processes_.emplace(pid, descriptor);
  Nudge();
}

void MachineWatcher::WakeAfter(Duration delay) {
  const std::lock_guard lock(mutex_);
  const int64_t at = supervisor::BootMilliseconds() + std::max<int64_t>(delay.count(), 1);
  if (wake_at_ms_ != 0 && wake_at_ms_ <= at) return;
  wake_at_ms_ = at;
  const itimerspec when = {.it_interval = {}, .it_value = {.tv_sec = at / 1000, .tv_nsec = at % 1000 * 1'000'000}};
  timerfd_settime(timer_, TFD_TIMER_ABSTIME, &when, nullptr);
}

void MachineWatcher::EmptyTrash() {
  trash_full_ = true;
  Nudge();
}

void MachineWatcher::Nudge() {
  const uint64_t one = 1;
  const ssize_t ignored = write(event_, &one, sizeof one);  // full: it is readable already
  (void)ignored;
}

void MachineWatcher::Loop() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
  while (!stop_) {
    std::vector<pollfd> watched = {{inotify_, POLLIN, 0}, {event_, POLLIN, 0}, {timer_, POLLIN, 0}};
    std::vector<pid_t> pids;
    {
      const std::lock_guard lock(mutex_);
      for (const auto& [pid, descriptor] : processes_) {
        pids.push_back(pid);
        watched.push_back({descriptor, POLLIN, 0});
      }
    }
    if (trash_full_.exchange(false)) {
      std::error_code ignored;  // what cannot be removed now is tried again by the next agent
      for (std::filesystem::directory_iterator entry(trash_, ignored), end; !ignored && entry != end && !stop_;
           entry.increment(ignored)) {
        std::error_code kept;
        std::filesystem::remove_all(entry->path(), kept);
      }
    }
    poll(watched.data(), watched.size(), -1);
    uint64_t count;
    if (watched[1].revents != 0 && read(event_, &count, sizeof count) < 0) continue;
    if (watched[2].revents != 0 && read(timer_, &count, sizeof count) > 0) {
      {
        const std::lock_guard lock(mutex_);
        wake_at_ms_ = 0;
      }
      wake_();
    }
    if (watched[0].revents != 0) ReadChanges();
    std::vector<pid_t> dead;
    for (size_t i = 0; i < pids.size(); ++i) {
      if (watched[3 + i].revents != 0) dead.push_back(pids[i]);
    }
    if (!dead.empty()) ReapProcesses(dead);
  }
}

void MachineWatcher::ReadChanges() {
  alignas(inotify_event) char buffer[64 * (sizeof(inotify_event) + NAME_MAX + 1)];
  bool status = false, output = false;
  for (ssize_t got; (got = read(inotify_, buffer, sizeof buffer)) > 0;) {
    for (const char* at = buffer; at < buffer + got;) {
      const auto* event = reinterpret_cast<const inotify_event*>(at);
      const std::string_view name = event->len > 0 ? event->name : "";
      status |= name == supervisor::kStatusFile || (event->mask & IN_Q_OVERFLOW) != 0;
      output |= name.starts_with(supervisor::kOutputPrefix);
      at += sizeof(inotify_event) + event->len;
    }
  }
  if (status) wake_();
  else if (output && output_wanted_) WakeAfter(kOutputDelay);
}

void MachineWatcher::ReapProcesses(const std::vector<pid_t>& dead) {
  {
    const std::lock_guard lock(mutex_);
    for (const pid_t pid : dead) {
      close(processes_.at(pid));
      processes_.erase(pid);
    }
  }
  wake_();
}

}  // namespace switchyard::agent::process
