// The node-level rows of the table of constraints: how much one task of a demand lacks on a node. Read through the
// table (constraint.h) or NodeShortfall (node_fit.h), never one by one.
//
// Promises: 0 exactly where the constraint lets the task in; a check does not assume that an earlier one passed.
#ifndef SWITCHYARD_SCHEDULER_PLACEMENT_NODE_CHECKS_H_
#define SWITCHYARD_SCHEDULER_PLACEMENT_NODE_CHECKS_H_

#include <cstddef>
#include <cstdint>

#include "scheduler/placement/demand.h"
#include "scheduler/placement/node_view.h"

namespace switchyard::placement {

inline constexpr int32_t kWholeDevice = 1000;  // thousandths

// Whether any use of the device needs a yield first.
inline bool Reclaimable(const DeviceGroupView& group, size_t device) {
  return device < group.reclaimable.size() && group.reclaimable[device];
}
// Thousandths of the device that a task may take.
inline int32_t UsableMilli(const DeviceGroupView& group, size_t device, bool allow_reclaim) {
  return Reclaimable(group, device) && !allow_reclaim ? 0 : group.free_milli[device];
}
// Whether the demand may hold devices of the group at all: kind, model and memory.
bool MayUse(const Demand& demand, const DeviceGroupView& group);
// Devices of the group of which nothing is taken.
int64_t WholeDevices(const DeviceGroupView& group, bool allow_reclaim);

int64_t SiteShortfall(const Demand& demand, const NodeView& node, bool allow_reclaim);
int64_t OwnerShortfall(const Demand& demand, const NodeView& node, bool allow_reclaim);
int64_t LabelShortfall(const Demand& demand, const NodeView& node, bool allow_reclaim);  // labels missing
int64_t TaintShortfall(const Demand& demand, const NodeView& node, bool allow_reclaim);  // taints not tolerated
int64_t DeviceKindShortfall(const Demand& demand, const NodeView& node, bool allow_reclaim);
int64_t DeviceModelShortfall(const Demand& demand, const NodeView& node, bool allow_reclaim);
int64_t DeviceMemoryShortfall(const Demand& demand, const NodeView& node, bool allow_reclaim);  // bytes a device
int64_t DeviceCountShortfall(const Demand& demand, const NodeView& node,
                             bool allow_reclaim);  // devices in its largest group
int64_t NodeStateShortfall(const Demand& demand, const NodeView& node, bool allow_reclaim);
int64_t CountsShortfall(const Demand& demand, const NodeView& node,
                        bool allow_reclaim);  // of the count that lacks most
int64_t PortShortfall(const Demand& demand, const NodeView& node, bool allow_reclaim);
int64_t DiskShortfall(const Demand& demand, const NodeView& node, bool allow_reclaim);     // bytes
int64_t MemoryShortfall(const Demand& demand, const NodeView& node, bool allow_reclaim);   // bytes
int64_t CpuShortfall(const Demand& demand, const NodeView& node, bool allow_reclaim);      // thousandths of a CPU
int64_t DevicesShortfall(const Demand& demand, const NodeView& node, bool allow_reclaim);  // whole devices
int64_t DeviceShareShortfall(const Demand& demand, const NodeView& node,
                             bool allow_reclaim);  // thousandths of a device

}  // namespace switchyard::placement

#endif  // SWITCHYARD_SCHEDULER_PLACEMENT_NODE_CHECKS_H_
