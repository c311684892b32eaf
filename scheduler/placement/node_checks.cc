#include "scheduler/placement/node_checks.h"

#include <algorithm>
#include <string>
#include <utility>

namespace switchyard::placement {
namespace {

// What lacks of a plain amount. Who asks for nothing is not kept out by a node that is over-committed.
int64_t Lacking(int64_t wanted, int64_t free) { return wanted > 0 ? std::max<int64_t>(wanted - free, 0) : 0; }

bool WantsDevices(const Demand& demand) { return demand.device_kind != v1::DEVICE_KIND_UNSPECIFIED; }

bool MatchesModel(const Demand& demand, const DeviceGroupView& group) {
  return group.kind == demand.device_kind &&
         (demand.device_models.empty() ||
          std::binary_search(demand.device_models.begin(), demand.device_models.end(), group.model));
}

int64_t FreeCount(const NodeView& node, const std::string& name) {
  const auto found = std::lower_bound(node.counts_free.begin(), node.counts_free.end(), name,
                                      [](const auto& entry, const std::string& key) { return entry.first < key; });
  return found != node.counts_free.end() && found->first == name ? found->second : 0;
}

}  // namespace

bool MayUse(const Demand& demand, const DeviceGroupView& group) {
  return MatchesModel(demand, group) && group.memory_bytes >= demand.device_memory_bytes;
}

int64_t WholeDevices(const DeviceGroupView& group, bool allow_reclaim) {
  int64_t whole = 0;
  for (size_t device = 0; device < group.free_milli.size(); ++device) {
    whole += UsableMilli(group, device, allow_reclaim) >= kWholeDevice;
  }
  return whole;
}

int64_t SiteShortfall(const Demand& demand, const NodeView& node, bool) {
  return !demand.site.empty() && demand.site != node.site;
}

int64_t OwnerShortfall(const Demand& demand, const NodeView& node, bool) {
  return !node.owner.empty() && node.owner != demand.tenant;
}

int64_t LabelShortfall(const Demand& demand, const NodeView& node, bool) {
  return std::count_if(demand.selector.begin(), demand.selector.end(), [&](const auto& label) {
    return !std::binary_search(node.labels.begin(), node.labels.end(), label);
  });
}

int64_t TaintShortfall(const Demand& demand, const NodeView& node, bool) {
  return std::count_if(node.taints.begin(), node.taints.end(), [&](const std::string& taint) {
    return !std::binary_search(demand.tolerations.begin(), demand.tolerations.end(), taint);
  });
}

int64_t DeviceKindShortfall(const Demand& demand, const NodeView&, bool) { return demand.two_device_kinds; }

int64_t DeviceModelShortfall(const Demand& demand, const NodeView& node, bool) {
  return WantsDevices(demand) &&
         std::none_of(node.groups.begin(), node.groups.end(),
                      [&](const DeviceGroupView& group) { return MatchesModel(demand, group); });
}

int64_t DeviceMemoryShortfall(const Demand& demand, const NodeView& node, bool) {
  if (!WantsDevices(demand)) return 0;
  int64_t largest = 0;
  for (const DeviceGroupView& group : node.groups) {
    if (MatchesModel(demand, group)) largest = std::max(largest, group.memory_bytes);
  }
  return Lacking(demand.device_memory_bytes, largest);
}

int64_t DeviceCountShortfall(const Demand& demand, const NodeView& node, bool) {
  int64_t largest = 0;
  for (const DeviceGroupView& group : node.groups) {
    if (MayUse(demand, group)) largest = std::max<int64_t>(largest, group.free_milli.size());
  }
  return Lacking(demand.devices, largest);
}

int64_t NodeStateShortfall(const Demand&, const NodeView& node, bool) { return !node.available; }

int64_t CountsShortfall(const Demand& demand, const NodeView& node, bool) {
  int64_t most = 0;
  for (const auto& [name, wanted] : demand.counts) most = std::max(most, Lacking(wanted, FreeCount(node, name)));
  return most;
}

int64_t PortShortfall(const Demand& demand, const NodeView& node, bool) {
  return Lacking(demand.ports, node.ports_free);
}

int64_t DiskShortfall(const Demand& demand, const NodeView& node, bool) {
  return Lacking(demand.disk_bytes, node.disk_free);
}

int64_t MemoryShortfall(const Demand& demand, const NodeView& node, bool) {
  return Lacking(demand.memory_bytes, node.memory_free);
}

int64_t CpuShortfall(const Demand& demand, const NodeView& node, bool) {
  return Lacking(demand.cpu_milli, node.cpu_milli_free);
}

int64_t DevicesShortfall(const Demand& demand, const NodeView& node, bool allow_reclaim) {
  if (demand.devices == 0) return 0;
  int64_t most = 0;
  for (const DeviceGroupView& group : node.groups) {
    if (MayUse(demand, group)) most = std::max(most, WholeDevices(group, allow_reclaim));
  }
  return Lacking(demand.devices, most);
}

int64_t DeviceShareShortfall(const Demand& demand, const NodeView& node, bool allow_reclaim) {
  if (demand.share_milli == 0) return 0;
  int64_t most = 0;
  for (const DeviceGroupView& group : node.groups) {
    if (!MayUse(demand, group)) continue;
    for (size_t device = 0; device < group.free_milli.size(); ++device) {
      most = std::max<int64_t>(most, UsableMilli(group, device, allow_reclaim));
    }
  }
  return Lacking(demand.share_milli, most);
}

}  // namespace switchyard::placement
