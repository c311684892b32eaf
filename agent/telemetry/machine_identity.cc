#include "agent/telemetry/machine_identity.h"

#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <cctype>

#include "agent/telemetry/sysfs_value.h"
#include "common/platform/tls.h"

namespace switchyard::agent::telemetry {
namespace {

constexpr size_t kSerialDigits = 8;

// Boards that were never given a UUID ship one of these.
bool IsPlaceholder(const std::string& uuid) {
  return uuid.find_first_not_of("0-") == std::string::npos || uuid.find_first_not_of("fF-") == std::string::npos ||
         uuid == "03000200-0400-0500-0006-000700080009";
}

std::string Lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

}  // namespace

absl::StatusOr<MachineIdentity> ReadMachineIdentity(const configuration::AgentFile& file) {
  MachineIdentity identity;
  identity.boot_id = SysfsText(file.boot_id_file);
  if (identity.boot_id.empty()) {
    return absl::FailedPreconditionError(
        fmt::format("boot id file \"{}\": cannot be read or is empty; name one with boot_id_file", file.boot_id_file));
  }
  identity.hardware_id = file.hardware_id;
  if (identity.hardware_id.empty()) {
    const std::string uuid = SysfsText(file.sysfs_root + "/class/dmi/id/product_uuid");
    if (!IsPlaceholder(uuid)) identity.hardware_id = Lower(uuid);
  }
  if (identity.hardware_id.empty()) {
    const std::string machine = SysfsText("/etc/machine-id");
    if (!machine.empty()) identity.hardware_id = platform::Sha256Hex("switchyard " + machine).substr(0, 32);
  }
  if (identity.hardware_id.empty()) {
    return absl::FailedPreconditionError(
        "hardware id: the machine has neither a product UUID nor a machine-id; name one with hardware_id");
  }
  return identity;
}

std::string CpuSerial(const std::string& hardware_id, int core) {
  std::string digits;
  for (const char c : hardware_id) {
    if (std::isalnum(static_cast<unsigned char>(c)) && digits.size() < kSerialDigits) digits += c;
  }
  return fmt::format("cpu-{}-{}", digits, core);
}

std::vector<int> CpuCores(const configuration::AgentFile& file) {
  std::vector<int> cores = file.cpus;
  if (cores.empty()) {
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    sched_getaffinity(0, sizeof allowed, &allowed);
    for (int core = 0; core < CPU_SETSIZE; ++core) {
      if (CPU_ISSET(core, &allowed)) cores.push_back(core);
    }
  }
  std::sort(cores.begin(), cores.end());
  return cores;
}

}  // namespace switchyard::agent::telemetry
