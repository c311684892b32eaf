#include "scheduler/rpc/bounds/validate_agent.h"

#include <set>
#include <string>

#include "fmt/format.h"
#include "scheduler/rpc/bounds/limits.h"
#include "scheduler/rpc/bounds/validate_request.h"

namespace switchyard::rpc {
namespace {

// Collects the first problem only; later checks are then cheap and without effect.
class Checker {
 public:
  void Text(const std::string& path, const std::string& text, size_t max) {
    if (text.size() > max) Fail(path, fmt::format("it has {} bytes, at most {} are allowed", text.size(), max));
  }
  void Count(const std::string& path, int count, int max) {
    if (count > max) Fail(path, fmt::format("it has {} entries, at most {} are allowed", count, max));
  }
  // -1 where `unknown` allows it: not known.
  void Watts(const std::string& path, int64_t mw, int64_t max, bool unknown) {
    if (mw < (unknown ? -1 : 0) || mw > max) {
      Fail(path, fmt::format("it is {} mW, {} to {} mW are allowed", mw, unknown ? "-1 (not known)" : "0", max));
    }
  }
  void NotNegative(const std::string& path, int64_t value) {
    if (value < 0) Fail(path, fmt::format("it is {}, 0 and more are allowed", value));
  }
  void Fail(const std::string& path, const std::string& what) {
    if (status_.ok())
      status_ = absl::InvalidArgumentError(path + ": " + what + "; this agent's version does not fit the scheduler's");
  }
  const absl::Status& status() const { return status_; }

