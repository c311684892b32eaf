// One simulated node: devices with the physics of their models, hollow tasks on them, and an identity that can be
// rebooted, wiped or cloned. What it reports is what its agent could read; what it truly draws only the draw file and
// the meters know.
//
// Its devices outlive the process: their state stands in a file after every action, and a simulated agent that was
// killed finds them further along the same ramps. The file survives the process, not a crash of the machine.
//
// Thread rule: the loop's thread only.
#ifndef SWITCHYARD_AGENT_RUNTIME_SIMULATED_NODE_H_
#define SWITCHYARD_AGENT_RUNTIME_SIMULATED_NODE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/runtime/runtime.h"
#include "agent/runtime/simulated/device.h"
#include "agent/runtime/simulated/task.h"
#include "common/configuration/agent_file.h"
#include "common/platform/clock.h"

namespace switchyard::agent::simulated {

struct Group {
  std::string name;
  v1::DeviceModel model;
  std::vector<Device> devices;
  MonoTime rests_at;             // no device of it changes its draw after this
  std::optional<Power> at_rest;  // their sum then, once it was asked for
};

struct Identity {
  std::string incarnation, boot_id, hardware_id;
};

class Node final : public Runtime {
 public:
  // `state_path` empty: nothing is kept. DATA_LOSS: the state file cannot be read.
  static absl::StatusOr<std::unique_ptr<Node>> Open(const std::string& name,
                                                    const configuration::SimulatedSettings& settings,
                                                    const platform::Clock& clock, const std::string& state_path);

  const std::string& name() const { return name_; }
  bool configured() const { return configured_; }

  v1::NodeHello Identify() override;
  void Configure(const v1::Welcome& welcome) override;
  reconcile::MachineTruth Observe() override;
  MonoTime NextChange() override;
  void Execute(const std::vector<reconcile::Action>& actions) override;
  v1::Telemetry Measure() override;
  void StreamLogs(const v1::LogRequest& request, std::function<void(v1::LogData)> sink) override;
  void CancelLogs(uint64_t) override {}

  // The truth, for the draw file and the meters.
  Power PlatformDraw() const;
  Power GroupDraw(size_t group, MonoTime now);
  const std::vector<Group>& groups() const { return groups_; }
  // Called when a device begins (and, from Observe, ends) a change of its draw.
  void OnDeviceChange(std::function<void(const std::string& device, Power draw)> callback) {
    on_device_ = std::move(callback);
  }
  // A meter that this node's agent reads: asked at each telemetry.
  void AddMeter(std::function<bool(MonoTime now, v1::MeterReading* reading)> meter) {
    meters_.push_back(std::move(meter));
  }

  // ---- faults on command ----
  void Reboot();       // new boot id; processes are gone, external devices are not
  void Wipe();         // the agent's state directory is lost: a new incarnation finds what runs
  void BecomeClone();  // the same name on other hardware
  bool SetDefect(const std::string& device, Defect defect);  // false: no such device

 private:
  friend class StateCodec;
  Node(std::string name, const configuration::SimulatedSettings& settings, const platform::Clock& clock,
       std::string state_path);

  Defect DrawnDefect(const std::string& device, v1::DeviceKind kind) const;
  void Prepare(const v1::DesiredAllocation& order);
  void Release(Task& task);
  void SetLimit(Task& task, const v1::DesiredAllocation& order, Power limit);
  void SetHashing(Task& task);
  void RaiseWaiting(Task& task, MonoTime now);
  void Retarget(const Task& task, MonoTime now);
  void Command(size_t group, size_t device, Power setting, Power draw, MonoTime now);
  void Stop(Task& task, Duration grace);
  void Exit(Task& task, MonoTime now);
  void FallBack(Task& task, MonoTime now);
  void Advance();
  void Account(MonoTime now);
  bool AtRest(const Task& task, MonoTime now) const;
  Power FloorOf(const Task& task) const;
  Power FallbackOf(const Task& task) const;
  Power LooseDraw(const Task& task) const;
  reconcile::TaskTruth TruthOf(const Task& task, MonoTime now) const;
  reconcile::GroupTruth UnallocatedOf(size_t group, MonoTime now) const;
  v1::DeviceFault FaultOf(const Group& group, const Device& device, MonoTime now) const;
  bool Exclusive(const Task& task) const;
  void Save();

  std::string name_;
  configuration::SimulatedSettings settings_;
  const platform::Clock& clock_;
  std::string state_path_;
  Identity identity_;
  bool configured_ = false;
  v1::Welcome welcome_;
  Power platform_;
  std::vector<Group> groups_;
  std::map<uint64_t, Task> tasks_;
  MonoTime accounted_;   // energy and hashes are counted up to here
  MonoTime scanned_at_;  // after a reboot: until then it scans
  std::function<void(const std::string&, Power)> on_device_;
  std::set<MonoTime> look_at_;  // when something changes that is worth a look: ramps and deadlines of devices
  std::set<std::tuple<MonoTime, size_t, size_t>> changing_;  // ends of changes, with group and device, for on_device_
  std::vector<std::function<bool(MonoTime, v1::MeterReading*)>> meters_;
};

}  // namespace switchyard::agent::simulated

#endif  // SWITCHYARD_AGENT_RUNTIME_SIMULATED_NODE_H_
