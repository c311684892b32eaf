#include "scheduler/placement/demand.h"

#include <algorithm>
#include <map>

#include "common/check.h"

namespace switchyard::placement {
namespace {

constexpr int32_t kWholeDevice = 1000;

Domain DomainOf(const std::string& word) {
  if (word.empty()) return Domain::kNone;
  if (word == "node") return Domain::kNode;
  if (word == "rack") return Domain::kRack;
  SWITCHYARD_CHECK(word == "switch") << "\"" << word
                                     << "\" is no failure domain; validation lets none but these through";
  return Domain::kSwitch;
}

// Fills in which devices the task holds. Fractions of a GPU and whole GPUs exclude each other by validation.
void SetDevices(const v1::Resources& resources, Demand& demand) {
  if (resources.gpus() > 0) {
    demand.device_kind = v1::GPU;
    demand.devices = resources.gpus();
  } else if (resources.gpu_milli() > 0) {
    demand.device_kind = v1::GPU;
    demand.share_milli = resources.gpu_milli();
  } else if (resources.cpu_devices() > 0) {
    demand.device_kind = v1::CPU;
    demand.devices = resources.cpu_devices();
  }
  demand.two_device_kinds = demand.device_kind == v1::GPU && resources.cpu_devices() > 0;
  if (demand.device_kind == v1::GPU) {
    demand.device_models.assign(resources.gpu_models().begin(), resources.gpu_models().end());
    std::sort(demand.device_models.begin(), demand.device_models.end());
    demand.device_memory_bytes = resources.gpu_memory_bytes();
  }
  demand.watts_per_device = Power(resources.watts_per_device_mw());
}

}  // namespace

Demand MakeDemand(const v1::JobSpec& job, const v1::TaskGroup& group) {
  const v1::Resources& resources = group.resources();
  Demand demand;
  demand.group = group.name();
  demand.tenant = job.tenant();
  demand.site = job.site();
  for (const v1::Label& label : group.selector()) demand.selector.emplace_back(label.key(), label.value());
  std::sort(demand.selector.begin(), demand.selector.end());
  demand.tolerations.assign(job.tolerations().begin(), job.tolerations().end());
  std::sort(demand.tolerations.begin(), demand.tolerations.end());
  demand.cpu_milli = resources.cpu_milli();
  demand.memory_bytes = resources.memory_bytes();
  demand.disk_bytes = resources.disk_bytes();
  demand.ports = resources.ports();
  std::map<std::string, int64_t> counts;
  for (const v1::NamedCount& count : resources.counts()) counts[count.name()] += count.count();
  demand.counts.assign(counts.begin(), counts.end());
  SetDevices(resources, demand);
  demand.spread_over = DomainOf(group.spread_over());
  demand.pack_into = DomainOf(group.pack_into());
  return demand;
}

int32_t MilliPerDevice(const Demand& demand) { return demand.devices > 0 ? kWholeDevice : demand.share_milli; }

}  // namespace switchyard::placement
