#include "agent/telemetry/rapl.h"

#include "agent/telemetry/sysfs_value.h"

namespace switchyard::agent::telemetry {

RaplReader::RaplReader(const std::string& sysfs_root) {
  const std::string directory = sysfs_root + "/class/powercap";
  const auto zones = platform::ListDirectory(directory);
  if (!zones.ok()) return;
  for (const std::string& zone : *zones) {
    const std::string path = directory + "/" + zone;
    // "package-0" or, on machines with several dies, "package-0-die-1"; the platform zone "psys" would count them twice.
    if (!zone.starts_with("intel-rapl:") || !SysfsText(path + "/name").starts_with("package-")) continue;
    const auto range = SysfsInteger(path + "/max_energy_range_uj");
    if (range && *range > 0 && SysfsInteger(path + "/energy_uj")) packages_.push_back({path + "/energy_uj", *range, 0});
  }
}

std::optional<Power> RaplReader::Sample(MonoTime now) {
  if (packages_.empty()) return std::nullopt;
  const std::optional<MonoTime> before = last_;
  int64_t total_uj = 0;
  bool certain = before && now > *before;
  for (Package& package : packages_) {
    const auto energy_uj = SysfsInteger(package.energy_path);
    if (!energy_uj) {
      last_.reset();
      return std::nullopt;
    }
    int64_t difference = *energy_uj - package.last_uj;
    if (difference < 0) difference += package.range_uj;
    if (certain && (now - *before).count() * kPackageWattsMax * 1000 > package.range_uj) certain = false;
    total_uj += difference;
    package.last_uj = *energy_uj;
  }
  last_ = now;
  if (!certain) return std::nullopt;
  return Power(total_uj / (now - *before).count());  // microjoules over milliseconds are milliwatts
}

}  // namespace switchyard::agent::telemetry
