// RAPL: the energy counters of CPU packages under /sys/class/powercap. They count microjoules up to a range of each package's own
// and then start anew; power is the difference of two samples over the time between them, taken by the caller's clock.
#ifndef SWITCHYARD_AGENT_TELEMETRY_RAPL_H_
#define SWITCHYARD_AGENT_TELEMETRY_RAPL_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/units.h"

namespace switchyard::agent::telemetry {

class RaplReader {
 public:
  // Looks for packages beneath `sysfs_root`; their DRAM and core parts are within the package and not counted again.
  explicit RaplReader(const std::string& sysfs_root);

  bool available() const { return !packages_.empty(); }

  // Mean power of all packages together since the last sample. Nothing on the first one, after a counter that cannot be read,
  // and when more time has passed than the counter needs to wrap at kPackageWattsMax: it could have wrapped twice.
  std::optional<Power> Sample(MonoTime now);

 private:
  struct Package {
    std::string energy_path;
    int64_t range_uj = 0;
    int64_t last_uj = 0;
  };
  std::vector<Package> packages_;
  std::optional<MonoTime> last_;
};

// More than any CPU package draws for a second.
inline constexpr int64_t kPackageWattsMax = 2000;

}  // namespace switchyard::agent::telemetry

#endif  // SWITCHYARD_AGENT_TELEMETRY_RAPL_H_
