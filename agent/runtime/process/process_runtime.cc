#include "agent/runtime/process/process_runtime.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <utility>

#include "agent/runtime/process/kept_output.h"
#include "agent/runtime/process/run_program.h"
#include "agent/runtime/process/task_stage.h"
#include "agent/supervisor/task_directory.h"
#include "agent/telemetry/power_meter_file.h"
#include "common/platform/files.h"
#include "common/platform/logging.h"

namespace switchyard::agent::process {
namespace {

using platform::LogLevel;
using supervisor::BootMilliseconds;

constexpr Duration kLookAgain = Milliseconds(20);  // at a task whose processes are being killed
constexpr Duration kHasherLook = Milliseconds(250);  // at a hasher's word, given once a second
constexpr size_t kAgentTagDigits = 12;             // of the incarnation: agents on one machine have cgroups of their own

std::string BesideThisProgram(const std::string& name) {
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  return (self.parent_path() / name).string();
}

void ApplyDefaults(configuration::AgentFile* file) {
  file->state_dir = std::filesystem::absolute(file->state_dir).lexically_normal().string();
  if (file->supervisor_program.empty()) file->supervisor_program = BesideThisProgram("switchyard-supervisor");
  if (file->hasher_program.empty()) file->hasher_program = BesideThisProgram("switchyard-hasher");
  if (file->checkpoint_dir.empty()) file->checkpoint_dir = file->state_dir + "/checkpoints";
}

absl::Status MakeStateDirectories(const configuration::AgentFile& file) {
  // Tasks of other users pass through to their working directory; what must stay secret in here has a mode of its own.
  absl::Status status = platform::MakeDirectories(file.state_dir, 0711);
  if (status.ok() && chmod(file.state_dir.c_str(), 0711) != 0) {
    return absl::FailedPreconditionError(fmt::format("state directory \"{}\": belongs to another user; name one of ours", file.state_dir));
  }
  for (const std::string& directory : {TasksDirectory(file.state_dir), TrashDirectory(file.state_dir), file.checkpoint_dir}) {
    if (status.ok()) status = platform::MakeDirectories(directory, 0711);
  }
  return status;
}

std::string CgroupName(const std::string& incarnation, const std::string& leaf) {
  return "switchyard/" + incarnation.substr(0, kAgentTagDigits) + "/" + leaf;
}

// What the machine shows, not what somebody configured: an enforcer counts only as tested here.
v1::Enforcer TestEnforcer(const configuration::AgentFile& file, const std::string& incarnation) {
  const absl::Status tried =
      RunProgram({file.supervisor_program, "--try-cgroup", file.cgroup_root, CgroupName(incarnation, fmt::format("trial-{}", getpid()))});
  if (tried.ok()) return v1::ENFORCER_SUPERVISOR;
  platform::Log(LogLevel::kWarning, "no-cgroup", {{"root", file.cgroup_root}, {"status", tried}});
  return v1::ENFORCER_NONE;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ProcessRuntime>> ProcessRuntime::Create(const configuration::AgentFile& file,
                                                                       const platform::SystemClock& clock,
                                                                       std::function<void()> wake) {
  if (file.nodes.size() != 1) {
    return absl::FailedPreconditionError(fmt::format("agent file: names {} nodes, a real machine is exactly one", file.nodes.size()));
  }
  configuration::AgentFile full = file;
  ApplyDefaults(&full);
  if (absl::Status made = MakeStateDirectories(full); !made.ok()) return made;
  absl::StatusOr<telemetry::MachineIdentity> identity = telemetry::ReadMachineIdentity(full);
  if (!identity.ok()) return identity.status();
  absl::StatusOr<std::string> incarnation = ReadOrMakeIncarnation(full.state_dir);
  if (!incarnation.ok()) return incarnation.status();
  if (access(full.supervisor_program.c_str(), X_OK) != 0) {
    return absl::FailedPreconditionError(
        fmt::format("supervisor \"{}\": is not there or cannot be executed; install it or name it with supervisor_program",
                    full.supervisor_program));
  }
  const v1::Enforcer enforcer = TestEnforcer(full, *incarnation);
  return std::unique_ptr<ProcessRuntime>(
      new ProcessRuntime(std::move(full), clock, std::move(wake), *std::move(identity), *std::move(incarnation), enforcer));
}

ProcessRuntime::ProcessRuntime(configuration::AgentFile file, const platform::SystemClock& clock, std::function<void()> wake,
                               telemetry::MachineIdentity identity, std::string incarnation, v1::Enforcer enforcer)
    : file_(std::move(file)),
      clock_(clock),
      identity_(std::move(identity)),
      incarnation_(std::move(incarnation)),
      enforcer_(enforcer),
      rapl_(file_.sysfs_root),
      node_power_(file_.sysfs_root),
      logs_([this](const std::string& directory) {
        for (const auto& [key, task] : tasks_) {
          if (task.directory() == directory) return task.ended();
        }
        return true;  // forgotten
      }),
      watcher_(std::move(wake), TrashDirectory(file_.state_dir)) {
  for (const int core : telemetry::CpuCores(file_)) cores_[telemetry::CpuSerial(identity_.hardware_id, core)] = core;
}

std::vector<std::string> ProcessRuntime::Devices() const {
  // Ascending by core, and no more than the node is modelled with.
  std::vector<std::pair<int, std::string>> by_core;
  for (const auto& [serial, core] : cores_) by_core.emplace_back(core, serial);
  std::sort(by_core.begin(), by_core.end());
  if (model_ && by_core.size() > static_cast<size_t>(model_->devices)) by_core.resize(static_cast<size_t>(model_->devices));
  std::vector<std::string> devices;
  for (const auto& [core, serial] : by_core) devices.push_back(serial);
  return devices;
}

v1::NodeHello ProcessRuntime::Identify() {
  v1::NodeHello hello;
  hello.set_agent_incarnation(incarnation_);
  hello.set_boot_id(identity_.boot_id);
  hello.set_hardware_id(identity_.hardware_id);
  v1::GroupCapability* group = hello.add_groups();
  group->set_group(model_ ? model_->group : Model().group);
  group->set_enforcer(enforcer_);
  for (const std::string& device : Devices()) group->add_devices(device);
  return hello;
}

void ProcessRuntime::Configure(const v1::Welcome& welcome) {
  Model model;
  model.platform = Power(welcome.model().platform_mw());
  for (const v1::DeviceGroup& group : welcome.model().groups()) {
    for (const v1::DeviceModel& device : welcome.device_models()) {
      if (device.id() != group.device_model() || device.kind() != v1::CPU) continue;
      model.group = group.name();
      model.devices = group.count();
      model.power = {.idle = Power(device.idle_mw()), .max = Power(device.max_mw())};
    }
  }
  model_ = std::move(model);
}

void ProcessRuntime::Scan() {
  const absl::StatusOr<std::vector<std::string>> names = platform::ListDirectory(TasksDirectory(file_.state_dir));
  if (!names.ok()) return platform::Log(LogLevel::kError, "scan-failed", {{"status", names.status()}});
  std::map<TaskKey, SupervisedTask> found;
  for (const std::string& name : *names) {
    const std::optional<TaskKey> key = ParseTaskName(name);
    if (!key) continue;  // being staged
    // Order and spec never change, so those already read are kept; the status is read each time.
    const auto known = tasks_.find(*key);
    absl::StatusOr<SupervisedTask> task =
        known != tasks_.end() ? std::move(known->second) : SupervisedTask::Load(file_.state_dir, *key);
    const absl::Status looked = task.ok() ? task->Look(identity_.boot_id) : task.status();
    if (!looked.ok()) {
      // An agent died between staging and arming, or a disk lost the files: nothing of it runs, and the order comes again.
      platform::Log(LogLevel::kWarning, "task-never-armed", {{"task", name}, {"status", looked}});
      Forget(*key, task.ok() ? &*task : nullptr);
      continue;
    }
    watcher_.WatchTask(task->directory());
    if (!task->ended()) watcher_.WatchProcess(task->status().supervisor_pid);
    if (task->needs_another_look()) watcher_.WakeAfter(kLookAgain);
    if (task->AwaitsHasher()) watcher_.WakeAfter(kHasherLook);
    found.emplace(*key, *std::move(task));
  }
  tasks_ = std::move(found);
}

reconcile::MachineTruth ProcessRuntime::Observe() {
  Scan();
  reconcile::MachineTruth truth;
  // Without the model there are no watts to speak of: what runs is known, what it draws is not.
  truth.scanning = !model_;
  const CpuPower power = model_ ? model_->power : CpuPower();
  const int64_t now = BootMilliseconds();
  int held = 0;
  // One truth an allocation: an epoch that still lives says more than a later one that has ended.
  std::map<uint64_t, reconcile::TaskTruth> by_allocation;
  for (const auto& [key, failed] : failures_) by_allocation[key.allocation] = failed;
  for (const auto& [key, task] : tasks_) {
    reconcile::TaskTruth one = task.Truth(power, now);
    if (!model_) one.settled.reset();
    if (!task.ended()) held += task.order().devices_size();
    const auto [at, is_new] = by_allocation.try_emplace(key.allocation, one);
    if (!is_new && at->second.phase == v1::TASK_ENDED) at->second = std::move(one);
  }
  for (auto& [allocation, one] : by_allocation) truth.tasks.push_back(std::move(one));
  if (model_) {
    reconcile::GroupTruth group;
    group.group = model_->group;
    group.unallocated_devices = std::max(static_cast<int>(Devices().size()) - held, 0);
    group.unallocated = model_->power.At(0, group.unallocated_devices);
    truth.groups.push_back(std::move(group));
  }
  PumpLogs();
  return truth;
}

SupervisedTask* ProcessRuntime::Find(uint64_t allocation) {
  SupervisedTask* newest = nullptr;
  for (auto& [key, task] : tasks_) {
    if (key.allocation == allocation) newest = &task;  // ascending by epoch
  }
  return newest;
}

void ProcessRuntime::Execute(const std::vector<reconcile::Action>& actions) {
  using Kind = reconcile::Action::Kind;
  for (const reconcile::Action& action : actions) {
    SupervisedTask* const task = Find(action.allocation);
    switch (action.kind) {
      case Kind::kPrepare: Prepare(action.order); break;
      case Kind::kRelease:
        // No supervisor listening shows in the next truth as an end.
        if (task != nullptr) (void)supervisor::SendCommand(task->directory(), "release");
        break;
      case Kind::kSetLimit:
        if (task != nullptr) SetLimit(*task, action.limit);
        break;
      case Kind::kStop:
        if (task != nullptr) Stop(*task, action.grace);
        break;
      case Kind::kForget:
        std::erase_if(failures_, [&](const auto& entry) { return entry.first.allocation == action.allocation; });
        std::erase_if(tasks_, [&](const auto& entry) {
          const bool over = entry.first.allocation == action.allocation && entry.second.ended();
          return over && Forget(entry.first, &entry.second);
        });
        break;
      case Kind::kRenewFence: RenewFence(action); break;
      case Kind::kFallback: FallBack(action); break;
    }
  }
}

void ProcessRuntime::Prepare(const v1::DesiredAllocation& order) {
  const TaskKey key = {order.allocation(), order.epoch()};
  if (tasks_.contains(key) || failures_.contains(key)) return;
  const TaskPlace place = {.node = file_.nodes.front(),
                           .task_directory = TaskDirectory(file_.state_dir, key),
                           .checkpoint_root = file_.checkpoint_dir,
                           .hasher_program = file_.hasher_program,
                           .cores = cores_,
                           .cgroup = supervisor::Cgroup::At(file_.cgroup_root, CgroupName(incarnation_, TaskName(key))),
                           .boot_id = identity_.boot_id,
                           .lease_end_ms = lease_end_ms_,
                           .fence_duty = model_ ? model_->power.DutyFor(Power(order.fallback_mw()), 1) : 0};
  const absl::Status staged = StageTask(order, file_, place, file_.supervisor_program);
  if (!staged.ok()) return Fail(key, order, staged);
  Scan();  // later actions of the same list are for it
}

void ProcessRuntime::Fail(TaskKey key, const v1::DesiredAllocation& order, const absl::Status& why) {
  platform::Log(LogLevel::kError, "task-not-staged", {{"task", TaskName(key)}, {"status", why}});
  reconcile::TaskTruth truth;
  truth.allocation = key.allocation;
  truth.epoch = key.epoch;
  truth.job = order.job();
  truth.kind = order.kind();
  truth.phase = v1::TASK_ENDED;
  truth.settled = Power();
  truth.exit_code = 126;
  truth.reason = std::string(why.message());
  truth.devices.assign(order.devices().begin(), order.devices().end());
  failures_[key] = std::move(truth);
}

void ProcessRuntime::SetLimit(SupervisedTask& task, Power limit) {
  if (!model_ || task.ended()) return;
  const absl::Status set = task.SetLimit(limit, model_->power);
  if (!set.ok()) platform::Log(LogLevel::kError, "limit-not-set", {{"task", task.directory()}, {"limit", limit}, {"status", set}});
}

void ProcessRuntime::Stop(SupervisedTask& task, Duration grace) {
  if (task.ended()) return;
  const absl::Status sent = supervisor::SendCommand(task.directory(), fmt::format("stop {}", grace.count()));
  if (!sent.ok()) watcher_.WakeAfter(kLookAgain);  // its supervisor is gone: the next look kills the task
}

bool ProcessRuntime::Forget(TaskKey key, const SupervisedTask* task) {
  const std::string directory = TaskDirectory(file_.state_dir, key);
  // A supervisor that has said the end has said all. Of one that never spoke the lock must be in hand, lest one that is just being
  // born takes the directory over.
  absl::StatusOr<int> lock = -1;
  if (task == nullptr || !task->ended()) lock = supervisor::TakeTaskLock(directory);
  if (task != nullptr && lock.ok()) task->RemoveCgroup();
  if (lock.ok()) KeepOutput(file_.state_dir, key, directory);
  const std::string trash = fmt::format("{}/{}.{}", TrashDirectory(file_.state_dir), TaskName(key), BootMilliseconds());
  const bool moved = lock.ok() && std::rename(directory.c_str(), trash.c_str()) == 0;
  if (!moved) platform::Log(LogLevel::kWarning, "task-not-forgotten", {{"task", directory}, {"status", lock.status()}});
  if (lock.ok() && *lock >= 0) close(*lock);
  cpu_samples_.erase(key);
  watcher_.EmptyTrash();
  return moved;
}

void ProcessRuntime::RenewFence(const reconcile::Action& action) {
  lease_end_ms_ = std::max(lease_end_ms_, clock_.BootMilliseconds(action.lease_end));
  const std::string command = fmt::format("lease {}", clock_.BootMilliseconds(action.lease_end));
  for (const auto& [key, task] : tasks_) {
    if (task.ended() || (action.allocation != 0 && action.allocation != key.allocation)) continue;
    // A renewal that does not arrive is one that was not given: the supervisor's own deadline stands.
    (void)supervisor::SendCommand(task.directory(), command);
  }
}

void ProcessRuntime::FallBack(const reconcile::Action& action) {
  for (auto& [key, task] : tasks_) {
    if (task.order().kind() != v1::HASHING || (action.allocation != 0 && action.allocation != key.allocation)) continue;
    if (!model_ || task.ended()) continue;
    const Power fallback = task.Fallback(model_->power);
    if (task.Truth(model_->power, BootMilliseconds()).limit > fallback) SetLimit(task, fallback);
  }
}

Power ProcessRuntime::DrawOf(const SupervisedTask& task, TaskKey key, int64_t now_boot_ms) {
  const int devices = task.order().devices_size();
  const int64_t cpu_us = task.CpuMicroseconds(now_boot_ms);
  const auto [sample, is_first] = cpu_samples_.try_emplace(key, CpuSample{now_boot_ms, cpu_us});
  const int64_t span_us = (now_boot_ms - sample->second.at_ms) * 1000 * devices;
  const int64_t busy_us = cpu_us - sample->second.cpu_us;
  sample->second = {now_boot_ms, cpu_us};
  if (is_first || span_us <= 0) return model_->power.At(0, devices);
  return model_->power.At(static_cast<int>(std::clamp<int64_t>(busy_us * kFullDuty / span_us, 0, kFullDuty)), devices);
}

v1::Telemetry ProcessRuntime::Measure() {
  v1::Telemetry telemetry;
  telemetry.set_draw_mw(-1);
  telemetry.set_modelled(true);
  for (const configuration::MeterSource& source : file_.meters) {
    if (const std::optional<Power> power = telemetry::ReadPowerMeter(source)) {
      v1::MeterReading* reading = telemetry.add_meters();
      reading->set_budget(source.budget);
      reading->set_draw_mw(power->count());
      reading->set_age_ms(source.lag.count());
    }
  }
  if (!model_) return telemetry;
  const int64_t now = BootMilliseconds();
  Power cpus;
  int held = 0;
  for (const auto& [key, task] : tasks_) {
    if (task.ended()) continue;
    held += task.order().devices_size();
    cpus += DrawOf(task, key, now);
  }
  cpus += model_->power.At(0, std::max(static_cast<int>(Devices().size()) - held, 0));
  // The packages' counters speak of all cores: they are ours to report only where all cores are ours.
  if (file_.cpus.empty()) cpus = rapl_.Sample(MonoTime(now)).value_or(cpus);
  v1::GroupDraw* group = telemetry.add_groups();
  group->set_group(model_->group);
  group->set_draw_mw(cpus.count());
  const std::optional<Power> node = file_.cpus.empty() ? node_power_.Read() : std::nullopt;
  telemetry.set_draw_mw(node.value_or(model_->platform + cpus).count());
  telemetry.set_modelled(!node);
  return telemetry;
}

void ProcessRuntime::StreamLogs(const v1::LogRequest& request, std::function<void(v1::LogData)> sink) {
  SupervisedTask* task = Find(request.allocation());
  if (task == nullptr) {
    Scan();
    task = Find(request.allocation());
  }
  const std::optional<std::string> kept = task == nullptr ? FindKeptOutput(file_.state_dir, request.allocation()) : std::nullopt;
  if (task == nullptr && !kept.has_value() && !logs_.IsOpen(request.stream())) {
    v1::LogData end;
    end.set_stream(request.stream());
    end.set_end(true);
    end.set_error(fmt::format("allocation {}: is not on node \"{}\" any more; its output went with it", request.allocation(),
                              file_.nodes.front()));
    return sink(std::move(end));
  }
  logs_.Open(request, task != nullptr ? task->directory() : kept.value_or(""), std::move(sink));
  PumpLogs();
}

void ProcessRuntime::CancelLogs(uint64_t stream) {
  logs_.Cancel(stream);
  watcher_.WatchOutput(!logs_.empty());
}

void ProcessRuntime::PumpLogs() {
  if (logs_.Pump()) watcher_.WakeAfter(Milliseconds(1));
  watcher_.WatchOutput(!logs_.empty());
}

}  // namespace switchyard::agent::process
