#include "agent/runtime/process/supervised_task.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>
#include <utility>

#include "agent/supervisor/task_directory.h"
#include "agent/supervisor/text_file.h"

namespace switchyard::agent::process {
namespace {

using supervisor::TaskState;

constexpr size_t kReasonBytesMax = 512;  // AllocationReport.reason
// The duty beyond which the kernel stops a hasher that does not keep to it by itself; what keeps to it never meets this.
constexpr int kDutySlack = 50;

v1::TaskPhase PhaseOf(TaskState state) {
  switch (state) {
    case TaskState::kPreparing: return v1::TASK_PREPARING;
    case TaskState::kPrepared: return v1::TASK_PREPARED;
    case TaskState::kRunning: return v1::TASK_RUNNING;
    case TaskState::kStopping: return v1::TASK_STOPPING;
    case TaskState::kEnded: return v1::TASK_ENDED;
  }
  return v1::TASK_PHASE_UNSPECIFIED;
}

}  // namespace

absl::StatusOr<SupervisedTask> SupervisedTask::Load(const std::string& state_dir, TaskKey key) {
  SupervisedTask task;
  task.directory_ = TaskDirectory(state_dir, key);
  absl::StatusOr<std::string> order = supervisor::ReadText(task.directory_ + "/" + kOrderFile);
  if (!order.ok()) return order.status();
  if (!task.order_.ParseFromString(*order) || task.order_.allocation() != key.allocation || task.order_.epoch() != key.epoch) {
    return absl::DataLossError(fmt::format("task \"{}\": its order is damaged or another's", TaskName(key)));
  }
  // A task that could not be planned has no spec: its status says why it ended.
  const absl::StatusOr<std::string> text = supervisor::ReadText(task.directory_ + "/" + supervisor::kSpecFile);
  if (!text.ok()) {
    return supervisor::ReadTaskStatus(task.directory_).ok() ? absl::StatusOr<SupervisedTask>(std::move(task)) : text.status();
  }
  absl::StatusOr<supervisor::TaskSpec> spec = supervisor::TaskSpec::Parse(*text);
  if (!spec.ok()) return spec.status();
  task.spec_ = *std::move(spec);
  return task;
}

absl::Status SupervisedTask::Look(const std::string& boot_id) {
  needs_another_look_ = false;
  // The lock first: what was written before it was given up is the supervisor's last word.
  const absl::StatusOr<pid_t> holder = supervisor::TaskLockHolder(directory_);
  if (!holder.ok()) return holder.status();
  absl::StatusOr<supervisor::TaskStatus> status = supervisor::ReadTaskStatus(directory_);
  if (!status.ok() && *holder == 0 && absl::IsNotFound(status.status())) {
    return absl::UnavailableError(fmt::format("task \"{}\": was never armed", directory_));
  }
  if (status.ok()) status_ = *std::move(status);
  if (ended()) return absl::OkStatus();
  if (status_.boot_id != boot_id) {
    EndForSupervisor("the machine was restarted", boot_id);
  } else if (*holder == 0) {
    EndForSupervisor("its supervisor died; the task was killed", boot_id);
  }
  return absl::OkStatus();
}

void SupervisedTask::EndForSupervisor(const std::string& reason, const std::string& boot_id) {
  spec_.cgroup.SignalAll(SIGKILL);
  const bool leader_lives = status_.boot_id == boot_id && status_.task_start_ticks != 0 &&
                            supervisor::ProcessStartTicks(status_.task_pid) == status_.task_start_ticks;
  if (leader_lives) kill(-status_.task_pid, SIGKILL);
  if (leader_lives || spec_.cgroup.HasProcesses()) {
    status_.state = TaskState::kStopping;
    status_.reason = reason;
    needs_another_look_ = true;
    return;
  }
  status_.state = TaskState::kEnded;
  status_.exit_code = 128 + SIGKILL;
  status_.reason = reason;
  status_.cpu_us = std::max<int64_t>(spec_.cgroup.CpuMicroseconds(), 0);
  status_.ended_at_ms = supervisor::BootMilliseconds();
  // A full disk: the same is found and written at the next look.
  (void)supervisor::WriteTaskStatus(directory_, status_);
  RemoveCgroup();
}

void SupervisedTask::RemoveCgroup() const { (void)spec_.cgroup.Remove(); }

int64_t SupervisedTask::CpuMicroseconds(int64_t now_boot_ms) const {
  if (ended()) return status_.cpu_us;
  const int64_t counted = spec_.cgroup.CpuMicroseconds();
  if (counted >= 0) return counted;
  return status_.released_at_ms == 0 ? 0 : (now_boot_ms - status_.released_at_ms) * 1000 * order_.devices_size();
}

std::optional<SupervisedTask::Limit> SupervisedTask::ReadLimit() const {
  const absl::StatusOr<std::string> text = supervisor::ReadText(directory_ + "/" + kLimitFile);
  if (!text.ok()) return std::nullopt;
  std::istringstream words(*text);
  int64_t milliwatts = 0;
  Limit limit;
  if (!(words >> milliwatts >> limit.duty >> limit.peak)) return std::nullopt;
  limit.power = Power(milliwatts);
  return limit;
}

int SupervisedTask::ReadDuty() const {
  const absl::StatusOr<std::string> text = supervisor::ReadText(directory_ + "/" + kDutyFile);
  int duty = 0;  // what the hasher takes a file for that it cannot read
  if (text.ok()) std::istringstream(*text) >> duty;
  return std::clamp(duty, 0, kFullDuty);
}

SupervisedTask::HasherWord SupervisedTask::ReadHasher() const {
  HasherWord word;
  struct stat said = {}, told = {};
  const std::string path = directory_ + "/" + kHasherStatusFile;
  if (stat(path.c_str(), &said) != 0 || stat((directory_ + "/" + kDutyFile).c_str(), &told) != 0) return word;
  const absl::StatusOr<std::string> text = supervisor::ReadText(path);
  const nlohmann::json status = text.ok() ? nlohmann::json::parse(*text, nullptr, false) : nlohmann::json();
  if (!status.is_object()) return word;
  const auto number = [&status](const char* key, int64_t otherwise) {
    const auto at = status.find(key);
    return at != status.end() && at->is_number() ? at->get<int64_t>() : otherwise;
  };
  word.duty = static_cast<int>(std::clamp<int64_t>(number("duty_permille", kFullDuty), 0, kFullDuty));
  // It reads its duty before it writes its word, so a word younger than the duty speaks of that duty or of the one before.
  word.current = std::pair(said.st_mtim.tv_sec, said.st_mtim.tv_nsec) > std::pair(told.st_mtim.tv_sec, told.st_mtim.tv_nsec);
  word.hashes = number("hashes", 0);
  word.accepted = number("accepted", 0);
  const auto rejected = status.find("rejected");
  if (rejected == status.end() || !rejected->is_object()) return word;
  for (const auto& [code, count] : rejected->items()) {
    if (count.is_number()) word.rejected += count.get<int64_t>();
  }
  return word;
}

bool SupervisedTask::AwaitsHasher() const {
  return order_.kind() == v1::HASHING && status_.state == TaskState::kRunning && !status_.paused && !ReadHasher().current;
}

absl::Status SupervisedTask::SetLimit(Power limit, const CpuPower& power) const {
  const bool hashing = order_.kind() == v1::HASHING;
  const int devices = order_.devices_size();
  const int duty = hashing ? power.DutyFor(limit, devices) : kFullDuty;
  const std::optional<Limit> before = ReadLimit();
  int peak = std::max(duty, hashing ? ReadDuty() : duty);
  if (hashing && before && !ReadHasher().current) peak = std::max(peak, before->peak);
  const std::string note = fmt::format("{} {} {}\n", limit.count(), duty, peak);
  const absl::Status kept = supervisor::ReplaceText(directory_ + "/" + kLimitFile, note, 0600);
  if (!hashing) return kept;
  // The duty is what counts: it is written even when the limit could not be noted down.
  (void)spec_.cgroup.SetCpuLimit((duty + kDutySlack) * devices);  // a second guard where the machine has it
  const absl::Status held = supervisor::ReplaceText(directory_ + "/" + kDutyFile, fmt::format("{}\n", duty), 0644);
  return held.ok() ? kept : held;
}

Power SupervisedTask::Fallback(const CpuPower& power) const {
  const int devices = order_.devices_size();
  return std::max(power.At(0, devices), Power(order_.fallback_mw()) * devices);
}

reconcile::TaskTruth SupervisedTask::Truth(const CpuPower& power, int64_t now_boot_ms) const {
  reconcile::TaskTruth truth;
  truth.allocation = order_.allocation();
  truth.epoch = order_.epoch();
  truth.job = order_.job();
  truth.kind = order_.kind();
  truth.phase = PhaseOf(status_.state);
  truth.exit_code = status_.exit_code;
  truth.reason = status_.reason.substr(0, kReasonBytesMax);
  truth.devices.assign(order_.devices().begin(), order_.devices().end());
  AddWatts(power, &truth);
  if (order_.kind() == v1::HASHING) AddHashing(power, &truth);
  if (status_.released_at_ms > 0) {
    const int64_t until = ended() ? status_.ended_at_ms : now_boot_ms;
    truth.energy = power.Drawn(order_.devices_size(), Duration(std::max<int64_t>(until - status_.released_at_ms, 0)),
                               CpuMicroseconds(now_boot_ms));
  }
  return truth;
}

void SupervisedTask::AddWatts(const CpuPower& power, reconcile::TaskTruth* truth) const {
  const int devices = order_.devices_size();
  const std::optional<Limit> limit = ReadLimit();
  truth->modelled = true;
  truth->floor = power.At(0, devices);
  const Power noted = limit ? limit->power : Power(order_.grant_mw());
  truth->limit = std::max(noted, truth->floor);
  switch (status_.state) {
    case TaskState::kPreparing:
    case TaskState::kPrepared:
      // Nothing of it runs; its devices idle.
      truth->settled = power.At(0, devices);
      return;
    case TaskState::kRunning:
    case TaskState::kStopping:
      truth->settled = power.At(kFullDuty, devices);
      return;
    case TaskState::kEnded:
      truth->settled = Power();
      return;
  }
}

void SupervisedTask::AddHashing(const CpuPower& power, reconcile::TaskTruth* truth) const {
  const int devices = order_.devices_size();
  const int duty = ReadDuty();
  const std::optional<Limit> limit = ReadLimit();
  // The limit that was noted holds only as long as its duty stands: the supervisor's fence lowers the duty.
  if (!limit || limit->duty != duty) truth->limit = power.At(duty, devices);
  truth->fallback = std::min(truth->limit, Fallback(power));
  const HasherWord word = ReadHasher();
  truth->hashes_gh = word.hashes / 1'000'000'000;
  truth->shares_accepted = word.accepted;
  truth->shares_rejected = word.rejected;
  if (status_.state != TaskState::kRunning && status_.state != TaskState::kStopping) return;
  // Without a noted limit its duty was never raised above the 0 that it was staged with.
  const int followed = word.current ? word.duty : limit ? limit->peak : 0;
  truth->settled = power.At(status_.paused ? 0 : std::max(duty, followed), devices);
}

}  // namespace switchyard::agent::process
