// What of the machine an agent can read.
#include <algorithm>

#include "fmt/format.h"
#include "simulation/physics/machine.h"

namespace switchyard::simulation {
namespace {

v1::DeviceFault FaultOf(const v1::DeviceModel& model, const Device& device, MonoTime now) {
  v1::DeviceFault fault;
  fault.set_device(device.id());
  fault.set_reading_mw(device.Reading(now).count());
  fault.set_reason(fmt::format("acknowledged {} mW, still above it after the worst ramp of \"{}\" ({} ms)",
                               device.setting().count(), model.id(), model.ramp_down_ms()));
  return fault;
}

}  // namespace

bool Machine::AtRest(const MachineTask& task, MonoTime now) const {
  if (now >= task.settled_by) return true;
  if (!Exclusive(task)) return false;
  return std::all_of(task.devices.begin(), task.devices.end(), [&](int device) {
    const Device& told = groups_[task.group].devices[device];
    return told.Reading(now) <= told.setting();
  });
}

agent::reconcile::MachineTruth Machine::Observe(MonoTime now) { return Look(now); }

const agent::reconcile::MachineTruth& Machine::Look(MonoTime now) {
  Advance(now);
  truth_.scanning = off_ || suspended_ || now < scanned_at_;
  truth_.tasks.resize(tasks_.size());
  truth_.groups.resize(groups_.size());
  size_t next = 0;
  for (auto& [id, task] : tasks_) {
    Show(now, task);
    truth_.tasks[next++] = task.truth;
  }
  for (size_t g = 0; g < groups_.size(); ++g) {
    ShowGroup(now, g);
    truth_.groups[g] = groups_[g].truth;
  }
  return truth_;
}

void Machine::Show(MonoTime now, MachineTask& task) {
  Count(now, task);
  agent::reconcile::TaskTruth& truth = task.truth;
  truth.hashes_gh = task.hashed_ghms / 1000;
  truth.energy = task.energy;
  const bool still = task.group < 0 || now >= groups_[task.group].rests_at;
  if (task.shown && (still ? task.shown_until == MonoTime::Never() : now < task.shown_until)) return;
  task.shown = true;
  task.shown_until = still ? MonoTime::Never() : now;
  truth.allocation = task.order.allocation();
  truth.epoch = task.order.epoch();
  truth.job = task.order.job();
  truth.kind = task.order.kind();
  truth.phase = task.phase;
  truth.limit = task.limit;
  truth.floor = FloorOf(task);
  truth.exit_code = task.exit_code;
  truth.reason = task.reason;
  truth.faults.clear();
  truth.reading.reset();
  truth.settled.reset();
  truth.modelled = false;
  if (task.phase == v1::TASK_ENDED) {
    truth.devices.clear();
    return;
  }
  if (!std::equal(truth.devices.begin(), truth.devices.end(), task.order.devices().begin(),
                  task.order.devices().end())) {
    truth.devices.assign(task.order.devices().begin(), task.order.devices().end());
  }
  if (!Exclusive(task)) {
    truth.settled = task.exited && task.group < 0 ? Power() : task.limit;
    truth.modelled = true;
    return;
  }
  const Group& group = groups_[task.group];
  const Power fallback = Milliwatts(std::max(group.model.idle_mw(), task.order.fallback_mw()));
  Power reading, settled, falls_back;
  for (const int index : task.devices) {
    const Device& device = group.devices[index];
    reading += device.Reading(now);
    settled += device.Settled(now);
    falls_back += std::min(device.setting(), fallback);
    if (device.Disobeys(now)) truth.faults.push_back(FaultOf(group.model, device, now));
  }
  truth.fallback = std::min(task.limit, falls_back);
  truth.reading = reading;
  // Before its release a task may be released: it is good for its limit.
  truth.settled = task.phase == v1::TASK_PREPARED ? std::max(settled, task.limit) : settled;
}

void Machine::ShowGroup(MonoTime now, size_t index) {
  Group& group = groups_[index];
  if (group.shown && now >= group.rests_at) return;
  group.shown = now >= group.rests_at;
  group.truth.group = group.name;
  group.truth.faults.clear();
  group.truth.unallocated_devices = 0;
  Power sum;
  for (const Device& device : group.devices) {
    if (!device.users.empty()) continue;
    if (device.Disobeys(now)) {  // quarantined: it is counted by itself
      group.truth.faults.push_back(FaultOf(group.model, device, now));
      continue;
    }
    sum += device.Settled(now);
    ++group.truth.unallocated_devices;
  }
  group.truth.unallocated = sum;
}

v1::Telemetry Machine::Measure(MonoTime now) {
  Advance(now);
  v1::Telemetry telemetry;
  Power loose;
  for (const auto& [id, task] : tasks_) {
    if (task.group < 0 && Draws(task)) loose += task.limit / 100 * 75;
  }
  // An agent that speaks is on a platform that has booted, or nearly.
  Power sum = Milliwatts(model_.platform_mw()) / 100 * 85 + (suspended_ ? Power() : loose);
  for (Group& group : groups_) {
    if (!group.summed || now < group.rests_at) {
      group.mean = Power();
      for (const Device& device : group.devices) {
        const Power mean =
            now < device.rests_at() ? device.Reading(now) : std::min(device.course().Mean(now), device.Reading(now));
        group.mean += mean;
      }
      group.summed = now >= group.rests_at;
    }
    sum += group.mean;
    v1::GroupDraw* out = telemetry.add_groups();
    out->set_group(group.name);
    out->set_draw_mw(group.mean.count());
  }
  telemetry.set_draw_mw(sum.count());
  return telemetry;
}

}  // namespace switchyard::simulation
