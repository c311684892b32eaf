#include "scheduler/placement/node_fit.h"

#include <algorithm>
#include <cstddef>
#include <tuple>

#include "common/check.h"
#include "scheduler/placement/node_checks.h"

namespace switchyard::placement {
namespace {

// How well `wanted` whole devices of the group would do, without naming them: every node of a round is ranked by this,
// so that it allocates nothing.
std::optional<DeviceChoice> RankWhole(const DeviceGroupView& group, int32_t wanted, bool allow_reclaim) {
  int64_t free = 0, reclaimable = 0;
  for (size_t device = 0; device < group.free_milli.size(); ++device) {
    if (UsableMilli(group, device, allow_reclaim) < kWholeDevice) continue;
    ++(Reclaimable(group, device) ? reclaimable : free);
  }
  DeviceChoice choice;
  choice.needs_yield = free < wanted;
  choice.leftover = (choice.needs_yield ? free + reclaimable : free) - wanted;
  if (choice.leftover < 0) return std::nullopt;
  return choice;
}

// The first whole devices of the group that need no yield, filled up with reclaimable ones.
std::vector<int32_t> NameWhole(const DeviceGroupView& group, int32_t wanted, bool allow_reclaim) {
  std::vector<int32_t> devices;
  // Free ones first: each of them is one device fewer that has to yield.
  for (const bool reclaimable : {false, true}) {
    for (size_t device = 0; device < group.free_milli.size() && static_cast<int32_t>(devices.size()) < wanted;
         ++device) {
      if (Reclaimable(group, device) != reclaimable || UsableMilli(group, device, allow_reclaim) < kWholeDevice)
        continue;
      devices.push_back(static_cast<int32_t>(device));
    }
  }
  std::sort(devices.begin(), devices.end());
  return devices;
}

// The fullest device of the group with room for the share, one that needs no yield before any that does.
std::optional<DeviceChoice> ChooseShared(const DeviceGroupView& group, int32_t share_milli, bool allow_reclaim) {
  std::optional<DeviceChoice> best;
  for (size_t device = 0; device < group.free_milli.size(); ++device) {
    const int32_t usable = UsableMilli(group, device, allow_reclaim);
    if (usable < share_milli) continue;
    const bool needs_yield = Reclaimable(group, device);
    const int64_t leftover = usable - share_milli;
    if (best && std::tie(best->needs_yield, best->leftover) <= std::tie(needs_yield, leftover)) continue;
    best = DeviceChoice{-1, {static_cast<int32_t>(device)}, needs_yield, leftover};
  }
  return best;
}

// Books (sign -1) or gives back (sign +1) one task's resources.
void Move(const Demand& demand, int32_t device_group, const std::vector<int32_t>& devices, int sign, NodeView& node) {
  ++node.bookings.count;
  node.cpu_milli_free += sign * demand.cpu_milli;
  node.memory_free += sign * demand.memory_bytes;
  node.disk_free += sign * demand.disk_bytes;
  node.ports_free += sign * demand.ports;
  for (const auto& [name, count] : demand.counts) {
    const auto found = std::find_if(node.counts_free.begin(), node.counts_free.end(),
                                    [&name = name](const auto& entry) { return entry.first == name; });
    if (found != node.counts_free.end())
      found->second += sign * count;
    else
      SWITCHYARD_CHECK(count == 0) << "node " << node.id << " has no count " << name;
  }
  if (device_group < 0) return;
  DeviceGroupView& group = node.groups.at(device_group);
  for (const int32_t device : devices) {
    int32_t& free = group.free_milli.at(device);
    free += sign * MilliPerDevice(demand);
    SWITCHYARD_CHECK(free >= 0 && free <= kWholeDevice)
        << "device " << device << " of node " << node.id << " at " << free;
  }
}

}  // namespace

std::optional<std::pair<Constraint, int64_t>> NodeShortfall(const Demand& demand, const NodeView& node,
                                                            bool allow_reclaim) {
  for (const ConstraintRow& row : Table()) {
    if (row.node_shortfall == nullptr) continue;
    const int64_t shortfall = row.node_shortfall(demand, node, allow_reclaim);
    if (shortfall > 0) return std::make_pair(row.constraint, shortfall);
  }
  return std::nullopt;
}

std::optional<DeviceChoice> RankDevices(const Demand& demand, const NodeView& node, bool allow_reclaim) {
  if (demand.device_kind == v1::DEVICE_KIND_UNSPECIFIED) {
    DeviceChoice none;
    for (const DeviceGroupView& group : node.groups) {
      if (group.kind == v1::GPU) none.leftover += WholeDevices(group, true);
    }
    return none;
  }
  std::optional<DeviceChoice> best;
  for (size_t index = 0; index < node.groups.size(); ++index) {
    const DeviceGroupView& group = node.groups[index];
    if (!MayUse(demand, group)) continue;
    std::optional<DeviceChoice> choice = demand.devices > 0 ? RankWhole(group, demand.devices, allow_reclaim)
                                                            : ChooseShared(group, demand.share_milli, allow_reclaim);
    if (!choice) continue;
    if (best && std::tie(best->needs_yield, best->leftover) <= std::tie(choice->needs_yield, choice->leftover))
      continue;
    best = std::move(choice);
    best->device_group = static_cast<int32_t>(index);
  }
  return best;
}

std::optional<DeviceChoice> ChooseDevices(const Demand& demand, const NodeView& node, bool allow_reclaim) {
  std::optional<DeviceChoice> choice = RankDevices(demand, node, allow_reclaim);
  if (!choice || choice->device_group < 0 || demand.devices == 0) return choice;
  choice->devices = NameWhole(node.groups[static_cast<size_t>(choice->device_group)], demand.devices, allow_reclaim);
  return choice;
}

int32_t TaskCapacity(const Demand& demand, const NodeView& node, bool allow_reclaim, int32_t limit) {
  if (NodeShortfall(demand, node, allow_reclaim)) return 0;
  int64_t capacity = limit;
  const auto bounded_by = [&](int64_t free, int64_t wanted) {
    if (wanted > 0) capacity = std::min(capacity, free / wanted);
  };
  bounded_by(node.cpu_milli_free, demand.cpu_milli);
  bounded_by(node.memory_free, demand.memory_bytes);
  bounded_by(node.disk_free, demand.disk_bytes);
  bounded_by(node.ports_free, demand.ports);
  for (const auto& [name, wanted] : demand.counts) {
    for (const auto& [free_name, free] : node.counts_free) {
      if (free_name == name) bounded_by(free, wanted);
    }
  }
  if (demand.device_kind == v1::DEVICE_KIND_UNSPECIFIED) return static_cast<int32_t>(capacity);
  int64_t by_devices = 0;
  for (const DeviceGroupView& group : node.groups) {
    if (!MayUse(demand, group)) continue;
    if (demand.devices > 0) {
      by_devices += WholeDevices(group, allow_reclaim) / demand.devices;
      continue;
    }
    for (size_t device = 0; device < group.free_milli.size(); ++device) {
      by_devices += UsableMilli(group, device, allow_reclaim) / demand.share_milli;
    }
  }
  return static_cast<int32_t>(std::min(capacity, by_devices));
}

void Take(const Demand& demand, int32_t device_group, const std::vector<int32_t>& devices, NodeView& node) {
  Move(demand, device_group, devices, -1, node);
}

void Release(const Demand& demand, int32_t device_group, const std::vector<int32_t>& devices, NodeView& node) {
  Move(demand, device_group, devices, +1, node);
}

std::map<Constraint, Rejection> RejectedNodes(const Demand& demand, const std::vector<NodeView>& nodes,
                                              bool allow_reclaim) {
  std::map<Constraint, Rejection> rejected;
  for (const NodeView& node : nodes) {
    const auto shortfall = NodeShortfall(demand, node, allow_reclaim);
    if (!shortfall) continue;
    Rejection& rejection = rejected[shortfall->first];
    if (rejection.nodes == 0 || shortfall->second < rejection.shortfall) {
      rejection.example = node.id;
      rejection.shortfall = shortfall->second;
    }
    ++rejection.nodes;
  }
  return rejected;
}

}  // namespace switchyard::placement
