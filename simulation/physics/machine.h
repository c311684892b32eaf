// One machine as it truly is, beneath everything that software believes: devices that draw watts along ramps, the
// supervisors and processes of tasks, dead-man timers in firmware, what is on its disk. It carries out what
// agent/reconcile decides (Execute), shows what an agent could read (Observe), and does by itself what goes on without
// an agent: supervisors end or lower hashing when the fence they were told runs out, firmware falls back, tasks end,
// ramps go on.
//
// It decides nothing about a grant, a lease or a phase: it has limits that were set and deadlines that it was told.
// Draw is piecewise linear between moments that are known ahead, and never sampled: every change goes to the DrawBook.
// Pure: time is an argument and never decreases. Times here are true time (the world's), also those of
// Action::lease_end.
#ifndef SWITCHYARD_SIMULATION_PHYSICS_MACHINE_H_
#define SWITCHYARD_SIMULATION_PHYSICS_MACHINE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "agent/reconcile/reconcile.h"
#include "common/units.h"
#include "simulation/physics/device.h"
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
  // Its supervisor holds the devices from now on; nothing of the user's runs yet.
  virtual void OnPrepared(MonoTime, const std::string& /*node*/, const v1::DesiredAllocation&) {}
  // Running hashing was given other devices.
  virtual void OnDevices(MonoTime, const std::string& /*node*/, const v1::DesiredAllocation&) {}
};

// A task as the machine holds it: its supervisor and process, or its hashing.
struct MachineTask {
  v1::DesiredAllocation order;  // as last carried out
  int group = -1;               // index of the device group; -1: it has no devices
  std::vector<int> devices;     // in the group, in the order of `order.devices`
  v1::TaskPhase phase = v1::TASK_PREPARED;
  Power limit;
  bool exited = false;                      // its process is gone, its devices come to rest
  std::vector<int64_t> points;              // hashing: mW per device at its operating point, beside `devices`
  std::vector<int64_t> waiting;             // mW to which a device shall rise once others have fallen; -1: none waits
  MonoTime ends_at = MonoTime::Never();     // by itself, or after its stop
  MonoTime settled_by = MonoTime::Never();  // exited; its devices are at rest by then, if they obey
  int exit_code = 0;
  int stop_code = 0;
  std::string reason;
  HashRate rate;
  Power mean;  // what it draws on average
  MonoTime counted;
  Energy energy;
  int64_t hashed_ghms = 0;  // GH/s x ms
  // What it shows, kept while nothing of it changes.
  bool shown = false;
  MonoTime shown_until;
  agent::reconcile::TaskTruth truth;
};

class Machine {
 public:
  // `node` ("<site>/<node>") and its model and device models as configured, ramps already scaled. `seed` spreads ramps
  // over devices and run-to-run draws. `draws` and `observer` may be null: the machine is not wired to this cluster (a
  // clone).
  Machine(std::string node, const v1::NodeModel& model, const std::map<std::string, v1::DeviceModel>& devices,
          uint64_t seed, DrawBook* draws, MachineObserver* observer);

  // ---- what an agent can see and do ----
  v1::NodeHello Identify() const;  // incarnation, boot id, hardware id, device ids, tested enforcers
  agent::reconcile::MachineTruth Observe(MonoTime now);
  // The same without a copy: good until the next call of anything here.
  const agent::reconcile::MachineTruth& Look(MonoTime now);
  void Execute(MonoTime now, const std::vector<agent::reconcile::Action>& actions);
  v1::Telemetry Measure(MonoTime now);  // the node's own readings, without a sequence; meters are the world's
  // A new process of the agent looks at the machine: it scans for a while.
  void AgentStarted(MonoTime now);
  void AgentExited(MonoTime now);  // for whatever reason; tasks and limits go on

  // When something here changes by itself next: Advance must be called then.
  MonoTime NextChange(MonoTime now) const;
  void Advance(MonoTime now);

  // A task of this job, once released, ends by itself after `runs` (zero: never) with `exit_code`.
  void SetRun(uint64_t job, Duration runs, int exit_code);

