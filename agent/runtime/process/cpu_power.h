// Watts of CPU devices by model: a core draws its idle watts, and up to its maximum in proportion to the time that it works. The
// same line turns a grant into a duty, a duty into a bound, and CPU time into energy. Pure.
#ifndef SWITCHYARD_AGENT_RUNTIME_PROCESS_CPU_POWER_H_
#define SWITCHYARD_AGENT_RUNTIME_PROCESS_CPU_POWER_H_

#include <cstdint>

#include "common/units.h"

namespace switchyard::agent::process {

inline constexpr int kFullDuty = 1000;

struct CpuPower {
  Power idle;  // of one device
  Power max;

  // The largest duty, in thousandths, at which `devices` devices draw at most `grant`; 0 when they draw more at idle already.
  int DutyFor(Power grant, int devices) const;
  // The most that they draw at `duty`, rounded up.
  Power At(int duty, int devices) const;
  // What they drew over a span of which `busy_us` microseconds of CPU time were worked.
  Energy Drawn(int devices, Duration span, int64_t busy_us) const;
};

}  // namespace switchyard::agent::process

#endif  // SWITCHYARD_AGENT_RUNTIME_PROCESS_CPU_POWER_H_
