#include "scheduler/core/charges.h"

#include <algorithm>

#include "common/check.h"
#include "common/faults/mutation.h"
#include "scheduler/core/evidence.h"

namespace switchyard::core {
namespace {

int FreeDevices(const Group& group) {
  int free = 0;
  for (int32_t d = 0; d < group.count; ++d) {
    if (group.used_milli[d] == 0 && !group.quarantined.contains(d)) ++free;
  }
  return free;
}

// Every path by which the ledger changes ends here.
void Move(Step& step, uint32_t chain, Power& charged, Power to) {
  if (charged == to) return;
  step.state.ledger.Move(chain, charged, to, step.stamp.mono);
  charged = to;
  step.state.round_needed = true;
}

// Watts that change hands between an allocation and the unallocated devices of its group.
void Exchange(Step& step, Group& group, Power unallocated, Allocation& allocation, Power watts) {
  step.state.ledger.MoveBoth(group.chain, group.charged, unallocated, allocation.charged, watts, step.stamp.mono);
  group.charged = unallocated;
  allocation.charged = watts;
}

}  // namespace

Power PlatformWatts(const Node& node) {
  if (node.lost) return Power();
  return Milliwatts(node.model.platform_mw()) + node.excess;
}

Power IdleWatts(const Node& node, const Group& group, size_t devices) {
  if (node.lost) return Power();
  const auto count = static_cast<int64_t>(devices);
  const Power nameplate = Milliwatts(group.model.max_mw()) * count;
  switch (group.model.power_cycle()) {
    case v1::SELF_IDLE:
      return Milliwatts(group.model.idle_mw()) * count;
    case v1::PERSISTENT:
      if (!group.pool.has_value() && SWITCHYARD_MUTATION(unreported_rack_asleep))
        return Milliwatts(group.model.idle_mw()) * count;
      return group.pool.has_value() ? std::min(*group.pool, nameplate) : nameplate;
    default:
      return nameplate;
  }
}

Power UnallocatedWatts(const Node& node, const Group& group) {
  if (node.lost) return Power();
  Power sum = IdleWatts(node, group, static_cast<size_t>(FreeDevices(group)));
  for (const auto& [device, row] : group.quarantined) sum += Milliwatts(row.counted_mw());
  return sum;
}

Power AllocationWatts(const Node& node, const Allocation& allocation) {
  return AllocationWattsAt(node, allocation, allocation.bound.grant(), allocation.transient);
}

Power AllocationWattsAt(const Node& node, const Allocation& allocation, Power grant, Power transient) {
  if (node.lost) return Power();
  Power watts = std::max(allocation.bound.value(), grant) + std::max(allocation.transient, transient);
  if (allocation.group >= 0) {
    const Group& group = node.groups[allocation.group];
    // A device that may come up at its maximum after any power cycle frees nothing in the ledger by being lowered.
    if (group.model.power_cycle() == v1::NEITHER) {
      watts = std::max(watts, Milliwatts(group.model.max_mw()) * static_cast<int64_t>(allocation.devices.size()));
    }
  }
  return watts;
}

int64_t GpuMilli(const State& state, const Allocation& allocation) {
  if (allocation.group < 0 || state.nodes[allocation.node].groups[allocation.group].model.kind() != v1::GPU) return 0;
  return static_cast<int64_t>(allocation.devices.size()) * allocation.share_milli;
}

void ChargePlatform(Step& step, Node& node) {
  Move(step, node.platform_chain, node.platform_charged, PlatformWatts(node));
}

void ChargeGroup(Step& step, Node& node, Group& group) {
  Move(step, group.chain, group.charged, UnallocatedWatts(node, group));
}

void ChargeAllocation(Step& step, Allocation& allocation) {
  const Node& node = step.state.nodes[allocation.node];
  const uint32_t chain = allocation.group >= 0 ? node.groups[allocation.group].chain : node.platform_chain;
  Move(step, chain, allocation.charged, AllocationWatts(node, allocation));
  ShareAllocation(step.state, allocation);
}

void ShareAllocation(State& state, Allocation& allocation) {
  if (allocation.orphan || allocation.kind == v1::HASHING) return;
  const TenantUse held = {allocation.bound.grant(), GpuMilli(state, allocation)};
  if (allocation.shared == held) return;
  UnshareAllocation(state, allocation);
  TenantUse& use = state.tenant_use[state.jobs.at(allocation.job).row.job().spec().tenant()];
  use.watts += held.watts;
  use.gpu_milli += held.gpu_milli;
  allocation.shared = held;
}

void UnshareAllocation(State& state, Allocation& allocation) {
  if (!allocation.shared.has_value()) return;
  TenantUse& use = state.tenant_use.at(state.jobs.at(allocation.job).row.job().spec().tenant());
  use.watts -= allocation.shared->watts;
  use.gpu_milli -= allocation.shared->gpu_milli;
  allocation.shared.reset();
}

void ChargeNode(Step& step, Node& node) {
  ChargePlatform(step, node);
  for (Group& group : node.groups) ChargeGroup(step, node, group);
  for (const uint64_t id : node.allocations) ChargeAllocation(step, step.state.allocations.at(id));
  const uint32_t index = step.state.node_index.at(node.id);
  for (auto it = step.state.orphans.lower_bound({index, 0}); it != step.state.orphans.end() && it->first.first == index;
       ++it) {
    ChargeAllocation(step, it->second);
  }
}

void HoldDevices(Step& step, Allocation& allocation) {
  if (allocation.group < 0) return;
  Node& node = step.state.nodes[allocation.node];
  Group& group = node.groups[allocation.group];
  size_t taken = 0;
  for (const int32_t device : allocation.devices) {
    if (group.used_milli[device] == 0 && !group.quarantined.contains(device)) ++taken;
    group.used_milli[device] += allocation.share_milli;
    SWITCHYARD_CHECK(allocation.orphan || group.used_milli[device] <= 1000)
        << node.id << " " << group.name << " device " << device << " holds " << group.used_milli[device];
  }
  const Power inherited = taken == 0 ? Power()
                                     : std::min(IdleWatts(node, group, static_cast<size_t>(group.count)),
                                                Milliwatts(group.model.max_mw()) * static_cast<int64_t>(taken));
  const Power idle = group.model.power_cycle() == v1::PERSISTENT ? inherited : IdleWatts(node, group, taken);
  if (allocation.bound.grants().empty() && allocation.bound.confirmed() < idle) allocation.bound = power::Bound(idle);
  if (group.pool.has_value() && FreeDevices(group) == 0) group.pool = Power();
  Exchange(step, group, UnallocatedWatts(node, group), allocation, AllocationWatts(node, allocation));
  step.state.round_needed = true;
}

void ReturnDevices(Step& step, Allocation& allocation) {
  Node& node = step.state.nodes[allocation.node];
  if (allocation.group < 0) {
    Move(step, node.platform_chain, allocation.charged, Power());
    return;
  }
  Group& group = node.groups[allocation.group];
  for (const int32_t device : allocation.devices) {
    group.used_milli[device] -= allocation.share_milli;
    SWITCHYARD_CHECK(group.used_milli[device] >= 0) << node.id << " " << group.name << " device " << device;
  }
  if (group.model.power_cycle() == v1::PERSISTENT) {
    if (group.pool.has_value()) {
      *group.pool += allocation.bound.value();
      step.changed_nodes.insert(allocation.node);
    }
  }
  Exchange(step, group, UnallocatedWatts(node, group), allocation, Power());
  step.state.round_needed = true;
}

void NoteLowering(Step& step, uint32_t node) {
  // Withholding begins at the next heartbeat after the timeout: no timer of its own.
  step.state.nodes[node].lowerings.try_emplace(step.stamp.sequence, step.stamp.mono);
}

void NoteOwed(Step& step, uint32_t index) {
  Node& node = step.state.nodes[index];
  for (auto& [revision, since] : node.lowerings) since = step.stamp.mono;
  for (const uint64_t id : node.allocations) {
    const Allocation& allocation = step.state.allocations.at(id);
    if (allocation.held || allocation.exited) continue;
    if (allocation.phase == v1::STOP || allocation.bound.value() > allocation.bound.grant())
      node.lowerings.try_emplace(allocation.ordered_revision, step.stamp.mono);
  }
}

void OrderGrant(Step& step, Allocation& allocation, Power grant, Power transient) {
  const bool lowering = grant < allocation.bound.grant();
  if (lowering) {
    BeginDropWatch(step, allocation, grant);
    NoteLowering(step, allocation.node);
  } else {
    allocation.watch.reset();
  }
  allocation.bound.Order(step.stamp.sequence, grant);
  if (lowering && SWITCHYARD_MUTATION(no_wait_for_confirmation)) allocation.bound.Confirm(step.stamp.sequence, grant);
  if (!SWITCHYARD_MUTATION(transient_ignored)) allocation.transient = std::max(allocation.transient, transient);
  allocation.acknowledged_at.reset();
  allocation.claimed.reset();
  ChargeAllocation(step, allocation);
  step.OrderChanged(allocation);
}

}  // namespace switchyard::core
