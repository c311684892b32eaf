// The runtime of a real machine: every task is a process under a supervisor of its own (agent/supervisor), hashing included; this
// object holds nothing that the machine does not show, so an agent killed at any point, or upgraded, is replaced by the next one.
//
// CPU devices only: cores are pinned, their watts modelled from CPU time (docs/operating.md names what a board with RAPL or a power
// meter measures instead). Hashing is held to its grant by duty; AI on CPUs has no limiter, its grant is the maximum.
#ifndef SWITCHYARD_AGENT_RUNTIME_PROCESS_PROCESS_RUNTIME_H_
#define SWITCHYARD_AGENT_RUNTIME_PROCESS_PROCESS_RUNTIME_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/runtime/process/cpu_power.h"
#include "agent/runtime/process/log_streams.h"
#include "agent/runtime/process/machine_watcher.h"
#include "agent/runtime/process/state_layout.h"
#include "agent/runtime/process/supervised_task.h"
#include "agent/runtime/runtime.h"
#include "agent/telemetry/hwmon_power.h"
#include "agent/telemetry/machine_identity.h"
#include "agent/telemetry/rapl.h"
#include "common/configuration/agent_file.h"
#include "common/platform/clock.h"

namespace switchyard::agent::process {

class ProcessRuntime final : public Runtime {
 public:
  // Makes the directories, finds out who the machine is and tests its cgroups. `wake` is called from another thread. The clock must
  // be the one whose MonoTime the session uses. FAILED_PRECONDITION: the machine lacks what no setting replaces; the text names it.
  static absl::StatusOr<std::unique_ptr<ProcessRuntime>> Create(const configuration::AgentFile& file,
                                                                const platform::SystemClock& clock, std::function<void()> wake);

  v1::NodeHello Identify() override;
  void Configure(const v1::Welcome& welcome) override;
  reconcile::MachineTruth Observe() override;
  void Execute(const std::vector<reconcile::Action>& actions) override;
  v1::Telemetry Measure() override;
  void StreamLogs(const v1::LogRequest& request, std::function<void(v1::LogData)> sink) override;
  void CancelLogs(uint64_t stream) override;

 private:
  ProcessRuntime(configuration::AgentFile file, const platform::SystemClock& clock, std::function<void()> wake,
                 telemetry::MachineIdentity identity, std::string incarnation, v1::Enforcer enforcer);

  // What the Welcome says of this node's CPU devices.
  struct Model {
    std::string group = "cpu";
    int devices = 0;
    CpuPower power;
    Power platform;
  };

  void Scan();
  void Prepare(const v1::DesiredAllocation& order);
  void SetLimit(SupervisedTask& task, Power limit);
  void Stop(SupervisedTask& task, Duration grace);
  // REQUIRES: nothing of it runs. `task` may be null where its directory does not hold a whole one.
  bool Forget(TaskKey key, const SupervisedTask* task);
  void RenewFence(const reconcile::Action& action);
  void FallBack(const reconcile::Action& action);
  void PumpLogs();
  // The task of an allocation with the highest epoch, or null.
  SupervisedTask* Find(uint64_t allocation);
  void Fail(TaskKey key, const v1::DesiredAllocation& order, const absl::Status& why);
  Power DrawOf(const SupervisedTask& task, TaskKey key, int64_t now_boot_ms);
  std::vector<std::string> Devices() const;

  const configuration::AgentFile file_;
  const platform::SystemClock& clock_;
  const telemetry::MachineIdentity identity_;
  const std::string incarnation_;
  const v1::Enforcer enforcer_;
  std::map<std::string, int> cores_;                 // device serial -> core
  std::optional<Model> model_;                       // nothing before the first Welcome
  std::map<TaskKey, SupervisedTask> tasks_;          // as the last scan found them
  std::map<TaskKey, reconcile::TaskTruth> failures_;  // ends that could not even be written to disk
  int64_t lease_end_ms_ = 0;                         // CLOCK_BOOTTIME; 0: none since this process started
  struct CpuSample {
    int64_t at_ms = 0;
    int64_t cpu_us = 0;
  };
  std::map<TaskKey, CpuSample> cpu_samples_;
  telemetry::RaplReader rapl_;
  telemetry::HwmonPower node_power_;
  LogStreams logs_;
  MachineWatcher watcher_;                           // last: its thread ends before anything else goes
};

}  // namespace switchyard::agent::process

#endif  // SWITCHYARD_AGENT_RUNTIME_PROCESS_PROCESS_RUNTIME_H_
