// What the devices of a simulated node do as time goes by, and what of it its agent can read.
#include <algorithm>

#include "agent/runtime/simulated/node.h"
#include "common/stable_hash.h"
#include "common/topology/operating_point.h"
#include "fmt/format.h"

namespace switchyard::agent::simulated {
namespace {

// While devices ramp the node is looked at so often.
constexpr Duration kRampStep = Milliseconds(100);
// What boards, fans and supplies draw of the platform watts that are counted for their worst.
constexpr int64_t kPlatformPpm = 850'000;

// AI draws 55 to 95 % of its grant: whole percents, the same for all of a task's life.
int64_t LoadPercent(uint64_t allocation) {
  return 55 + static_cast<int64_t>(StableHash().Add(allocation).Finish() % 41);
}

// What firmware without a lease holds: the highest point within the fallback, else off.
Power FallbackOfDevice(const v1::DeviceModel& model, Power fallback) {
  const int point = topology::PointWithin(model, fallback);
  return Milliwatts(point < 0 ? model.idle_mw() : std::max(model.idle_mw(), model.operating_points(point).mw()));
}

int64_t PartOf(const Task& task) {
  return task.devices.empty() ? 0 : task.limit.count() / static_cast<int64_t>(task.devices.size());
}

}  // namespace

bool Node::Exclusive(const Task& task) const {
  const int32_t share = task.order.device_share_milli();
  return task.group >= 0 && !task.devices.empty() && (share <= 0 || share >= 1000);
}

Power Node::FloorOf(const Task& task) const {
  if (!Exclusive(task)) return Power();
  return Milliwatts(groups_[task.group].model.idle_mw()) * static_cast<int64_t>(task.devices.size());
}

Power Node::FallbackOf(const Task& task) const {
  if (!Exclusive(task)) return FloorOf(task);
  const Group& group = groups_[task.group];
  const Power most = FallbackOfDevice(group.model, Milliwatts(task.order.fallback_mw()));
  Power sum;
  for (const int device : task.devices) sum += std::min(group.devices[device].setting(), most);
  return sum;
}

// Each device down to its fallback, or left where it is below that: what waits to rise rises no more.
void Node::FallBack(Task& task, MonoTime now) {
  if (task.order.kind() != v1::HASHING || task.phase != v1::TASK_RUNNING || task.group < 0) return;
  const Group& group = groups_[task.group];
  const Power most = FallbackOfDevice(group.model, Milliwatts(task.order.fallback_mw()));
  task.limit = FallbackOf(task);
  task.waiting_mw.assign(task.devices.size(), -1);
  task.rate = HashRate();
  task.order.clear_segments();
  for (const int device : task.devices) {
    const Power setting = std::min(group.devices[device].setting(), most);
    const int point = topology::PointWithin(group.model, setting);
    auto& segments = *task.order.mutable_segments();
    if (segments.empty() || segments.rbegin()->point() != point) segments.Add()->set_point(point);
    segments.rbegin()->set_count(segments.rbegin()->count() + 1);
    if (point >= 0) task.rate += HashRate(group.model.operating_points(point).ghs());
    Command(task.group, device, setting, setting, now);
  }
}

// What a task without devices of its own draws (CPU shares).
Power Node::LooseDraw(const Task& task) const {
  const bool draws =
      (task.phase == v1::TASK_RUNNING || task.phase == v1::TASK_STOPPING) && task.settled_by == MonoTime::Never();
  if (!draws || !task.devices.empty()) return Power();
  return Power(task.limit.count() / 100 * LoadPercent(task.order.allocation()));
}

void Node::Command(size_t group_index, size_t device_index, Power setting, Power draw, MonoTime now) {
  Group& group = groups_[group_index];
  Device& device = group.devices[device_index];
  if (!device.Command(now, setting, draw, group.model)) return;
  group.at_rest.reset();
  group.rests_at = std::max(group.rests_at, device.rests_at());
  look_at_.insert({device.rests_at(), device.comply_by()});
  if (!on_device_) return;
  on_device_(device.id(), device.Draw(now));
  changing_.insert({device.rests_at(), group_index, device_index});
}

// Each device to the point of its segment; what falls falls at once, what rises waits for its room under the limit.
void Node::SetHashing(Task& task) {
  if (task.group < 0) return;
  const MonoTime now = clock_.Mono();
  const Group& group = groups_[task.group];
  const v1::DeviceModel& model = group.model;
  std::vector<int64_t> target(task.devices.size(), model.idle_mw());
  std::vector<int64_t> rate(task.devices.size(), 0);
  size_t next = 0;
  for (const v1::OperatingSegment& segment : task.order.segments()) {
    for (int i = 0; i < segment.count() && next < target.size(); ++i, ++next) {
      if (segment.point() < 0 || segment.point() >= model.operating_points_size()) continue;
      target[next] = std::max(model.idle_mw(), model.operating_points(segment.point()).mw());
      rate[next] = model.operating_points(segment.point()).ghs();
    }
  }
  int64_t sum = 0;
  for (const int64_t mw : target) sum += mw;
  // An order whose points do not fit its grant is held to the grant: the last devices stay off.
  for (size_t i = target.size(); i-- > 0 && sum > task.limit.count();) {
    sum -= target[i] - model.idle_mw();
    target[i] = model.idle_mw();
    rate[i] = 0;
  }
  task.waiting_mw.assign(task.devices.size(), -1);
  task.rate = HashRate();
  for (size_t i = 0; i < task.devices.size(); ++i) {
    task.rate += HashRate(rate[i]);
    const Device& device = group.devices[task.devices[i]];
    if (Milliwatts(target[i]) > device.setting())
      task.waiting_mw[i] = target[i];
    else
      Command(task.group, task.devices[i], Milliwatts(target[i]), Milliwatts(target[i]), now);
  }
  RaiseWaiting(task, now);
}

void Node::RaiseWaiting(Task& task, MonoTime now) {
  if (std::none_of(task.waiting_mw.begin(), task.waiting_mw.end(), [](int64_t mw) { return mw >= 0; })) return;
  const Group& group = groups_[task.group];
  Power most;
  for (const int device : task.devices)
    most += std::max(group.devices[device].setting(), group.devices[device].Reading(now));
  for (size_t i = 0; i < task.devices.size(); ++i) {
    if (task.waiting_mw[i] < 0) continue;
    const Device& device = group.devices[task.devices[i]];
    const Power counted = std::max(device.setting(), device.Reading(now));
    const Power wanted = Milliwatts(task.waiting_mw[i]);
    if (wanted > counted && most - counted + wanted > task.limit) continue;
    most += std::max(wanted, counted) - counted;
    task.waiting_mw[i] = -1;
    Command(task.group, task.devices[i], wanted, wanted, now);
  }
}

// Devices under AI follow the sum of the tasks that share them.
void Node::Retarget(const Task& changed, MonoTime now) {
  if (changed.group < 0) return;
  const Power idle = Milliwatts(groups_[changed.group].model.idle_mw());
  for (const int device : changed.devices) {
    Power setting, draw;
    for (const auto& [id, task] : tasks_) {
      if (task.group != changed.group || task.phase == v1::TASK_ENDED || task.settled_by != MonoTime::Never()) continue;
      if (std::find(task.devices.begin(), task.devices.end(), device) == task.devices.end()) continue;
      setting += Power(PartOf(task));
      if (task.phase != v1::TASK_PREPARED) draw += Power(PartOf(task) / 100 * LoadPercent(id));
    }
    setting = std::max(setting, idle);
    Command(changed.group, device, setting, std::clamp(draw, idle, setting), now);
  }
}

void Node::Exit(Task& task, MonoTime now) {
  task.phase = v1::TASK_STOPPING;
  task.ends_at = MonoTime::Never();
  task.settled_by = now;
  task.waiting_mw.clear();
  task.rate = HashRate();
  if (task.group < 0) return;
  const Power idle = Milliwatts(groups_[task.group].model.idle_mw());
  if (task.order.kind() == v1::HASHING) {
    for (const int device : task.devices) Command(task.group, device, idle, idle, now);
  } else {
    Retarget(task, now);
  }
  if (!Exclusive(task)) return;
  for (const int device : task.devices) {
    const Device& told = groups_[task.group].devices[device];
    if (told.Reading(now) > told.setting()) task.settled_by = std::max(task.settled_by, told.comply_by());
  }
}

bool Node::AtRest(const Task& task, MonoTime now) const {
  if (now >= task.settled_by) return true;
  return std::all_of(task.devices.begin(), task.devices.end(), [&](int device) {
    const Device& told = groups_[task.group].devices[device];
    return told.Reading(now) <= told.setting();
  });
}

void Node::Account(MonoTime now) {
  const Duration span = now - accounted_;
  if (span <= Duration()) return;
  accounted_ = now;
  for (auto& [id, task] : tasks_) {
    if (task.phase != v1::TASK_RUNNING && task.phase != v1::TASK_STOPPING) continue;
    task.hashed_ghms += task.rate.count() * span.count();
    Power draw = LooseDraw(task);
    if (Exclusive(task)) {
      for (const int device : task.devices) draw += groups_[task.group].devices[device].Reading(now);
    } else if (!task.devices.empty()) {
      draw += Power(task.limit.count() / 100 * LoadPercent(id));
    }
    task.energy += EnergyOver(draw, span);
  }
}

void Node::Advance() {
  const MonoTime now = clock_.Mono();
  Account(now);
  look_at_.erase(look_at_.begin(), look_at_.upper_bound(now));
  bool ended = false;
  for (auto& [id, task] : tasks_) {
    if (now >= task.ends_at) {
      if (task.phase == v1::TASK_RUNNING) task.reason = "ended by itself";
      Exit(task, now);
      ended = true;
    }
    if (task.settled_by != MonoTime::Never() && task.phase == v1::TASK_STOPPING && AtRest(task, now)) {
      task.phase = v1::TASK_ENDED;
      ended = true;
    }
    if (task.phase == v1::TASK_RUNNING) RaiseWaiting(task, now);
  }
  while (!changing_.empty() && std::get<0>(*changing_.begin()) <= now) {
    const auto [at, group, device] = *changing_.begin();
    changing_.erase(changing_.begin());
    const Device& changed = groups_[group].devices[device];
    if (on_device_ && changed.rests_at() == at) on_device_(changed.id(), changed.Draw(now));
  }
  if (ended) Save();
}

MonoTime Node::NextChange() {
  const MonoTime now = clock_.Mono();
  MonoTime next = look_at_.empty() ? MonoTime::Never() : *look_at_.begin();
  for (const auto& [id, task] : tasks_) {
    next = std::min(next, task.ends_at);
    if (task.phase == v1::TASK_STOPPING) next = std::min(next, task.settled_by);
  }
  for (const Group& group : groups_) {
    if (group.rests_at > now) next = std::min({next, group.rests_at, now + kRampStep});
  }
  if (scanned_at_ > now) next = std::min(next, scanned_at_);
  return next;
}

v1::DeviceFault Node::FaultOf(const Group& group, const Device& device, MonoTime now) const {
  v1::DeviceFault fault;
  fault.set_device(device.id());
  fault.set_reading_mw(device.Reading(now).count());
  fault.set_reason(fmt::format("acknowledged {} mW, still above it after the worst ramp of \"{}\" ({} ms)",
                               device.setting().count(), group.model.id(), group.model.ramp_down_ms()));
  return fault;
}

reconcile::TaskTruth Node::TruthOf(const Task& task, MonoTime now) const {
  reconcile::TaskTruth truth;
  truth.allocation = task.order.allocation();
  truth.epoch = task.order.epoch();
  truth.job = task.order.job();
  truth.kind = task.order.kind();
  truth.phase = task.phase;
  truth.limit = task.limit;
  truth.floor = FloorOf(task);
  truth.fallback = task.order.kind() == v1::HASHING ? FallbackOf(task) : Power();
  truth.exit_code = task.exit_code;
  truth.reason = task.reason;
  truth.hashes_gh = task.hashed_ghms / 1000;
  truth.energy = task.energy;
  if (task.phase == v1::TASK_ENDED) return truth;
  truth.devices.assign(task.order.devices().begin(), task.order.devices().end());
  if (!Exclusive(task)) {
    truth.settled = task.settled_by == MonoTime::Never() ? task.limit : Power();
    truth.modelled = true;
    return truth;
  }
  const Group& group = groups_[task.group];
  Power reading, settled;
  for (const int index : task.devices) {
    const Device& device = group.devices[index];
    reading += device.Reading(now);
    settled += device.Settled(now);
    if (device.Disobeys(now)) truth.faults.push_back(FaultOf(group, device, now));
  }
  truth.reading = reading;
  // Before its release a task may be released: it is good for its limit.
  truth.settled = task.phase == v1::TASK_PREPARED ? std::max(settled, task.limit) : settled;
  return truth;
}

reconcile::GroupTruth Node::UnallocatedOf(size_t index, MonoTime now) const {
  const Group& group = groups_[index];
  std::vector<bool> held(group.devices.size(), false);
  for (const auto& [id, task] : tasks_) {
    if (task.group != static_cast<int>(index) || task.phase == v1::TASK_ENDED) continue;
    for (const int device : task.devices) held[device] = true;
  }
  reconcile::GroupTruth truth;
  truth.group = group.name;
  Power sum;
  for (size_t d = 0; d < group.devices.size(); ++d) {
    if (held[d]) continue;
    const Device& device = group.devices[d];
    if (device.Disobeys(now)) {  // quarantined: it is counted by itself
      truth.faults.push_back(FaultOf(group, device, now));
      continue;
    }
    sum += device.Settled(now);
    ++truth.unallocated_devices;
  }
  truth.unallocated = sum;
  return truth;
}

reconcile::MachineTruth Node::Observe() {
  Advance();
  const MonoTime now = clock_.Mono();
  reconcile::MachineTruth truth;
  truth.scanning = !configured_ || now < scanned_at_;
  for (const auto& [id, task] : tasks_) truth.tasks.push_back(TruthOf(task, now));
  for (size_t g = 0; g < groups_.size(); ++g) truth.groups.push_back(UnallocatedOf(g, now));
  return truth;
}

v1::Telemetry Node::Measure() {
  const MonoTime now = clock_.Mono();
  v1::Telemetry telemetry;
  Power sum = PlatformDraw();
  for (size_t g = 0; g < groups_.size(); ++g) {
    Power draw;
    for (const Device& device : groups_[g].devices) draw += device.Reading(now);
    for (const auto& [id, task] : tasks_) {
      if (task.group == static_cast<int>(g)) draw += LooseDraw(task);
    }
    sum += draw;
    v1::GroupDraw* out = telemetry.add_groups();
    out->set_group(groups_[g].name);
    out->set_draw_mw(draw.count());
  }
  telemetry.set_draw_mw(configured_ ? sum.count() : -1);
  for (const auto& meter : meters_) {
    v1::MeterReading reading;
    if (meter(now, &reading)) *telemetry.add_meters() = reading;
  }
  return telemetry;
}

Power Node::PlatformDraw() const {
  Power draw = Power(static_cast<int64_t>(static_cast<__int128>(platform_.count()) * kPlatformPpm / 1'000'000));
  for (const auto& [id, task] : tasks_) {
    if (task.group < 0) draw += LooseDraw(task);
  }
  return draw;
}

Power Node::GroupDraw(size_t index, MonoTime now) {
  Group& group = groups_[index];
  Power draw;
  if (now < group.rests_at || !group.at_rest.has_value()) {
    for (const Device& device : group.devices) draw += device.Draw(now);
    if (now >= group.rests_at) group.at_rest = draw;
  } else {
    draw = *group.at_rest;
  }
  for (const auto& [id, task] : tasks_) {
    if (task.group == static_cast<int>(index)) draw += LooseDraw(task);
  }
  return draw;
}

}  // namespace switchyard::agent::simulated
