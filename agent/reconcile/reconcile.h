// Pure: from the desired set, the machine's truth and the lease, what to do next and what to report. It reads no clock (time is
// an argument), starts nothing and sends nothing, so that it is tested, fuzzed and simulated as it is. Rules: docs/protocol.md,
// "Lease" and "Session".
//
// Promises: every lowering and stop of a revision is carried out before any raise of it; nothing rises without a running lease;
// when the lease L, counted from the send of the last answered heartbeat, has run out the node is at its fallback; what runs and
// was not ordered is reported, never silently killed (hashing excepted, which stops); device limits outlive the agent.
#ifndef SWITCHYARD_AGENT_RECONCILE_RECONCILE_H_
#define SWITCHYARD_AGENT_RECONCILE_RECONCILE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
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
  Power limit;                     // the watt limit that its devices or its duty cycle are held to now
  std::optional<Power> reading;    // its devices' own reading; nothing: they have none
  std::optional<Power> settled;    // draws at most this from now on, as devices comply step by step; nothing: not known yet
  bool modelled = false;           // settled rests on a model
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
  std::vector<TaskTruth> tasks;      // by allocation
  std::vector<GroupTruth> groups;
};

// What the runtime shall do, in this order.
struct Action {
  enum class Kind {
    kPrepare,    // hold devices, stage files, arm the supervisor; nothing of the user's runs
    kRelease,    // write the one byte: the prepared task starts
    kSetLimit,   // hold the allocation to `limit`, with `order.segments` for hashing
    kStop,       // SIGTERM, after `grace` SIGKILL; zero grace: SIGKILL at once
    kForget,     // ended and acknowledged: remove its traces, restore its devices' limits
    kRenewFence, // the lease runs until `lease_end`: pass it to the supervisors
    kFallback,   // no lease: lower everything interruptible to its fallback now
  };
  Kind kind = Kind::kPrepare;
  uint64_t allocation = 0;
  v1::DesiredAllocation order;       // for kPrepare, kRelease and kSetLimit
  Power limit;
  Duration grace;
  MonoTime lease_end;
};

struct Timing {
  Duration lease;
  Duration start_grace;
};

// The state of one node. `now` is CLOCK_BOOTTIME in the agent's own epoch and never decreases.
class Reconciler {
 public:
  Reconciler(std::string node, MonoTime started);

  void Configure(const v1::Welcome& welcome);

  // Highest (incarnation, term) seen. False: the message is from an older one (or another cluster) and is refused.
  bool AcceptSender(const std::string& cluster_id, uint64_t store_incarnation, uint64_t term);

  // The stream broke or began anew: differences have no base until a full set came.
  void SessionStarted();

  // FAILED_PRECONDITION: the base or the hash does not match; the full set is needed (the report's set_hash says so).
  absl::Status ReceiveSet(const v1::DesiredSet& set);

  // Number for the heartbeat that is sent at `now`.
  uint64_t SendHeartbeat(MonoTime now);
  void ReceiveRenewal(MonoTime now, const v1::Renewal& renewal);

  // The next actions for the machine as it is. Repeated calls without a change give nothing new to do that was carried out.
  std::vector<Action> Decide(MonoTime now, const MachineTruth& truth);

  // The complete report for `truth`.
  v1::NodeReport Report(MonoTime now, const MachineTruth& truth) const;

  // When Decide must be called though nothing happened: the lease's end, the end of start_grace.
  MonoTime NextDeadline(MonoTime now) const;

  bool LeaseRuns(MonoTime now) const;
  uint64_t applied_revision() const { return applied_revision_; }
  uint64_t set_hash() const;

  // For NodeHello.
  uint64_t store_incarnation() const { return store_incarnation_; }
  uint64_t term() const { return term_; }
  const std::string& cluster_id() const { return cluster_id_; }
  // What must survive the agent's process (cluster id, incarnation, term): written by the session into the state directory.
  void RestoreSender(const std::string& cluster_id, uint64_t store_incarnation, uint64_t term);

 private:
  std::string node_;
  MonoTime started_;
  Timing timing_;
  std::string cluster_id_;
  uint64_t store_incarnation_ = 0;
  uint64_t term_ = 0;
  bool have_set_ = false;
  std::map<uint64_t, v1::DesiredAllocation> desired_;
  uint64_t set_revision_ = 0;
  uint64_t applied_revision_ = 0;
  uint64_t heartbeat_ = 0;
  std::map<uint64_t, MonoTime> sent_;          // heartbeats not yet answered
  std::optional<MonoTime> lease_end_;
};

}  // namespace switchyard::agent::reconcile

#endif  // SWITCHYARD_AGENT_RECONCILE_RECONCILE_H_
