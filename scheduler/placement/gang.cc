#include "scheduler/placement/gang.h"

#include <optional>
#include <utility>

#include "common/check.h"
#include "scheduler/placement/node_fit.h"

namespace switchyard::placement {

bool Gang::Add(const Demand& demand, int32_t task_index, size_t node) {
  std::optional<DeviceChoice> choice = ChooseDevices(demand, nodes_[node], allow_reclaim_);
  SWITCHYARD_CHECK(choice.has_value()) << "node " << nodes_[node].id << " was let through without the devices";
  Member member{&demand, node, power_.Mark(), {}};
  member.placement = TaskPlacement{.group = demand.group,
                                   .index = task_index,
                                   .node = nodes_[node].index,
                                   .device_group = choice->device_group,
                                   .devices = std::move(choice->devices),
                                   .share_milli = MilliPerDevice(demand),
                                   .needs_yield = choice->needs_yield};
  if (!power_.Charge(member.placement)) return false;
  Take(demand, member.placement.device_group, member.placement.devices, nodes_[node]);
  members_.push_back(std::move(member));
  return true;
}

void Gang::UndoTo(size_t size) {
  if (size >= members_.size()) return;
  power_.Rollback(members_[size].mark);
  while (members_.size() > size) {
    const Member& last = members_.back();
    Release(*last.demand, last.placement.device_group, last.placement.devices, nodes_[last.node]);
    members_.pop_back();
  }
}

}  // namespace switchyard::placement