 private:
  absl::Status status_;
};

void CheckFaults(const std::string& path, const google::protobuf::RepeatedPtrField<v1::DeviceFault>& faults,
                 Checker* check) {
  check->Count(path, faults.size(), kDevicesPerGroupMax);
  for (const v1::DeviceFault& fault : faults) {
    check->Text(path + ".device", fault.device(), kDeviceIdMax);
    check->Text(path + ".reason", fault.reason(), kFaultReasonMax);
    check->Watts(path + ".reading_mw", fault.reading_mw(), kNodePowerMaxMw, true);
  }
}

void CheckHello(const v1::NodeHello& hello, Checker* check) {
  for (const std::string* text : {&hello.agent_incarnation(), &hello.boot_id(), &hello.hardware_id()}) {
    if (text->empty())
      check->Fail("hello", "agent_incarnation, boot_id or hardware_id is empty, all three name the node");
    check->Text("hello", *text, kAgentTextMax);
  }
  check->Text("hello.version", hello.version(), kAgentTextMax);
  check->Text("hello.cluster_id", hello.cluster_id(), kAgentTextMax);
  check->Count("hello.groups", hello.groups_size(), kGroupsPerNodeMax);
  std::set<std::string> devices;
  for (const v1::GroupCapability& group : hello.groups()) {
    check->Text("hello.groups.group", group.group(), kAgentTextMax);
    check->Count("hello.groups.devices", group.devices_size(), kDevicesPerGroupMax);
    for (const std::string& device : group.devices()) {
      check->Text("hello.groups.devices", device, kDeviceIdMax);
      if (device.empty() || !devices.insert(device).second) {
        check->Fail("hello.groups.devices", "a device is empty or named twice, each has one serial");
      }
    }
  }
}

void CheckAllocation(const v1::AllocationReport& report, Checker* check) {
  const std::string path = fmt::format("report.allocations[id {}]", report.allocation());
  if (report.allocation() == 0) check->Fail(path, "its id is 0, ids begin at 1");
  if (report.phase() < v1::TASK_PREPARING || report.phase() > v1::TASK_ENDED) {
    check->Fail(path + ".phase",
                fmt::format("it is {}, TASK_PREPARING to TASK_ENDED are allowed", static_cast<int>(report.phase())));
  }
  check->Watts(path + ".confirmed_mw", report.confirmed_mw(), kNodePowerMaxMw, true);
  check->Watts(path + ".reading_mw", report.reading_mw(), kNodePowerMaxMw, true);
  check->Text(path + ".reason", report.reason(), kReasonMax);
  check->Count(path + ".devices", report.devices_size(), kDevicesPerGroupMax);
  for (const std::string& device : report.devices()) check->Text(path + ".devices", device, kDeviceIdMax);
  CheckFaults(path + ".faults", report.faults(), check);
  check->NotNegative(path + ".hashes", report.hashes());
  check->NotNegative(path + ".shares_accepted", report.shares_accepted());
  check->NotNegative(path + ".shares_rejected", report.shares_rejected());
  check->NotNegative(path + ".energy_mj", report.energy_mj());
}

void CheckReport(const v1::NodeReport& report, Checker* check) {
  check->Count("report.allocations", report.allocations_size(), kAllocationsPerReportMax);
  check->Count("report.groups", report.groups_size(), kGroupsPerNodeMax);
  if (!check->status().ok()) return;
  std::set<uint64_t> ids;
  for (const v1::AllocationReport& allocation : report.allocations()) {
    CheckAllocation(allocation, check);
    if (!ids.insert(allocation.allocation()).second) {
      check->Fail("report.allocations", fmt::format("allocation {} is named twice", allocation.allocation()));
    }
    if (!check->status().ok()) return;
  }
  std::set<std::string> groups;
  for (const v1::GroupReport& group : report.groups()) {
    check->Text("report.groups.group", group.group(), kAgentTextMax);
    if (!groups.insert(group.group()).second) check->Fail("report.groups", "a group is named twice");
    check->Watts("report.groups.unallocated_mw", group.unallocated_mw(), kNodePowerMaxMw, true);
    if (group.unallocated_devices() < 0 || group.unallocated_devices() > kDevicesPerGroupMax) {
      check->Fail("report.groups.unallocated_devices",
                  fmt::format("it is {}, 0 to {} are allowed", group.unallocated_devices(), kDevicesPerGroupMax));
    }
    CheckFaults("report.groups.faults", group.faults(), check);
  }
}

void CheckTelemetry(const v1::Telemetry& telemetry, Checker* check) {
  check->Watts("telemetry.draw_mw", telemetry.draw_mw(), kNodePowerMaxMw, true);
  check->Count("telemetry.groups", telemetry.groups_size(), kGroupsPerNodeMax);
  check->Count("telemetry.meters", telemetry.meters_size(), kMetersPerTelemetryMax);
  for (const v1::GroupDraw& group : telemetry.groups()) {
    check->Text("telemetry.groups.group", group.group(), kAgentTextMax);
    check->Watts("telemetry.groups.draw_mw", group.draw_mw(), kNodePowerMaxMw, true);
  }
  for (const v1::MeterReading& meter : telemetry.meters()) {
    if (!IsScopedName(meter.budget())) check->Fail("telemetry.meters.budget", "it is not of the form <site>/<budget>");
    check->Watts("telemetry.meters.draw_mw", meter.draw_mw(), kMeterPowerMaxMw, false);
    if (meter.age_ms() < 0 || meter.age_ms() > Hours(24).count()) {
      check->Fail("telemetry.meters.age_ms", fmt::format("it is {} ms, 0 ms to 24 h are allowed", meter.age_ms()));
    }
  }
}

}  // namespace

absl::Status ValidateAgentMessage(const v1::AgentMessage& message) {
  Checker check;
  if (message.node().size() > kNodeIdMax || !IsScopedName(message.node()))
    check.Fail("node", "it is not of the form <site>/<node>");
  switch (message.message_case()) {
    case v1::AgentMessage::kHello:
      CheckHello(message.hello(), &check);
      break;
    case v1::AgentMessage::kReport:
      CheckReport(message.report(), &check);
      break;
    case v1::AgentMessage::kHeartbeat:
      break;  // every value of its numbers is allowed
    case v1::AgentMessage::kTelemetry:
      CheckTelemetry(message.telemetry(), &check);
      break;
    case v1::AgentMessage::kLog:
      check.Text("log.data", message.log().data(), kLogDataMax);
      check.Text("log.error", message.log().error(), kReasonMax);
      break;
    case v1::AgentMessage::MESSAGE_NOT_SET:
      check.Fail("message", "it is empty");
      break;
  }
  return check.status();
}

}  // namespace switchyard::rpc
