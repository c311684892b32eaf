// What the core knows: nodes with their device groups, allocations, jobs, plans. Plain values; every rule about them
// stands in the file that is named after it. A job, a plan and a tenant's sums are their rows; nodes and allocations
// carry derived sums beside what is durable.
#ifndef SWITCHYARD_SCHEDULER_CORE_ENTITIES_H_
#define SWITCHYARD_SCHEDULER_CORE_ENTITIES_H_

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/ids.h"
#include "common/units.h"
#include "scheduler/power/bound.h"
#include "scheduler/power/meter.h"
#include "switchyard/store/v1/rows.pb.h"
#include "switchyard/v1/cluster.pb.h"

namespace switchyard::core {

namespace v1 = switchyard::v1;
namespace pb = switchyard::store::v1;

// Devices of one kind in one node. Positions never change; `devices` names them by serial once the node has reported.
struct Group {
  std::string name;
  v1::DeviceModel model;  // ramps already scaled
  int32_t count = 0;
  uint32_t chain = 0;
  v1::Enforcer enforcer = v1::ENFORCER_NONE;  // the weaker of configured and tested
  std::vector<std::string> devices;           // serials by position; empty until reported
  std::optional<Power> pool;                  // PERSISTENT: last confirmed sum over unallocated devices
  std::vector<int32_t> used_milli;            // per device: thousandths held by live allocations
  std::map<int32_t, pb::QuarantineRow> quarantined;
  Power charged;  // of unallocated and quarantined devices, now in the ledger
};

// What firm allocations hold of their tenant's quota.
struct TenantUse {
  Power watts;  // grants
  int64_t gpu_milli = 0;
  bool operator==(const TenantUse&) const = default;
};

// A live or orphaned binding of devices to a task.
struct Allocation {
  uint64_t id = 0;
  uint32_t node = 0;
  int32_t group = -1;            // device group; -1: no devices
  std::vector<int32_t> devices;  // positions, ascending
  int32_t share_milli = 1000;
  uint64_t job = 0;
  std::string task_group;
  int32_t index = 0;
  int32_t attempt = 0;
  uint32_t epoch = 0;
  v1::JobKind kind = v1::JOB_KIND_UNSPECIFIED;
  v1::DesiredPhase phase = v1::PREPARE;
  v1::TaskPhase reported = v1::TASK_WAITING;
  power::Bound bound;
  Power transient;  // what a start may draw above the bound until the present order is confirmed
  Power fallback;   // hashing: what each device falls back to without a lease; the same for all of its life
  Power retained;   // its bound before an expiry: what its devices keep over a loss of power (power_return.h)
  std::string witness = "none";
  std::vector<v1::OperatingSegment> segments;
  uint64_t ordered_revision = 0;  // set_revision that carries the present order
  uint64_t plan = 0;
  bool orphan = false;
  bool orphan_stop = false;  // an operator ordered the orphan to stop
  bool held = false;         // ended; keeps devices and watts through back-off
  bool exited = false;       // confirmed ended
  int32_t exit_code = 0;
  std::string exit_reason;
  std::vector<std::string> orphan_devices;  // as reported
  int64_t cpu_milli = 0, memory_bytes = 0, disk_bytes = 0;
  std::vector<int32_t> ports;
  std::vector<v1::NamedCount> counts;
  UtcTime started;        // made
  UtcTime running_since;  // first reported running; zero: not yet
  int64_t energy_mj = 0, hashes_gh = 0, shares_accepted = 0, shares_rejected = 0;
  // Derived.
  Power charged;                          // now in the ledger
  std::optional<TenantUse> shared;        // now in its tenant's use; nothing: not counted
  std::optional<power::DropWatch> watch;  // a lowering that a meter shall prove
  uint32_t watch_budget = 0;
  std::optional<MonoTime> acknowledged_at;  // of the present order
  std::optional<Power> claimed;             // w as reported, waiting for its witness
  uint64_t claimed_revision = 0;
  bool claimed_by_reading = false;
  bool claimed_running = false;
  MonoTime last_change;                  // dwell
  MonoTime prepare_since;                // of a task's start; the term's for what it found
  MonoTime kill_at = MonoTime::Never();  // wall time, drain or fence
};

struct Node {
  std::string id;  // "<site>/<node>"
  std::string site;
  uint32_t site_index = 0;
  v1::Node configured;
  v1::NodeModel model;
  uint32_t platform_chain = 0;
  Power platform_charged;
  std::vector<Group> groups;
  // Durable.
  bool reported = false, admitted = false, lost = false, replace_allowed = false, cordoned = false, draining = false;
  bool expired = false;
  bool repowered = false;  // power came back to it, or beneath a feed of it; no complete report since (power_return.h)
  bool unclaimed = false;  // the store was restored, and it has not said to it yet what it draws (restored.h)
  UtcTime drain_deadline;
  std::string agent_incarnation, boot_id, hardware_id;
  // Of this term.
  std::set<uint64_t> allocations;
  uint64_t session = 0;  // 0: none
  bool scanning = false;
  bool heard = false;               // a complete report came in this term
  bool met = false;                 // it had a session in this term
  bool stock_due = false;           // unclaimed: this session's first complete report is awaited, and no set sent
  MonoTime last_sign;               // of life: any message of its session
  std::optional<MonoTime> renewed;  // receipt of the last heartbeat answered, or the term's start
  uint64_t set_revision = 0;
  uint64_t applied_revision = 0;
  uint64_t report_sequence = 0;
  std::map<uint64_t, MonoTime> lowerings;  // by revision: ordered at, not yet acknowledged
  Power excess;                            // measured above its bounds: unknown load, charged to the platform chain
  Power draw = Power(-1);
  bool draw_modelled = false;
  int flaps = 0;  // sessions lost in the damping window
  MonoTime flap_window;
  MonoTime damped_until;        // takes nothing new before
  std::string refusal;          // why its last session was refused
  MonoTime hashing_not_before;  // back-off after a hashing task ended by itself
};

struct Job {
  pb::JobRow row;
  v1::PendingReason pending;  // kept current in memory; durable only with the next row
  MonoTime phase_since;       // prepare_timeout
  bool phase_timer = false;
  MonoTime not_before;  // back-off in monotonic time
  MonoTime hold_until = MonoTime::Never();
  int passed_by = 0;        // starts that jumped over it while it waited
  uint64_t shape = 0;       // hash of what the placement looks at: equal shapes fail alike within a round
  uint64_t blocked_on = 0;  // the job whose success it waits for; 0: a round looks at it when it has tasks to place
};

struct Plan {
  pb::PlanRow row;
  MonoTime deadline;
  MonoTime prepare_deadline;  // of its tasks, once they prepare
  bool preempts = false;
};

struct Budget {
  std::string id;  // "<site>/<budget>"
  uint32_t site_index = 0;
  v1::BudgetKind kind = v1::BUDGET_KIND_UNSPECIFIED;
  Duration shed_deadline, meter_lag;
  Power ramp_up;                                  // 0: no limit (ramp.h)
  std::deque<std::pair<MonoTime, Power>> raises;  // of hashing beneath, within the last minute
  std::vector<uint32_t> nodes;  // beneath it
  power::MeterWindow meter;
  MonoTime meter_seen;
  bool metered = false;
  Power unknown;     // measured above the ledger and not of a single node
  MonoTime above_since = MonoTime::Never();  // every reading since stood above the ledger of its moment
  Duration overage;  // time above cap, up to overage_since
  std::optional<MonoTime> overage_since;
  std::vector<std::string> blocked_by;  // computed each round
};

}  // namespace switchyard::core

#endif  // SWITCHYARD_SCHEDULER_CORE_ENTITIES_H_
