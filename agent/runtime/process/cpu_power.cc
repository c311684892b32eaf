#include "agent/runtime/process/cpu_power.h"

#include <algorithm>

namespace switchyard::agent::process {

int CpuPower::DutyFor(Power grant, int devices) const {
  const Power range = (max - idle) * devices;
  const Power above = grant - idle * devices;
  if (above <= Power() || devices <= 0) return 0;
  if (above >= range) return kFullDuty;
  return static_cast<int>(static_cast<__int128>(above.count()) * kFullDuty / range.count());
}

Power CpuPower::At(int duty, int devices) const {
  const __int128 busy = static_cast<__int128>((max - idle).count()) * devices * std::clamp(duty, 0, kFullDuty);
  return idle * devices + Power(static_cast<int64_t>((busy + kFullDuty - 1) / kFullDuty));
}

Energy CpuPower::Drawn(int devices, Duration span, int64_t busy_us) const {
  // Milliwatts times microseconds are nanojoules.
  const __int128 busy_nj = static_cast<__int128>((max - idle).count()) * busy_us;
  return EnergyOver(idle * devices, span) + Energy(static_cast<int64_t>(busy_nj / 1'000'000));
}

}  // namespace switchyard::agent::process
