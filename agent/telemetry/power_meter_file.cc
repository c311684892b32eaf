#include "agent/telemetry/power_meter_file.h"

#include "agent/telemetry/sysfs_value.h"

namespace switchyard::agent::telemetry {

std::optional<Power> ReadPowerMeter(const configuration::MeterSource& source) {
  const auto count = SysfsInteger(source.path);
  if (!count || *count < 0) return std::nullopt;
  const __int128 microwatts = static_cast<__int128>(*count) * source.microwatts_per_count;
  if (microwatts / 1000 > Power::Max().count()) return std::nullopt;
  return Power(static_cast<int64_t>((microwatts + 999) / 1000));
}

}  // namespace switchyard::agent::telemetry
