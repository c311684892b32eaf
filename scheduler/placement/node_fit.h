// One task, one node: does it fit, with which devices, and what is left afterwards.
//
// Promises: Take and Release are exact inverses; what NodeShortfall lets through ChooseDevices can place.
#ifndef SWITCHYARD_SCHEDULER_PLACEMENT_NODE_FIT_H_
#define SWITCHYARD_SCHEDULER_PLACEMENT_NODE_FIT_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "scheduler/placement/constraint.h"
#include "scheduler/placement/demand.h"
#include "scheduler/placement/node_view.h"

namespace switchyard::placement {

// The first constraint of the table that keeps one task off the node, and how much is lacking; nothing when it fits.
std::optional<std::pair<Constraint, int64_t>> NodeShortfall(const Demand& demand, const NodeView& node,
                                                            bool allow_reclaim = true);

// The devices that a task would get on a node.
struct DeviceChoice {
  int32_t device_group = -1;     // -1: the task needs no devices
  std::vector<int32_t> devices;  // indices within the group, rising
  bool needs_yield = false;      // at least one of them is reclaimable
  int64_t leftover = 0;  // best fit: whole free devices or thousandths of the device that stay behind; less is better
};

// Prefers devices that need no yield; then, for a share, the fullest device that still has room, and for whole devices
// the group with the fewest free ones; then the lower index. Nothing when the devices are not there.
std::optional<DeviceChoice> ChooseDevices(const Demand& demand, const NodeView& node, bool allow_reclaim);
// The same without the devices' names: to compare nodes by.
std::optional<DeviceChoice> RankDevices(const Demand& demand, const NodeView& node, bool allow_reclaim);

// How many tasks of the demand the node could hold one after the other, at most `limit`.
int32_t TaskCapacity(const Demand& demand, const NodeView& node, bool allow_reclaim, int32_t limit);

// Books one task's resources on the node, and gives them back. REQUIRES: Take what fits, Release what was taken.
void Take(const Demand& demand, int32_t device_group, const std::vector<int32_t>& devices, NodeView& node);
void Release(const Demand& demand, int32_t device_group, const std::vector<int32_t>& devices, NodeView& node);

// The nodes that a constraint excludes: how many, and the one that lacks least.
struct Rejection {
  int32_t nodes = 0;
  std::string example;    // id of the node with the smallest shortfall
  int64_t shortfall = 0;  // of that node
};

// Every node that cannot take a task of the demand, under the first constraint that excludes it.
std::map<Constraint, Rejection> RejectedNodes(const Demand& demand, const std::vector<NodeView>& nodes,
                                              bool allow_reclaim = true);

}  // namespace switchyard::placement

#endif  // SWITCHYARD_SCHEDULER_PLACEMENT_NODE_FIT_H_
