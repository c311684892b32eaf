// A budget's meter that this machine can read as one integer in one file.
#ifndef SWITCHYARD_AGENT_TELEMETRY_POWER_METER_FILE_H_
#define SWITCHYARD_AGENT_TELEMETRY_POWER_METER_FILE_H_

#include <optional>

#include "common/configuration/agent_file.h"
#include "common/units.h"

namespace switchyard::agent::telemetry {

// Nothing when it cannot be read, holds no integer or a negative one: a meter that fails says nothing, least of all zero.
std::optional<Power> ReadPowerMeter(const configuration::MeterSource& source);

}  // namespace switchyard::agent::telemetry

#endif  // SWITCHYARD_AGENT_TELEMETRY_POWER_METER_FILE_H_
