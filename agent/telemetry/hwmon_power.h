// The machine's own power meter, where its board has one: an ACPI power meter or a supply's controller under /sys/class/hwmon.
// It reads the whole node at the inlet, in microwatts.
#ifndef SWITCHYARD_AGENT_TELEMETRY_HWMON_POWER_H_
#define SWITCHYARD_AGENT_TELEMETRY_HWMON_POWER_H_

#include <optional>
#include <string>
#include <vector>

#include "common/units.h"

namespace switchyard::agent::telemetry {

class HwmonPower {
 public:
  explicit HwmonPower(const std::string& sysfs_root);
  bool available() const { return !paths_.empty(); }
  // Sum over the meters found; nothing when one of them cannot be read, for a part is no reading of the whole.
  std::optional<Power> Read() const;

 private:
  std::vector<std::string> paths_;
};

}  // namespace switchyard::agent::telemetry

#endif  // SWITCHYARD_AGENT_TELEMETRY_HWMON_POWER_H_
