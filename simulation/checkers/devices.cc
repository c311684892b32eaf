#include "simulation/checkers/devices.h"

#include <algorithm>

#include "fmt/format.h"

namespace switchyard::simulation {

void Devices::OnPrepared(MonoTime now, const std::string& node, const v1::DesiredAllocation& order) {
  const auto found = held_.find({node, order.allocation()});
  if (found != held_.end() && found->second.epoch == order.epoch()) {
    Fail(now,
         fmt::format(
             "allocation {} epoch {} is prepared on \"{}\" a second time while its first supervisor holds its devices",
             order.allocation(), order.epoch(), node));
    return;
  }
  Hold(now, node, order);
}

void Devices::OnInstruction(MonoTime now, const std::string& node, const v1::DesiredAllocation& order) {
  Hold(now, node, order);
  Held& held = held_[{node, order.allocation()}];
  if (held.running && held.epoch == order.epoch()) {
    Fail(now,
         fmt::format("allocation {} epoch {} begins on \"{}\" a second time", order.allocation(), order.epoch(), node));
  }
  held.running = true;
}

void Devices::OnDevices(MonoTime now, const std::string& node, const v1::DesiredAllocation& order) {
  const bool running = held_[{node, order.allocation()}].running;
  Hold(now, node, order);
  held_[{node, order.allocation()}].running = running;
}

void Devices::OnGone(MonoTime, const std::string& node, uint64_t allocation, uint32_t) { LetGo({node, allocation}); }

void Devices::Hold(MonoTime now, const std::string& node, const v1::DesiredAllocation& order) {
  const TaskKey key = {node, order.allocation()};
  const auto before = held_.find(key);
  const bool running = before != held_.end() && before->second.running;
  LetGo(key);
  const int share = order.device_share_milli() > 0 ? order.device_share_milli() : 1000;
  Held& held = held_[key];
  held.epoch = order.epoch();
  held.share = share;
  held.running = running;
  held.firm = order.kind() != v1::HASHING;
  held.devices.assign(order.devices().begin(), order.devices().end());
  for (const std::string& device : held.devices) {
    std::map<TaskKey, int>& users = shares_[device];
    users[key] = share;
    int sum = 0;
    for (const auto& [user, part] : users) sum += part;
    if (sum > 1000) {
      Fail(now, fmt::format("device \"{}\" is held with {} thousandths by {} tasks, allocation {} the last of them",
                            device, sum, users.size(), order.allocation()));
    }
  }
}

void Devices::LetGo(const TaskKey& key) {
  const auto found = held_.find(key);
  if (found == held_.end()) return;
  for (const std::string& device : found->second.devices) {
    const auto users = shares_.find(device);
    if (users == shares_.end()) continue;
    users->second.erase(key);
    if (users->second.empty()) shares_.erase(users);
  }
  held_.erase(found);
}

void Devices::OnStart(MonoTime, Leader leader, const core::State& state) {
  if (leader < newest_) return;
  newest_ = leader;
  state_ = &state;
  node_of_.clear();
  for (const auto& [id, allocation] : state.allocations) node_of_[id] = state.nodes[allocation.node].id;
}

void Devices::Decided(MonoTime now, Leader leader, const core::Stamp&, const std::vector<store::v1::Command>&,
                      const core::Effects& effects, const core::State& state) {
  if (leader == newest_) state_ = &state;
  std::set<std::pair<uint32_t, int>> looked;
  for (const core::Row& row : effects.rows) {
    const uint64_t id = AllocationOf(row);
    const auto found = id == 0 ? state.allocations.end() : state.allocations.find(id);
    if (found == state.allocations.end()) continue;
    if (leader == newest_) node_of_.try_emplace(id, state.nodes[found->second.node].id);
    const int g = found->second.group;
    if (g < 0 || !looked.insert({found->second.node, g}).second) continue;
    const core::Node& node = state.nodes[found->second.node];
    std::vector<int32_t> used(static_cast<size_t>(node.groups[static_cast<size_t>(g)].count));
    for (const uint64_t other : node.allocations) {
      const core::Allocation& allocation = state.allocations.at(other);
      if (allocation.group != g) continue;
      for (const int32_t device : allocation.devices) {
        if ((used[static_cast<size_t>(device)] += allocation.share_milli) <= 1000) continue;
        Fail(now, fmt::format("a leader gives device {} of \"{}\" {} to allocation {} beyond its 1,000 thousandths",
                              device, node.id, node.groups[static_cast<size_t>(g)].name, other));
      }
    }
  }
}

// Gone from the store: then it is gone from the machine. Not asked of hashing, which has no instructions of anybody's
// and whose devices are counted by their class, nor of a machine that an operator declared lost.
void Devices::OnDurable(MonoTime now, Leader leader, uint64_t, const std::vector<core::Row>& rows) {
  if (leader != newest_) return;
  for (const core::Row& row : rows) {
    const uint64_t id = AllocationOf(row);
    if (id == 0 || row.value.has_value()) continue;
    const auto named = node_of_.find(id);
    if (named == node_of_.end()) continue;
    const std::string node = named->second;
    node_of_.erase(named);
    const auto held = held_.find({node, id});
    if (held == held_.end() || !held->second.firm) continue;
    const auto asleep = asleep_until_.find(node);
    if (asleep != asleep_until_.end() && now < asleep->second)
      continue;  // frozen: its supervisor ends it before it goes on
    if (cloned_.contains(node)) continue;
    if (state_ != nullptr) {
      const auto index = state_->node_index.find(node);
      if (index != state_->node_index.end() && state_->nodes[index->second].lost) continue;
      if (index != state_->node_index.end() && state_->orphans.contains({index->second, id})) continue;
    }
    Fail(now, fmt::format("allocation {} is over by the store, and its process lives on \"{}\"", id, node));
  }
}

void Devices::OnDead(MonoTime, Leader leader) {
  if (leader == newest_) state_ = nullptr;
}

void Devices::OnFault(MonoTime now, const Deed& deed) {
  if (deed.fault == FaultKind::kNodeSuspend) asleep_until_[deed.subject] = now + deed.span + Seconds(10);
  // The machines of a cloned name hold tasks that only one of them may hold; which, an observer cannot tell by the
  // name.
  if (deed.fault == FaultKind::kClonedAgent) cloned_.insert(deed.subject);
}

}  // namespace switchyard::simulation
