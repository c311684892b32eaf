#include "agent/telemetry/hwmon_power.h"

#include "agent/telemetry/sysfs_value.h"

namespace switchyard::agent::telemetry {

HwmonPower::HwmonPower(const std::string& sysfs_root) {
  const std::string directory = sysfs_root + "/class/hwmon";
  const auto chips = platform::ListDirectory(directory);
  if (!chips.ok()) return;
  for (const std::string& chip : *chips) {
    const std::string path = directory + "/" + chip;
    // Other chips (GPUs, voltage regulators) read parts of the machine.
    if (SysfsText(path + "/name") != "power_meter") continue;
    for (const char* file : {"/power1_average", "/power1_input"}) {
      if (!SysfsInteger(path + file)) continue;
      paths_.push_back(path + file);
      break;
    }
  }
}

std::optional<Power> HwmonPower::Read() const {
  if (paths_.empty()) return std::nullopt;
  Power total;
  for (const std::string& path : paths_) {
    const auto microwatts = SysfsInteger(path);
    if (!microwatts) return std::nullopt;
    total += Power(*microwatts / 1000);
  }
  return total;
}

}  // namespace switchyard::agent::telemetry
