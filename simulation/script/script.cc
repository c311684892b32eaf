#include "simulation/script/script.h"

#include <array>

#include "absl/strings/numbers.h"
#include "common/check.h"

namespace switchyard::simulation {
namespace {

// In the order of FaultKind.
constexpr std::array<const char*, kFaultKinds> kNames = {
    "delay",
    "loss",
    "repeat",
    "reorder",
    "partition",
    "one-way-partition",
    "scheduler-crash",
    "stale-leader",
    "older-backup",
    "empty-store",
    "agent-crash",
    "agent-upgrade",
    "node-reboot",
    "node-suspend",
    "wiped-agent",
    "cloned-agent",
    "replaced-hardware",
    "clock-drift",
    "supervisor-killed",
    "device-overshoots",
    "device-lies",
    "device-sticks",
    "device-to-nameplate",
    "device-slow",
    "meter-noise",
    "meter-lag",
    "meter-sticks",
    "meter-dies",
    "reload",
    "operator-word",
    "feed-lost",
    "utc-step",
};

}  // namespace

const char* Name(FaultKind kind) {
  SWITCHYARD_CHECK(kind < FaultKind::kCount) << static_cast<int>(kind);
  return kNames[static_cast<size_t>(kind)];
}

std::optional<FaultKind> FaultKindByName(const std::string& name) {
  for (size_t i = 0; i < kNames.size(); ++i) {
    if (name == kNames[i]) return static_cast<FaultKind>(i);
  }
  return std::nullopt;
}

std::string ToText(const DeviceSubject& subject) {
  return subject.node + "/" + subject.group + "/" + std::to_string(subject.index);
}

std::optional<DeviceSubject> ParseDeviceSubject(const std::string& text) {
  const size_t last = text.rfind('/');
  if (last == std::string::npos || last == 0) return std::nullopt;
  const size_t middle = text.rfind('/', last - 1);
  if (middle == std::string::npos) return std::nullopt;
  DeviceSubject subject{.node = text.substr(0, middle), .group = text.substr(middle + 1, last - middle - 1)};
  if (!absl::SimpleAtoi(text.substr(last + 1), &subject.index) || subject.index < 0) return std::nullopt;
  return subject;
}

const std::vector<std::string>& OperatorWords() {
  static const auto* const kWords =
      new std::vector<std::string>{"cordon",    "uncordon",     "drain",       "undrain",      "node admit",
                                   "node lost", "node replace", "orphan stop", "orphan adopt", "quarantine clear"};
  return *kWords;
}

}  // namespace switchyard::simulation
