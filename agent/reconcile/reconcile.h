// Pure: from the desired set, the machine's truth and the lease, what to do next and what to report. It reads no clock
// (time is an argument), starts nothing and sends nothing, so that it is tested, fuzzed and simulated as it is. Rules:
// docs/protocol.md, "Lease" and "Session".
//
// Promises: every lowering and stop of a revision is carried out before any raise of it; nothing rises without a
// running lease, nor by a set that was learned without one; when the lease L, counted from the send of the last
// answered heartbeat, has run out the node is at its fallback; what runs and was not ordered is reported, never
// silently killed (hashing excepted, which stops once a full set under a running lease leaves it out); device limits
// outlive the agent.
#ifndef SWITCHYARD_AGENT_RECONCILE_RECONCILE_H_
#define SWITCHYARD_AGENT_RECONCILE_RECONCILE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "agent/reconcile/held_set.h"
#include "agent/reconcile/lease.h"
#include "common/units.h"
#include "switchyard/v1/agent.pb.h"

namespace switchyard::agent::reconcile {

// One allocation as the machine shows it.
struct TaskTruth {
  uint64_t allocation = 0;
  uint32_t epoch = 0;
  uint64_t job = 0;
  v1::JobKind kind = v1::JOB_KIND_UNSPECIFIED;
  v1::TaskPhase phase = v1::TASK_PHASE_UNSPECIFIED;  // PREPARING, PREPARED, RUNNING, STOPPING, ENDED
  // The watts that its devices or its duty cycle are held to now. Once kPrepare or kSetLimit was carried out this is
  // exactly the limit that was ordered, or `floor` where that is higher; where no limiter exists it is the last order's
  // grant.
  Power limit;
  Power floor;                   // what it draws with everything off: no limit below it is possible
  // Hashing: the limit that it falls back to without a lease - each device at the lower of what it holds now and the
  // order's fallback. Never above `limit`; what is below the floor means the floor.
  Power fallback;
  std::optional<Power> reading;  // its devices' own reading; nothing: they have none
  std::optional<Power>
      settled;            // draws at most this from now on, as devices comply step by step; nothing: not known yet
  bool modelled = false;  // settled rests on a model
  int exit_code = 0;
  std::string reason;
  std::vector<std::string> devices;
  std::vector<v1::DeviceFault> faults;
  int64_t hashes_gh = 0, shares_accepted = 0, shares_rejected = 0;
  Energy energy;
};

// A device group's unallocated devices.
struct GroupTruth {
  std::string group;
  std::optional<Power> unallocated;  // the most that they draw at their present settings, together
  int unallocated_devices = 0;
  std::vector<v1::DeviceFault> faults;
};

struct MachineTruth {
  bool scanning = true;
  std::vector<TaskTruth> tasks;
  std::vector<GroupTruth> groups;
};

// What the runtime shall do, in this order. Every action may come again until the truth shows its effect: carrying it
// out twice is carrying it out once. A later kStop never extends the deadline of an earlier one.
struct Action {
  enum class Kind {
    kPrepare,     // hold devices, stage files, arm the supervisor; nothing of the user's runs
    kRelease,     // write the one byte: the prepared task starts
    kSetLimit,    // hold the allocation to `limit`, with `order.segments` over `order.devices` for hashing
    kStop,        // SIGTERM, after `grace` SIGKILL; zero grace: SIGKILL at once
    kForget,      // ended and acknowledged: remove its traces, restore its devices' limits
    kRenewFence,  // the lease runs until `lease_end`: pass it to the supervisors
    kFallback,    // no lease: lower everything interruptible to its fallback now, raise nothing
  };
  Kind kind = Kind::kPrepare;
  uint64_t allocation = 0;
  v1::DesiredAllocation order;  // for kPrepare, kRelease and kSetLimit
  Power limit;
  Duration grace;
  MonoTime lease_end;  // on the clock that `now` is of
};

using Truths = std::map<uint64_t, const TaskTruth*>;
// By allocation. Of two epochs of one allocation the live one speaks, or the newer: the other is seen when that one is
// forgotten.
Truths IndexTruth(const MachineTruth& truth);

// The state of one node. `now` never decreases and runs on while the machine sleeps (CLOCK_BOOTTIME).
class Reconciler {
 public:
  Reconciler(std::string node, MonoTime started) : node_(std::move(node)), lease_(started) {}

