// One task as its directory, its supervisor's lock and its cgroup show it, whichever agent process prepared it.
#ifndef SWITCHYARD_AGENT_RUNTIME_PROCESS_SUPERVISED_TASK_H_
#define SWITCHYARD_AGENT_RUNTIME_PROCESS_SUPERVISED_TASK_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/reconcile/reconcile.h"
#include "agent/runtime/process/cpu_power.h"
#include "agent/runtime/process/state_layout.h"
#include "agent/supervisor/task_spec.h"
#include "agent/supervisor/task_status.h"
#include "switchyard/v1/agent.pb.h"

namespace switchyard::agent::process {

class SupervisedTask {
 public:
  // NOT_FOUND or DATA_LOSS: the directory holds no whole order and spec; it was never armed.
  static absl::StatusOr<SupervisedTask> Load(const std::string& state_dir, TaskKey key);

  // Looks at the machine. A task of another boot, or one whose supervisor is gone without having ended it, is killed here, and its
  // end is written into its directory; until its cgroup is empty it is stopping and `needs_another_look` says so.
  // UNAVAILABLE: it was never armed (no status, no supervisor).
  absl::Status Look(const std::string& boot_id);

  reconcile::TaskTruth Truth(const CpuPower& power, int64_t now_boot_ms) const;

  // Holds a hashing task to `limit` by its duty; any other one has no limiter and only remembers it.
  absl::Status SetLimit(Power limit, const CpuPower& power) const;

  // What a hashing task may hold when its lease has run out, all its devices together: the order's fallback, at least idle.
  Power Fallback(const CpuPower& power) const;

  const std::string& directory() const { return directory_; }
  const v1::DesiredAllocation& order() const { return order_; }
  const supervisor::TaskStatus& status() const { return status_; }
  bool ended() const { return status_.state == supervisor::TaskState::kEnded; }
  bool needs_another_look() const { return needs_another_look_; }
  // It hashes and has not yet said that it keeps to its newest duty.
  bool AwaitsHasher() const;

  // CPU time of everything that ran in it so far; where the machine does not count it, all the time of all its cores.
  int64_t CpuMicroseconds(int64_t now_boot_ms) const;
  // After its end: what is left of its cgroup.
  void RemoveCgroup() const;

 private:
  struct Limit {
    Power power;
    int duty = 0;
    int peak = kFullDuty;
  };
  // What the hasher last said, and whether it said so after its duty file last changed.
  struct HasherWord {
    int duty = kFullDuty;
    bool current = false;
    int64_t hashes = 0, accepted = 0, rejected = 0;
  };

  void EndForSupervisor(const std::string& reason, const std::string& boot_id);
  std::optional<Limit> ReadLimit() const;
  int ReadDuty() const;
  HasherWord ReadHasher() const;
  void AddHashing(const CpuPower& power, reconcile::TaskTruth* truth) const;
  void AddWatts(const CpuPower& power, reconcile::TaskTruth* truth) const;

  std::string directory_;
  v1::DesiredAllocation order_;
  supervisor::TaskSpec spec_;
  supervisor::TaskStatus status_;
  bool needs_another_look_ = false;
};

}  // namespace switchyard::agent::process

#endif  // SWITCHYARD_AGENT_RUNTIME_PROCESS_SUPERVISED_TASK_H_
