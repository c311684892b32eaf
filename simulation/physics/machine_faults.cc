// What can go wrong with the machine, each with the allowance that excuses its watts for as long as it lasts.
#include <algorithm>

#include "simulation/physics/machine.h"

namespace switchyard::simulation {

void Machine::WipeAgent(MonoTime now) {
  Advance(now);
  ++incarnation_;
  scanned_at_ = std::max(scanned_at_, now + Milliseconds(500));
}

void Machine::ReplaceHardware(MonoTime now) {
  PowerOff(now, Milliseconds(1), true);
  for (auto it = tasks_.begin(); it != tasks_.end(); it = tasks_.erase(it)) {
    if (!it->second.exited && observer_ != nullptr) {
      observer_->OnGone(now, node_, it->second.order.allocation(), it->second.order.epoch());
    }
  }
  broken_.clear();
  ++hardware_;
  ++incarnation_;
  ++boot_;
  Build();
  off_ = all_off_ = false;
  on_at_ = now;
  for (size_t g = 0; g < groups_.size(); ++g) {
    // A new miner of the class that forgets comes up as it likes; every other one was delivered at rest.
    const bool hot = groups_[g].model.power_cycle() == v1::NEITHER;
    const Power draw = Milliwatts(hot ? groups_[g].model.max_mw() : groups_[g].model.idle_mw());
    for (Device& device : groups_[g].devices) device.Jump(now, draw, draw);
  }
  PowerOn(now);
}

void Machine::KillSupervisor(MonoTime now, uint64_t salt) {
  Advance(now);
  if (off_ || suspended_) return;
  std::vector<MachineTask*> supervised;
  for (auto& [id, task] : tasks_) {
    const bool has = task.group < 0 || OnHost(groups_[task.group]);
    if (has && !task.exited) supervised.push_back(&task);
  }
  if (supervised.empty()) return;
  MachineTask& task = *supervised[salt % supervised.size()];
  task.reason = "its supervisor was killed";
  task.exit_code = 128 + 9;
  Exit(now, task);
  Advance(now);
}

void Machine::Break(MonoTime now, FaultKind fault, const std::string& id, Duration span, int64_t amount) {
  Advance(now);
  const std::optional<std::pair<size_t, size_t>> found = FindDevice(id);
  if (!found.has_value()) return;
  const auto [g, d] = *found;
  Group& group = groups_[g];
  Device& device = group.devices[d];
  if (off_ && (all_off_ || OnHost(group))) return;  // what is dark does nothing wrong
  if (device.broken()) Mend(now, std::string(device.id()));
  device.Break(now, fault, amount, group.model);
  device.mend_at = span > Duration() ? now + span : MonoTime::Never();
  broken_.push_back({g, d});
  if (draws_ != nullptr) {
    device.allowance = draws_->Allow({.node = node_,
                                      .cause = Name(fault),
                                      .most = Device::MostAbove(fault, amount, group.model),
                                      .from = now,
                                      .until = MonoTime::Never()});
  }
  Draw(now, g, d);
}

void Machine::Mend(MonoTime now, const std::string& id) {
  if (id.empty()) {
    while (!broken_.empty()) {
      const auto [g, d] = broken_.back();
      Mend(now, std::string(groups_[g].devices[d].id()));
    }
    return;
  }
  const auto found = FindDevice(id);
  if (!found.has_value()) return;
  const auto [g, d] = *found;
  Group& group = groups_[g];
  Device& device = group.devices[d];
  std::erase(broken_, *found);
  if (!device.broken()) return;
  const bool dark = off_ && (all_off_ || OnHost(group));
  device.Mend(now, group.model);
  if (dark) device.GoDark(now);
  if (draws_ != nullptr && device.allowance.has_value()) {
    // What it draws too much ends with the worst ramp down.
    draws_->EndAllowance(*device.allowance, now + Milliseconds(group.model.ramp_down_ms()));
  }
  device.allowance.reset();
  Draw(now, g, d);
}

}  // namespace switchyard::simulation
