#include "scheduler/core/fallback.h"

#include <algorithm>
#include <vector>

#include "common/topology/operating_point.h"
#include "scheduler/core/charges.h"
#include "scheduler/core/evidence.h"
#include "scheduler/core/hashing.h"

namespace switchyard::core {
namespace {

// Moves every device that stands above the fallback's point down to it; the watts of all of them then.
Power LowerSegments(const Group& group, Allocation& allocation) {
  const int most = topology::PointWithin(group.model, allocation.fallback);
  std::vector<int32_t> devices_at(static_cast<size_t>(group.model.operating_points_size()), 0);
  Power watts = Milliwatts(group.model.idle_mw()) * static_cast<int64_t>(allocation.devices.size());
  for (const v1::OperatingSegment& segment : allocation.segments) {
    const int point = std::min(segment.point(), most);
    if (point < 0) continue;
    devices_at[static_cast<size_t>(point)] += segment.count();
    watts += Milliwatts(group.model.operating_points(point).mw() - group.model.idle_mw()) * segment.count();
  }
  SetSegments(group, allocation, devices_at);
  return watts;
}

}  // namespace

Power FallbackWatts(const Node& node, const Allocation& allocation) {
  return std::max(OffWatts(node, allocation), allocation.fallback * static_cast<int64_t>(allocation.devices.size()));
}

void FallBack(Step& step, Allocation& allocation) {
  const Node& node = step.state.nodes[allocation.node];
  const Group& group = node.groups[allocation.group];
  const Power before = allocation.bound.value();
  // Whichever of its orders the devices follow, none of them stands above its fallback, and a fallback raises none.
  const Power held = std::min(before, FallbackWatts(node, allocation));
  if (group.model.power_cycle() == v1::PERSISTENT) allocation.retained = std::max(allocation.retained, before);
  const Power grant = std::min(LowerSegments(group, allocation), held);
  OrderGrant(step, allocation, grant);
  ConfirmBound(step, allocation, step.stamp.sequence, held, "expiry");
}

}  // namespace switchyard::core
