// A node as the placement sees it: what is there and what is free, copied out of the core's entities for one round.
#ifndef SWITCHYARD_SCHEDULER_PLACEMENT_NODE_VIEW_H_
#define SWITCHYARD_SCHEDULER_PLACEMENT_NODE_VIEW_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "common/units.h"
#include "switchyard/v1/configuration.pb.h"

namespace switchyard::placement {

struct DeviceGroupView {
  v1::DeviceKind kind = v1::DEVICE_KIND_UNSPECIFIED;
  std::string model;
  int64_t memory_bytes = 0;  // of one device
  Power idle, min, max;      // of one device
  bool limiter = false;
  // Per device: thousandths that AI may take. 1,000 is a whole device, 0 a quarantined or fully used one. For a
  // reclaimable device: the thousandths that it will have once the yield is done (1,000 for one that only hashes).
  std::vector<int32_t> free_milli;
  // Per device: held by hashing or by a preemptible allocation of lower priority, so that any use of it needs a yield
  // first. As long as free_milli, or empty: none is.
  std::vector<bool> reclaimable;

  bool operator==(const DeviceGroupView&) const = default;
};

// How often Take and Release have changed a view. It is no part of what the node has: views of equal contents are equal.
struct Bookings {
  uint64_t count = 0;
  bool operator==(const Bookings&) const { return true; }
};

struct NodeView {
  uint32_t index = 0;  // of the node in the core; ties go to the lower one
  std::string id, site, rack, switch_name;
  std::string owner;                                        // only this tenant's jobs; empty: anybody's
  std::vector<std::pair<std::string, std::string>> labels;  // sorted
  std::vector<std::string> taints;                          // only jobs that tolerate each of them
  bool available = false;                                   // ready, not cordoned, heard from
  int64_t cpu_milli_free = 0;
  int64_t memory_free = 0;  // bytes
  int64_t disk_free = 0;    // bytes
  int32_t ports_free = 0;
  std::vector<std::pair<std::string, int64_t>> counts_free;  // sorted by name
  std::vector<DeviceGroupView> groups;                       // in the order of the node model's groups
  int64_t hashing_value = 0;  // micro-USD an hour that its hashing earns: what a yield would lose
  Bookings bookings;

  bool operator==(const NodeView&) const = default;
};

}  // namespace switchyard::placement

#endif  // SWITCHYARD_SCHEDULER_PLACEMENT_NODE_VIEW_H_
