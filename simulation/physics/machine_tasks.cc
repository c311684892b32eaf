// What the machine does with an agent's actions, and how its tasks end.
#include <algorithm>

#include "common/faults/mutation.h"
#include "common/stable_hash.h"
#include "simulation/physics/machine.h"

namespace switchyard::simulation {
namespace {

// AI draws between 55 and 95 % of its limit.
constexpr int64_t kLowPercent = 55, kHighPercent = 95;
// One program in four does not end when it is asked to.
constexpr uint64_t kDeafOneIn = 4;
constexpr int64_t kEndsWithinMs = 5000;

int64_t PartOf(const MachineTask& task) {
  return task.devices.empty() ? 0 : task.limit.count() / static_cast<int64_t>(task.devices.size());
}

}  // namespace

bool Machine::Exclusive(const MachineTask& task) const {
  const int32_t share = task.order.device_share_milli();
  return task.group >= 0 && !task.devices.empty() && (share <= 0 || share >= 1000);
}

Power Machine::FloorOf(const MachineTask& task) const {
  if (!Exclusive(task)) return Power();
  return Milliwatts(groups_[task.group].model.idle_mw()) * static_cast<int64_t>(task.devices.size());
}

bool Machine::Draws(const MachineTask& task) const {
  return !task.exited && (task.phase == v1::TASK_RUNNING || task.phase == v1::TASK_STOPPING);
}

void Machine::SetRun(uint64_t job, Duration runs, int exit_code) { runs_[job] = {runs, exit_code}; }

void Machine::Execute(MonoTime now, const std::vector<agent::reconcile::Action>& actions) {
  using Kind = agent::reconcile::Action::Kind;
  Advance(now);
  if (off_ || suspended_) return;  // nobody is there to carry it out
  for (const agent::reconcile::Action& action : actions) {
    const auto found = tasks_.find(action.allocation);
    MachineTask* task = found == tasks_.end() ? nullptr : &found->second;
    switch (action.kind) {
      case Kind::kPrepare:
        if (task == nullptr) Prepare(now, action.order);
        break;
      case Kind::kRelease:
        if (task != nullptr && task->phase == v1::TASK_PREPARED) Release(now, *task);
        break;
      case Kind::kSetLimit:
        if (task != nullptr) SetLimit(now, *task, action.order, action.limit);
        break;
      case Kind::kStop:
        if (task != nullptr) Stop(now, *task, action.grace);
        break;
      case Kind::kForget:
        if (task != nullptr && task->phase == v1::TASK_ENDED) tasks_.erase(found);
        break;
      case Kind::kRenewFence:
        fence_ = action.lease_end;
        fence_acted_ = false;
        break;
      case Kind::kFallback:
        FallBack(now, false);
        break;
    }
  }
  Advance(now);
}

void Machine::AgentStarted(MonoTime now) {
  Advance(now);
  const auto drawn = static_cast<int64_t>(StableHash().Add(seed_).Add(node_).Add(now.milliseconds()).Finish() % 1200);
  scanned_at_ = std::max(scanned_at_, now + Milliseconds(300 + drawn));
  if (!SWITCHYARD_MUTATION(prepared_forgotten)) return;
  for (auto it = tasks_.begin(); it != tasks_.end();) {
    const bool forgotten = it->second.phase == v1::TASK_PREPARED && it->second.order.kind() != v1::HASHING;
    if (forgotten && it->second.group >= 0) {
      for (const int device : it->second.devices)
        std::erase(groups_[it->second.group].devices[device].users, it->first);
    }
    it = forgotten ? tasks_.erase(it) : std::next(it);
  }
}

void Machine::AgentExited(MonoTime now) {
  Advance(now);
  if (!SWITCHYARD_MUTATION(limits_restored_at_agent_exit)) return;
  for (size_t g = 0; g < groups_.size(); ++g) {
    const Power most = Milliwatts(groups_[g].model.max_mw());
    for (size_t d = 0; d < groups_[g].devices.size(); ++d) {
      const Device& device = groups_[g].devices[d];
      if (!device.users.empty() && device.high() > Milliwatts(groups_[g].model.idle_mw()))
        Order(now, g, d, most, most, most);
    }
  }
}

// Devices by their ids, each found here; false: some are not of this machine.
void Machine::TakeDevices(MonoTime now, MachineTask& task, const v1::DesiredAllocation& order) {
  Group& group = groups_[task.group];
  std::vector<int> kept;
  for (const std::string& id : order.devices()) {
    if (const int found = FindInGroup(group, id); found >= 0) kept.push_back(found);
  }
  if (kept == task.devices) return;
  const Power idle = Milliwatts(group.model.idle_mw());
  for (const int device : task.devices) {
    if (std::find(kept.begin(), kept.end(), device) != kept.end()) continue;
    std::erase(group.devices[device].users, order.allocation());
    Order(now, task.group, device, idle, idle, idle);
  }
  for (const int device : kept) {
    std::vector<uint64_t>& users = group.devices[device].users;
    if (std::find(users.begin(), users.end(), order.allocation()) == users.end()) users.push_back(order.allocation());
  }
  task.devices = std::move(kept);
  group.shown = false;
  if (task.phase == v1::TASK_RUNNING && observer_ != nullptr) observer_->OnDevices(now, node_, order);
}

void Machine::Prepare(MonoTime now, const v1::DesiredAllocation& order) {
  MachineTask& task = tasks_[order.allocation()];
  task = MachineTask();
  task.order = order;
  task.counted = now;
  for (size_t g = 0; g < groups_.size(); ++g) {
    if (groups_[g].name == order.group()) task.group = static_cast<int>(g);
  }
  if (order.devices_size() == 0) task.group = -1;
  if (task.group >= 0) TakeDevices(now, task, order);
  task.limit = std::max(Milliwatts(order.grant_mw()), FloorOf(task));
  if (task.devices.size() != static_cast<size_t>(order.devices_size())) {
    if (task.group >= 0) {
      for (const int device : task.devices) std::erase(groups_[task.group].devices[device].users, order.allocation());
    }
    task.devices.clear();
    task.phase = v1::TASK_ENDED;
    task.exited = true;
    task.exit_code = 128;
    task.reason = "some of its devices are not on this machine";
    return;
  }
  if (observer_ != nullptr) observer_->OnPrepared(now, node_, task.order);
  if (order.kind() != v1::HASHING) Retarget(now, task);
}

void Machine::Release(MonoTime now, MachineTask& task) {
  Count(now, task);
  task.phase = v1::TASK_RUNNING;
  task.shown = false;
  if (observer_ != nullptr) observer_->OnInstruction(now, node_, task.order);
  if (task.order.kind() == v1::HASHING) return SetHashing(now, task);
  if (const auto run = runs_.find(task.order.job()); run != runs_.end() && run->second.runs > Duration()) {
    task.ends_at = now + run->second.runs;
    task.exit_code = run->second.exit_code;
  }
  Retarget(now, task);
}

void Machine::SetLimit(MonoTime now, MachineTask& task, const v1::DesiredAllocation& order, Power limit) {
  if (task.exited) return;
  Count(now, task);
  if (task.group >= 0 && task.order.kind() == v1::HASHING) TakeDevices(now, task, order);
  task.order = order;
  task.limit = std::max(limit, FloorOf(task));
  task.shown = false;
  if (task.order.kind() != v1::HASHING)
    Retarget(now, task);
  else if (task.phase == v1::TASK_RUNNING)
    SetHashing(now, task);
}

void Machine::FallBack(MonoTime now, bool supervised_only) {
  for (auto& [id, task] : tasks_) {
    if (task.order.kind() != v1::HASHING || task.phase != v1::TASK_RUNNING || task.group < 0) continue;
    const Group& group = groups_[task.group];
    const v1::Enforcer enforcer = group.model.enforcer();
    if (supervised_only && enforcer != v1::ENFORCER_DEVICE && enforcer != v1::ENFORCER_SUPERVISOR) continue;
    if (suspended_ && OnHost(group)) continue;
    if (off_ && enforcer != v1::ENFORCER_DEVICE) continue;  // its supervisor died with the host
    FallBackTask(now, task);
  }
}

// Each device to the lower of what it holds and the fallback: nothing rises.
void Machine::FallBackTask(MonoTime now, MachineTask& task) {
  const Group& group = groups_[task.group];
  const int64_t idle = group.model.idle_mw();
  const int64_t fallback = std::max(idle, task.order.fallback_mw());
  Power limit;
  bool changed = false;
  task.points.resize(task.devices.size(), idle);
  for (size_t i = 0; i < task.devices.size(); ++i) {
    const int64_t to = std::max(idle, std::min(group.devices[task.devices[i]].setting().count(), fallback));
    changed |= task.points[i] != to;
    task.points[i] = to;
    limit += Milliwatts(to);
  }
  if (!changed && limit == task.limit && task.waiting.empty()) return;
  Count(now, task);
  task.limit = std::max(limit, FloorOf(task));
  task.waiting.clear();
  task.shown = false;
  for (size_t i = 0; i < task.devices.size(); ++i) {
    const Power to = Milliwatts(task.points[i]);
    Order(now, task.group, task.devices[i], to, to, to);
  }
  CountFrom(task);
}

void Machine::Stop(MonoTime now, MachineTask& task, Duration grace) {
  if (task.exited) return;
  Count(now, task);
  // Hashing and what never ran need no time to end. Some programs end soon, some only when they are killed.
  int64_t takes = 0;
  if (task.phase != v1::TASK_PREPARED && task.order.kind() != v1::HASHING) {
    const uint64_t drawn = StableHash().Add(seed_).Add(task.order.allocation()).Finish();
    takes = drawn % kDeafOneIn == 0 ? grace.count()
                                    : std::min(grace.count(), static_cast<int64_t>((drawn >> 8) % kEndsWithinMs));
  }
  const MonoTime ends = now + Milliseconds(takes);
  if (ends < task.ends_at || task.phase != v1::TASK_STOPPING) {
    task.ends_at = std::min(task.ends_at, ends);
    task.stop_code = 128 + (grace > Duration() ? 15 : 9);
    task.reason = "stopped by order";
  }
  task.phase = v1::TASK_STOPPING;
  task.waiting.clear();
  task.shown = false;
  if (task.ends_at > now) return;
  task.exit_code = task.stop_code;
  Exit(now, task);
}

// Its process is gone; its devices come to rest.
void Machine::Exit(MonoTime now, MachineTask& task) {
  Count(now, task);
  task.phase = v1::TASK_STOPPING;
  task.exited = true;
  task.ends_at = MonoTime::Never();
  task.settled_by = now;
  task.waiting.clear();
  task.rate = HashRate();
  task.mean = Power();
  task.shown = false;
  if (observer_ != nullptr) observer_->OnGone(now, node_, task.order.allocation(), task.order.epoch());
  if (task.group < 0) return DrawLoose(now);
  const Power idle = Milliwatts(groups_[task.group].model.idle_mw());
  for (const int device : task.devices) {
    if (task.order.kind() == v1::HASHING)
      Order(now, task.group, static_cast<size_t>(device), idle, idle, idle);
    else
      RetargetDevice(now, static_cast<size_t>(task.group), device);
  }
  // Of a share nobody reads what is its own: it is over when the worst ramp of its device is.
  if (!Exclusive(task)) task.settled_by = now + Milliseconds(groups_[task.group].model.ramp_down_ms());
  for (const int device : task.devices) {
    const Device& told = groups_[task.group].devices[device];
    if (told.Reading(now) > told.setting()) task.settled_by = std::max(task.settled_by, told.comply_by());
  }
}

// A device that others share may have been told something else meanwhile, and comes to rest later.
void Machine::AwaitRest(MonoTime now, MachineTask& task) {
  if (Exclusive(task) || task.group < 0 || now < task.settled_by) return;
  for (const int device : task.devices)
    task.settled_by = std::max(task.settled_by, groups_[task.group].devices[device].rests_at());
}

// Each device to the point of its segment; what falls falls at once, what rises waits for its room under the limit.
void Machine::SetHashing(MonoTime now, MachineTask& task) {
  if (task.group < 0) return;
  Count(now, task);
  const Group& group = groups_[task.group];
  const int64_t idle = group.model.idle_mw();
  task.points.assign(task.devices.size(), idle);
  std::vector<int64_t> rates(task.devices.size(), 0);
  size_t next = 0;
  for (const v1::OperatingSegment& segment : task.order.segments()) {
    const bool on = segment.point() >= 0 && segment.point() < group.model.operating_points_size();
    for (int i = 0; i < segment.count() && next < task.points.size(); ++i, ++next) {
      if (!on) continue;
      task.points[next] = std::max(idle, group.model.operating_points(segment.point()).mw());
      rates[next] = group.model.operating_points(segment.point()).ghs();
    }
  }
  int64_t sum = 0;
  for (const int64_t mw : task.points) sum += mw;
  // An order whose points do not fit its limit is held to the limit: the last devices stay off.
  for (size_t i = task.points.size(); i-- > 0 && sum > task.limit.count();) {
    sum -= task.points[i] - idle;
    task.points[i] = idle;
    rates[i] = 0;
  }
  task.rate = HashRate();
  for (const int64_t rate : rates) task.rate += HashRate(rate);
  task.waiting.assign(task.devices.size(), -1);
  for (size_t i = 0; i < task.devices.size(); ++i) {
    const Power to = Milliwatts(task.points[i]);
    if (to > group.devices[task.devices[i]].setting())
      task.waiting[i] = task.points[i];
    else
      Order(now, static_cast<size_t>(task.group), static_cast<size_t>(task.devices[i]), to, to, to);
  }
  RaiseWaiting(now, task);
  CountFrom(task);
}

void Machine::RaiseWaiting(MonoTime now, MachineTask& task) {
  const Group& group = groups_[task.group];
  Power most;
  for (const int device : task.devices)
    most += std::max(group.devices[device].setting(), group.devices[device].Reading(now));
  bool waits = false;
  for (size_t i = 0; i < task.devices.size(); ++i) {
    if (task.waiting[i] < 0) continue;
    const Device& device = group.devices[task.devices[i]];
    const Power counted = std::max(device.setting(), device.Reading(now));
    const Power wanted = Milliwatts(task.waiting[i]);
    if (wanted > counted && most - counted + wanted > task.limit) {
      waits = true;
      continue;
    }
    most += std::max(wanted, counted) - counted;
    task.waiting[i] = -1;
    Order(now, static_cast<size_t>(task.group), static_cast<size_t>(task.devices[i]), wanted, wanted, wanted);
  }
  if (!waits) task.waiting.clear();
}

void Machine::Retarget(MonoTime now, const MachineTask& changed) {
  if (changed.group < 0) {
    DrawLoose(now);
  } else {
    for (const int device : changed.devices) RetargetDevice(now, static_cast<size_t>(changed.group), device);
  }
  CountFrom(tasks_.at(changed.order.allocation()));
}

// A device under AI follows the sum of the tasks that share it.
void Machine::RetargetDevice(MonoTime now, size_t g, int d) {
  const Group& group = groups_[g];
  const int64_t idle = group.model.idle_mw();
  int64_t setting = 0, high = 0, low = 0;
  for (const uint64_t user : group.devices[d].users) {
    const auto found = tasks_.find(user);
    if (found == tasks_.end() || found->second.exited) continue;
    const MachineTask& task = found->second;
    const int64_t part = PartOf(task);
    setting += part;
    if (Draws(task)) {
      high += part / 100 * kHighPercent;
      low += part / 100 * kLowPercent;
    } else if (Exclusive(task)) {
      high += std::min(part, idle + group.model.prepare_mw());
      low += std::min(part, idle + group.model.prepare_mw());
    }
  }
  setting = std::max(setting, idle);
  if (suspended_) high = low = idle;
  high = std::clamp(high, idle, setting);
  Order(now, g, static_cast<size_t>(d), Milliwatts(setting), Milliwatts(high), Milliwatts(std::clamp(low, idle, high)));
}

// ---- counters ----

void Machine::Count(MonoTime now, MachineTask& task) {
  const Duration span = now - task.counted;
  if (span <= Duration()) return;
  task.counted = now;
  task.energy += EnergyOver(task.mean, span);
  task.hashed_ghms += task.rate.count() * span.count();
}

void Machine::CountFrom(MachineTask& task) {
  if (task.order.kind() == v1::HASHING) {
    task.mean = Power();
    for (const int64_t mw : task.points) task.mean += Milliwatts(mw);
  } else {
    task.mean = Draws(task) ? task.limit / 100 * ((kLowPercent + kHighPercent) / 2) : FloorOf(task);
  }
}

}  // namespace switchyard::simulation
