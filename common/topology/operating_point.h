// Pure: which operating point of a device model fits into watts. Both ends of a lease ask it: the scheduler for what it
// reserves, the agent for what it lowers to.
#ifndef SWITCHYARD_COMMON_TOPOLOGY_OPERATING_POINT_H_
#define SWITCHYARD_COMMON_TOPOLOGY_OPERATING_POINT_H_

#include "common/units.h"
#include "switchyard/v1/configuration.pb.h"

namespace switchyard::topology {

// The highest point that draws at most `watts`, by its number; -1: none does, the device is off.
inline int PointWithin(const v1::DeviceModel& model, Power watts) {
  int point = model.operating_points_size() - 1;
  while (point >= 0 && Milliwatts(model.operating_points(point).mw()) > watts) --point;
  return point;
}

}  // namespace switchyard::topology

#endif  // SWITCHYARD_COMMON_TOPOLOGY_OPERATING_POINT_H_
