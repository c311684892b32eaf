// One machine as it truly is, beneath everything that software believes: devices that draw watts along ramps, the supervisors and
// processes of tasks, dead-man timers in firmware, what is on its disk. It carries out what agent/reconcile decides (Execute), shows
// what an agent could read (Observe), and does by itself what goes on without an agent: supervisors end or lower hashing when the
// fence they were told runs out, firmware falls back, tasks end, ramps go on.
//
// It decides nothing about a grant, a lease or a phase: it has limits that were set and deadlines that it was told.
// Draw is piecewise linear between moments that are known ahead, and never sampled: every change goes to the DrawBook.
// Pure: time is an argument and never decreases. Times here are true time (the world's), also those of Action::lease_end.
#ifndef SWITCHYARD_SIMULATION_PHYSICS_MACHINE_H_
#define SWITCHYARD_SIMULATION_PHYSICS_MACHINE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "agent/reconcile/reconcile.h"
#include "common/units.h"
#include "simulation/physics/draw_book.h"
#include "simulation/script/script.h"
#include "switchyard/v1/agent.pb.h"
#include "switchyard/v1/configuration.pb.h"

namespace switchyard::simulation {

// What the physical world did, for the checkers.
class MachineObserver {
 public:
  virtual ~MachineObserver() = default;
  // The first instruction of a user's program of this allocation and epoch ran.
  virtual void OnInstruction(MonoTime now, const std::string& node, const v1::DesiredAllocation& order) = 0;
  // Its last one is over: the process (or the hashing) is gone.
  virtual void OnGone(MonoTime now, const std::string& node, uint64_t allocation, uint32_t epoch) = 0;
};

class Machine {
 public:
  // `node` and its model and device models as configured. `seed` spreads ramps over devices and run-to-run draws.
  Machine(std::string node, const v1::NodeModel& model, const std::map<std::string, v1::DeviceModel>& devices, uint64_t seed,
          DrawBook* draws, MachineObserver* observer);

  // ---- what an agent can see and do ----
  v1::NodeHello Identify() const;                       // incarnation, boot id, hardware id, device ids, tested enforcers
  agent::reconcile::MachineTruth Observe(MonoTime now);
  void Execute(MonoTime now, const std::vector<agent::reconcile::Action>& actions);
  v1::Telemetry Measure(MonoTime now);                  // the node's own readings; meters are the world's

  // When something here changes by itself next: Advance must be called then.
  MonoTime NextChange(MonoTime now) const;
  void Advance(MonoTime now);

  // A task of this job, once released, ends by itself after `runs` (zero: never) with `exit_code`.
  void SetRun(uint64_t job, Duration runs, int exit_code);

  // ---- faults; each is listed in the DrawBook as an allowance for as long as it may excuse watts ----
  void Reboot(MonoTime now, Duration off);              // powerless for `off`, then up with a new boot id
  void WipeAgent(MonoTime now);                         // its state directory is lost: a new incarnation, tasks go on
  void ReplaceHardware(MonoTime now);                   // another machine of the same name
  void KillSupervisor(MonoTime now, uint64_t salt);     // of one task, chosen by salt; the kernel kills its child
  void Break(MonoTime now, FaultKind device_fault, const std::string& device, Duration span, int64_t amount);
  void Mend(MonoTime now, const std::string& device);
  bool powered(MonoTime now) const;

  const std::string& node() const;
  std::vector<std::string> DeviceIds() const;
  // By device: allocations whose processes or settings use it now, for invariant D.
  std::map<std::string, std::vector<uint64_t>> Users(MonoTime now) const;
};

}  // namespace switchyard::simulation

#endif  // SWITCHYARD_SIMULATION_PHYSICS_MACHINE_H_
