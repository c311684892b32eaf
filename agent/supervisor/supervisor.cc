#include "agent/supervisor/supervisor.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

#include "agent/supervisor/descendants.h"
#include "agent/supervisor/task_directory.h"
#include "agent/supervisor/text_file.h"

namespace switchyard::agent::supervisor {
namespace {

// How soon a kill is repeated: a process in flight between fork and its cgroup's list needs a second one.
constexpr int64_t kKillAgainMs = 20;
// Users have a limit of inotify instances that many tasks may reach; then each looks so often by itself.
constexpr int64_t kLookForDirectoryMs = 500;
// An exclusive device hangs on it: a look now and then, whatever was or was not told.
constexpr int64_t kLookAnywayMs = 5000;
constexpr int64_t kLeastCpuMilli = 10;  // below it the kernel's limit would be rounded up
constexpr int kProtectedFromOom = -1000;
constexpr size_t kControlLineMax = 256;  // a longer one is no command of ours
constexpr int kOutputReadsAtOnce = 16;   // so that a chatty task cannot keep the loop from its deadlines

int ExitCode(int wait_status) {
  return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

std::string Join(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

}  // namespace

Supervisor::Supervisor(std::string directory, TaskSpec spec)
    : directory_(std::move(directory)),
      spec_(std::move(spec)),
      lease_end_ms_(std::max(spec_.lease_end_ms, BootMilliseconds())) {
  status_.boot_id = spec_.boot_id;
  status_.supervisor_pid = getpid();
}

absl::Status Supervisor::Begin() {
  absl::StatusOr<int> control = OpenControl(directory_);
  if (!control.ok()) return control.status();
  control_ = *control;
  sigset_t watched;
  sigemptyset(&watched);
  sigaddset(&watched, SIGCHLD);
  sigaddset(&watched, SIGTERM);
  signals_ = signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
  timer_ = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
  if (signals_ < 0 || timer_ < 0) return SystemError("cannot watch", directory_, errno);
  removal_ = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  const std::string lock = directory_ + "/" + kLockFile;
  // The lock is open here: its removal shows as a change of its count of links.
  if (removal_ >= 0 && inotify_add_watch(removal_, lock.c_str(), IN_ATTRIB | IN_MOVE_SELF) < 0)
    close(std::exchange(removal_, -1));
  return WriteTaskStatus(directory_, status_);
}

void Supervisor::Run() {
  Arm();
  while (status_.state != TaskState::kEnded) {
    WaitForEvents();
    ReadSignals();
    Reap();
    ReadControl();
    ReadReport();
    ReadOutput(&process_.output, false);
    ReadOutput(&process_.error, true);
    CheckDirectory();
    CheckDeadlines();
  }
}

void Supervisor::Arm() {
  std::vector<std::string> lacking;
  // Orphans of the task come to us, not to init: they are reaped, and found even where there is no cgroup.
  prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  if (!WriteControl("/proc/self/oom_score_adj", std::to_string(kProtectedFromOom)).ok())
    lacking.push_back("oom protection");
  spec_.cgroup.Create(&lacking);
  spec_.cgroup.SetLimits(spec_.cgroup_limits, &lacking);
  output_.emplace(directory_, spec_.output_file_bytes, spec_.output_files);
  absl::StatusOr<TaskProcess> process = ForkTask(spec_, &lacking);
  status_.lacking = Join(lacking);
  if (!process.ok()) {
    status_.exit_code = 127;
    status_.reason = std::string(process.status().message());
    exited_ = true;
    return Finish();
  }
  process_ = *process;
  status_.task_pid = process_.pid;
  status_.task_start_ticks = ProcessStartTicks(process_.pid);
  Publish(TaskState::kPreparing);
}

void Supervisor::WaitForEvents() {
  const int64_t deadline = NextDeadline();
  itimerspec at = {};
  at.it_value.tv_sec = deadline / 1000;
  at.it_value.tv_nsec = deadline % 1000 * 1'000'000;
  if (at.it_value.tv_sec == 0 && at.it_value.tv_nsec == 0) at.it_value.tv_nsec = 1;  // zero would disarm it
  timerfd_settime(timer_, TFD_TIMER_ABSTIME, &at, nullptr);
  pollfd watched[] = {{control_, POLLIN, 0},      {signals_, POLLIN, 0},        {timer_, POLLIN, 0},
                      {removal_, POLLIN, 0},      {process_.report, POLLIN, 0}, {process_.output, POLLIN, 0},
                      {process_.error, POLLIN, 0}};
  poll(watched, std::size(watched), -1);  // negative descriptors are skipped; a failure is a look around too early
}

int64_t Supervisor::NextDeadline() const {
  if (exited_) return BootMilliseconds() + kKillAgainMs;
  int64_t next = BootMilliseconds() + (removal_ < 0 ? kLookForDirectoryMs : kLookAnywayMs);
  if (BootMilliseconds() < look_until_ms_ && !directory_lost_) next = BootMilliseconds() + kKillAgainMs;
  if (kill_at_ms_) {
    next = std::min(
        next, std::max(*kill_at_ms_, BootMilliseconds() + (*kill_at_ms_ <= BootMilliseconds() ? kKillAgainMs : 0)));
  }
  if (MayBeFenced()) next = std::min(next, lease_end_ms_ + spec_.fence_after_ms);
  return next;
}

bool Supervisor::MayBeFenced() const {
  // Nothing of a prepared task runs and nothing draws: only one that is to be ended, not paused, is fenced before its
  // start.
  return spec_.fence_after_ms >= 0 && !kill_at_ms_ && !status_.paused && !held_at_fence_ &&
         (!spec_.pause_at_fence || status_.state == TaskState::kRunning);
}

void Supervisor::ReadControl() {
  char buffer[4096];
  for (ssize_t got; (got = read(control_, buffer, sizeof buffer)) > 0;)
    control_rest_.append(buffer, static_cast<size_t>(got));
  for (size_t end; (end = control_rest_.find('\n')) != std::string::npos; control_rest_.erase(0, end + 1)) {
    Obey(control_rest_.substr(0, end));
  }
  if (control_rest_.size() > kControlLineMax) control_rest_.clear();
}

void Supervisor::Obey(const std::string& line) {
  const std::string verb = line.substr(0, line.find(' '));
  const int64_t number = verb.size() < line.size() ? std::strtoll(line.c_str() + verb.size(), nullptr, 10) : 0;
  if (verb == "release") Release();
  if (verb == "stop") Stop(number, "");
  if (verb == "lease" && number > lease_end_ms_) {
    lease_end_ms_ = number;
    held_at_fence_ = held_at_fence_ && number <= BootMilliseconds();
    if (status_.paused && number > BootMilliseconds() && spec_.cgroup.Thaw().ok()) {
      status_.paused = false;
      Publish(status_.state);
    }
  }
}

void Supervisor::Release() {
  if (status_.state != TaskState::kPrepared) return;
  // Durable before the byte: a task that may run is never taken for one that was only prepared.
  status_.released_at_ms = BootMilliseconds();
  Publish(TaskState::kRunning);
  const char byte = 1;
  if (write(process_.release, &byte, 1) != 1) Stop(0, "the prepared process was gone when it was released");
  close(std::exchange(process_.release, -1));
}

void Supervisor::Stop(int64_t grace_ms, const std::string& reason) {
  if (exited_) return;
  const bool never_ran = status_.state < TaskState::kRunning;
  const int64_t kill_at = BootMilliseconds() + (never_ran ? 0 : std::max<int64_t>(grace_ms, 0));
  const bool first = !kill_at_ms_;
  kill_at_ms_ = first ? kill_at : std::min(*kill_at_ms_, kill_at);
  if (!first) return;
  status_.reason = !reason.empty() ? reason : never_ran ? "stopped before its start" : "";
  Publish(TaskState::kStopping);
  if (grace_ms > 0 && !never_ran) {
    kill(-process_.pid, SIGTERM);
    // A frozen process cannot use its grace; its duty is 0, so thawing it for its end costs no watts worth a budget.
    if (status_.paused && spec_.cgroup.Thaw().ok()) status_.paused = false;
  }
}

void Supervisor::ReadReport() {
  if (process_.report < 0) return;
  char buffer[512];
  ssize_t got;
  while ((got = read(process_.report, buffer, sizeof buffer)) > 0) failure_.append(buffer, static_cast<size_t>(got));
  if (!failure_.empty() && failure_.front() == kReady) {
    failure_.erase(0, 1);
    if (status_.state == TaskState::kPreparing) Publish(TaskState::kPrepared);
  }
  if (got == 0) close(std::exchange(process_.report, -1));
}

void Supervisor::ReadOutput(int* descriptor, bool is_error) {
  char buffer[65536];
  for (int reads = 0; *descriptor >= 0 && reads < kOutputReadsAtOnce; ++reads) {
    const ssize_t got = read(*descriptor, buffer, sizeof buffer);
    if (got > 0) output_->Write(is_error, {buffer, static_cast<size_t>(got)});
    if (got == 0) close(std::exchange(*descriptor, -1));
    if (got < 0) return;
  }
}

void Supervisor::ReadSignals() {
  signalfd_siginfo info;
  while (read(signals_, &info, sizeof info) == sizeof info) {
    // The machine shuts down: the task gets its grace as from any other stop.
    if (info.ssi_signo == SIGTERM) Stop(spec_.grace_ms, "the machine shuts down");
  }
}

void Supervisor::Reap() {
  int wait_status = 0;
  for (pid_t pid; (pid = waitpid(-1, &wait_status, WNOHANG)) > 0;) {
    if (pid != process_.pid) continue;  // an orphan of the task that came to us
    exited_ = true;
    status_.exit_code = ExitCode(wait_status);
    ReadReport();
    if (!failure_.empty())
      status_.reason = failure_;
    else if (status_.state < TaskState::kRunning && status_.reason.empty())
      status_.reason = "died while it was prepared";
    // Whatever else the task started ends with it.
    Publish(TaskState::kStopping);
    KillRemains();
  }
}

void Supervisor::CheckDeadlines() {
  if (status_.state == TaskState::kEnded) return;
  const int64_t now = BootMilliseconds();
  if (exited_) {
    KillRemains();
    if (!spec_.cgroup.HasProcesses() && !HasDescendants()) Finish();
    return;
  }
  if (kill_at_ms_ && now >= *kill_at_ms_) KillRemains();
  if (MayBeFenced() && now >= lease_end_ms_ + spec_.fence_after_ms) Fence();
}

void Supervisor::CheckDirectory() {
  if (status_.state == TaskState::kEnded || exited_) return;
  char changes[4096];
  // The kernel tells of a removal a moment before the name is gone: one look at the event could be the last and too
  // early.
  while (removal_ >= 0 && read(removal_, changes, sizeof changes) > 0)
    look_until_ms_ = BootMilliseconds() + kLookForDirectoryMs;
  const std::string lock = directory_ + "/" + kLockFile;
  if (directory_lost_ || access(lock.c_str(), F_OK) == 0 || errno != ENOENT) return;
  directory_lost_ = true;
  Stop(0, "its directory was removed");
}

void Supervisor::Fence() {
  if (!spec_.pause_at_fence) return Stop(0, "fenced: no lease came for longer than its job allows");
  if (HoldAtFenceDuty()) return;
  // Duty first: when it is thawed under a later lease it must not go on at watts that have long been given to others.
  const bool lowered = spec_.duty_file.empty() || ReplaceText(spec_.duty_file, "0\n", 0644).ok();
  if (!lowered || !spec_.cgroup.Freeze().ok())
    return Stop(0, "fenced: the lease ended and the task could not be paused");
  status_.paused = true;
  Publish(status_.state);
}

// Down to the duty at which it goes on without a lease. The kernel's limit is what makes it certain: who only asks the
// task freezes it instead.
bool Supervisor::HoldAtFenceDuty() {
  if (spec_.fence_duty <= 0 || spec_.duty_file.empty() || spec_.cpus.empty()) return false;
  const absl::StatusOr<std::string> text = ReadText(spec_.duty_file);
  const int64_t present = text.ok() ? std::strtoll(text->c_str(), nullptr, 10) : 0;
  const int64_t duty = std::clamp<int64_t>(present, 0, spec_.fence_duty);
  const int64_t cpu_milli = duty * static_cast<int64_t>(spec_.cpus.size());
  if (cpu_milli < kLeastCpuMilli || !spec_.cgroup.SetCpuLimit(cpu_milli).ok()) return false;
  if (!ReplaceText(spec_.duty_file, std::to_string(duty) + "\n", 0644).ok()) return false;
  held_at_fence_ = true;
  return true;
}

void Supervisor::KillRemains() {
  if (!exited_) kill(-process_.pid, SIGKILL);
  spec_.cgroup.SignalAll(SIGKILL);
  KillDescendants();
  Reap();
}

void Supervisor::Finish() {
  // Everything that could write is dead: what the pipes still hold is all that will come.
  for (const auto& [descriptor, is_error] : {std::pair{&process_.output, false}, std::pair{&process_.error, true}}) {
    for (char buffer[65536]; *descriptor >= 0;) {
      const ssize_t got = read(*descriptor, buffer, sizeof buffer);
      if (got > 0)
        output_->Write(is_error, {buffer, static_cast<size_t>(got)});
      else
        close(std::exchange(*descriptor, -1));
    }
  }
  status_.cpu_us = std::max<int64_t>(spec_.cgroup.CpuMicroseconds(), 0);
  status_.ended_at_ms = BootMilliseconds();
  (void)spec_.cgroup.Remove();  // a dying process may hold it yet; the agent removes it again when it forgets the task
  Publish(TaskState::kEnded);
}

void Supervisor::Publish(TaskState state) {
  status_.state = std::max(status_.state, state);
  // A full disk must not take the supervisor from its task: what counts is that its lock is released only after the
  // task's end, and the agent reads a held lock and an old status as an older state, never as an end.
  if (!directory_lost_) (void)WriteTaskStatus(directory_, status_);
}

}  // namespace switchyard::agent::supervisor