  void Configure(const v1::Welcome& welcome);

  // False: the message is from an older incarnation or term, or of another cluster, and is refused. A higher one is
  // remembered; whoever calls makes sender() durable before anything of the message is acted on.
  bool AcceptSender(const std::string& cluster_id, uint64_t store_incarnation, uint64_t term);

  // The stream broke or began anew: differences have no base until a full set came, old heartbeats have no answer.
  void SessionStarted();

  // FAILED_PRECONDITION: the base or the hash does not match; the report asks for the full set (see set_hash()).
  absl::Status ReceiveSet(MonoTime now, const v1::DesiredSet& set);

  // Number for the heartbeat that is sent at `now`.
  uint64_t SendHeartbeat(MonoTime now) { return lease_.Send(now); }
  void ReceiveRenewal(MonoTime now, const v1::Renewal& renewal);

  // The next actions for the machine as it is. What the truth shows as done is not asked for again.
  std::vector<Action> Decide(MonoTime now, const MachineTruth& truth);

  // The complete report for `truth`, without a sequence. REQUIRES: Decide was called with the same arguments.
  v1::NodeReport Report(MonoTime now, const MachineTruth& truth) const;

  // When Decide must be called though nothing happened: the lease's end, the end of start_grace.
  MonoTime NextDeadline(MonoTime now) const { return lease_.NextDeadline(now); }

  bool LeaseRuns(MonoTime now) const { return lease_.Runs(now); }
  uint64_t applied_revision() const { return applied_revision_; }
  // Of the set held. 0, which no set has, asks for the full set: a lease runs, and there is no base or the set that is
  // held was learned without this lease and so may raise nothing.
  uint64_t set_hash(MonoTime now) const;

  // For NodeHello and the state directory.
  const std::string& cluster_id() const { return cluster_id_; }
  uint64_t store_incarnation() const { return store_incarnation_; }
  uint64_t term() const { return term_; }
  // What survived the agent's process.
  void RestoreSender(const std::string& cluster_id, uint64_t store_incarnation, uint64_t term);

 private:
  bool MayRaise(MonoTime now) const;
  void Fence(MonoTime now, const MachineTruth& truth, std::vector<Action>* actions);
  void NoteFollowed(const Truths& tasks);
  void Lower(const Truths& tasks, std::vector<Action>* actions);
  void LowerOne(const v1::DesiredAllocation& order, const TaskTruth& task, std::vector<Action>* actions);
  void Raise(const Truths& tasks, std::vector<Action>* actions);
  void RaiseOne(const v1::DesiredAllocation& order, const TaskTruth& task, std::vector<Action>* actions);
  void StopUnordered(MonoTime now, const Truths& tasks, std::vector<Action>* actions);
  void Forget(const Truths& tasks, std::vector<Action>* actions);
  bool DevicesFree(const v1::DesiredAllocation& order, const Truths& tasks) const;
  v1::AllocationReport ReportTask(const TaskTruth& task) const;

  std::string node_;
  Lease lease_;
  std::string cluster_id_;
  uint64_t store_incarnation_ = 0;
  uint64_t term_ = 0;
  HeldSet set_;
  uint64_t applied_revision_ = 0;
  std::map<uint64_t, uint64_t>
      followed_;  // per allocation of the set: newest revision whose lowering or stop was carried out
  std::map<uint64_t, uint64_t> asserted_;  // per allocation: hash of the order whose limit this process last ordered
  std::map<uint64_t, Duration> stopped_;  // per allocation: the shortest grace with which this process ordered its stop
  std::optional<MonoTime> fence_told_;    // last lease end passed to the supervisors
};

// True once nothing that `order` lowers or stops is outstanding on the machine; raises of its revision wait for that.
bool CarriedOut(const v1::DesiredAllocation& order, const TaskTruth& task);

}  // namespace switchyard::agent::reconcile

#endif  // SWITCHYARD_AGENT_RECONCILE_RECONCILE_H_
