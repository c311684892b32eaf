// Which machine this is and which of its boots: the two facts by which the scheduler tells a restarted agent from a rebooted node
// and a wiped node from a replaced one.
#ifndef SWITCHYARD_AGENT_TELEMETRY_MACHINE_IDENTITY_H_
#define SWITCHYARD_AGENT_TELEMETRY_MACHINE_IDENTITY_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/configuration/agent_file.h"

namespace switchyard::agent::telemetry {

struct MachineIdentity {
  std::string boot_id;      // new at every boot
  std::string hardware_id;  // the setting; else DMI's product UUID; else a hash of /etc/machine-id, which itself is a secret
};

// FAILED_PRECONDITION where the machine says nothing of which an identity could be made: the file must then name a hardware_id.
absl::StatusOr<MachineIdentity> ReadMachineIdentity(const configuration::AgentFile& file);

// Serial of a core: "cpu-<first 8 letters and digits of the hardware id>-<core>". Stable over reboots and agents.
std::string CpuSerial(const std::string& hardware_id, int core);

// The cores that are the node's CPU devices: those of the file, else all that this process may use. Ascending.
std::vector<int> CpuCores(const configuration::AgentFile& file);

}  // namespace switchyard::agent::telemetry

#endif  // SWITCHYARD_AGENT_TELEMETRY_MACHINE_IDENTITY_H_