  // ---- faults; each is listed in the DrawBook as an allowance for as long as it may excuse watts ----
  void Reboot(MonoTime now,
              Duration off);  // of the host: powerless for `off`, then up with a new boot id; ASICs hash on meanwhile
  void LosePower(MonoTime now, Duration off);  // of everything: devices come back as their class says
  void Suspend(MonoTime now);          // the host sleeps: its processes and supervisors do nothing, ASICs hash on
  void Resume(MonoTime now);           // what is overdue is done before anything goes on
  void WipeAgent(MonoTime now);        // its state directory is lost: a new incarnation, tasks go on
  void ReplaceHardware(MonoTime now);  // another machine of the same name, with other devices
  void KillSupervisor(MonoTime now, uint64_t salt);  // of one task, chosen by salt; the kernel kills its child
  // `device` as a deed names it ("<site>/<node>/<group>/<index>", or without the node), or by its id. A zero span:
  // until Mend.
  void Break(MonoTime now, FaultKind device_fault, const std::string& device, Duration span, int64_t amount);
  void Mend(MonoTime now, const std::string& device);  // "": all of them
  bool powered(MonoTime now) const { return now >= on_at_; }

  const std::string& node() const { return node_; }
  std::vector<std::string> DeviceIds() const;
  // By device: allocations whose processes or settings use it now, for invariant D.
  std::map<std::string, std::vector<uint64_t>> Users(MonoTime now) const;
  const std::map<uint64_t, MachineTask>& tasks() const { return tasks_; }

 private:
  struct Group {
    std::string name;
    v1::DeviceModel model;
    std::vector<Device> devices;
    bool summed = false;  // the sums below hold until `rests_at` at least
    MonoTime rests_at;
    Power mean;
    bool shown = false;
    agent::reconcile::GroupTruth truth;
  };
  struct Run {
    Duration runs;
    int exit_code = 0;
  };

  // machine.cc
  void Build();
  bool OnHost(const Group& group) const { return group.model.kind() != v1::ASIC; }
  void Draw(MonoTime now, size_t group, size_t device);
  void DrawPlatform(MonoTime now);
  void DrawLoose(MonoTime now);
  void Order(MonoTime now, size_t group, size_t device, Power setting, Power high, Power low);
  void LookAgainAt(MonoTime at);
  std::optional<std::pair<size_t, size_t>> FindDevice(const std::string& id) const;
  int FindInGroup(const Group& group, const std::string& id) const;
  void PowerOff(MonoTime now, Duration off, bool everything);
  void PowerOn(MonoTime now);
  void ActOnFence(MonoTime now);

  // machine_tasks.cc
  void Prepare(MonoTime now, const v1::DesiredAllocation& order);
  void Release(MonoTime now, MachineTask& task);
  void SetLimit(MonoTime now, MachineTask& task, const v1::DesiredAllocation& order, Power limit);
  void TakeDevices(MonoTime now, MachineTask& task, const v1::DesiredAllocation& order);
  void FallBack(MonoTime now, bool supervised_only);
  void FallBackTask(MonoTime now, MachineTask& task);
  void Stop(MonoTime now, MachineTask& task, Duration grace);
  void Exit(MonoTime now, MachineTask& task);
  void SetHashing(MonoTime now, MachineTask& task);
  void RaiseWaiting(MonoTime now, MachineTask& task);
  void Retarget(MonoTime now, const MachineTask& changed);
  void RetargetDevice(MonoTime now, size_t group, int device);
  void Count(MonoTime now, MachineTask& task);
  void CountFrom(MachineTask& task);
  bool Exclusive(const MachineTask& task) const;
  bool Draws(const MachineTask& task) const;
  bool AtRest(const MachineTask& task, MonoTime now) const;
  void AwaitRest(MonoTime now, MachineTask& task);
  Power FloorOf(const MachineTask& task) const;

  // machine_truth.cc
  void Show(MonoTime now, MachineTask& task);
  void ShowGroup(MonoTime now, size_t group);

  std::string node_;
  v1::NodeModel model_;
  std::map<std::string, v1::DeviceModel> models_;
  uint64_t seed_;
  DrawBook* draws_;
  MachineObserver* observer_;

  int incarnation_ = 0, boot_ = 0, hardware_ = 0;
  std::vector<Group> groups_;
  DrawBook::LineId platform_line_ = 0, loose_line_ = 0;
  std::map<uint64_t, MachineTask> tasks_;
  std::map<uint64_t, Run> runs_;
  MonoTime on_at_, scanned_at_, booted_by_;
  bool off_ = false, all_off_ = false, suspended_ = false;
  MonoTime suspended_at_;
  MonoTime fence_ = MonoTime::Never();  // the lease's end that the supervisors were told last
  bool fence_acted_ = true;
  std::set<MonoTime> look_at_;
  std::vector<std::pair<size_t, size_t>> broken_;  // group and device
  agent::reconcile::MachineTruth truth_;
};

}  // namespace switchyard::simulation

#endif  // SWITCHYARD_SIMULATION_PHYSICS_MACHINE_H_
