// What one task of a group asks of a node, worked out once from the job's spec.
#ifndef SWITCHYARD_SCHEDULER_PLACEMENT_DEMAND_H_
#define SWITCHYARD_SCHEDULER_PLACEMENT_DEMAND_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "common/units.h"
#include "switchyard/v1/configuration.pb.h"
#include "switchyard/v1/job.pb.h"

namespace switchyard::placement {

// What "rack" and "switch" in spread_over and pack_into mean. A node without a switch is a switch domain of its own.
enum class Domain { kNone, kNode, kRack, kSwitch };

struct Demand {
  std::string group;  // name of the task group
  std::string tenant;
  std::string site;                                           // only there; empty: anywhere
  std::vector<std::pair<std::string, std::string>> selector;  // sorted; the node has each of them
  std::vector<std::string> tolerations;                       // sorted
  int64_t cpu_milli = 0;
  int64_t memory_bytes = 0;
  int64_t disk_bytes = 0;
  int32_t ports = 0;
  std::vector<std::pair<std::string, int64_t>> counts;  // sorted by name, one entry a name
  // Devices of one kind: either `devices` whole ones or a share of one. UNSPECIFIED: none.
  v1::DeviceKind device_kind = v1::DEVICE_KIND_UNSPECIFIED;
  bool two_device_kinds = false;           // asks for GPUs and CPU devices at once: fits nowhere
  int32_t devices = 0;                     // whole devices of one device group
  int32_t share_milli = 0;                 // of one device
  std::vector<std::string> device_models;  // sorted; empty: any
  int64_t device_memory_bytes = 0;         // at least this on each GPU
  Power watts_per_device;                  // limit for devices with a limiter; zero: their maximum
  Domain spread_over = Domain::kNone;
  Domain pack_into = Domain::kNone;

  bool operator==(const Demand&) const = default;
};

Demand MakeDemand(const v1::JobSpec& job, const v1::TaskGroup& group);

// What one task of the demand holds of each device that it gets: 1,000 for whole devices, its share otherwise, 0
// without devices.
int32_t MilliPerDevice(const Demand& demand);

}  // namespace switchyard::placement

#endif  // SWITCHYARD_SCHEDULER_PLACEMENT_DEMAND_H_
