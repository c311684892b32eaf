// THE one table of constraints: everything a job can wait for. The placement, pending reasons and `explain` all read
// it, so that they cannot disagree. No string that names a constraint stands anywhere else.
//
// Promises: the order of the enumeration is the order in which constraints are checked, from what never changes (this
// site, this owner) over what changes slowly (labels, hardware) to what changes at every start; a later constraint is
// nearer to a start than an earlier one.
#ifndef SWITCHYARD_SCHEDULER_PLACEMENT_CONSTRAINT_H_
#define SWITCHYARD_SCHEDULER_PLACEMENT_CONSTRAINT_H_

#include <cstdint>
#include <span>
#include <string>

#include "common/units.h"

namespace switchyard::placement {

struct Demand;
struct NodeView;

enum class Constraint : int {
  kNone = 0,
  // Of the job, before any node is looked at.
  kDiskFull,    // the scheduler's store is nearly full
  kRecovery,    // the scheduler has just started and has not heard all of its nodes
  kDependency,  // a job in `after` has not succeeded
  kBackoff,     // after a failure
  kCrashLoop,   // fails again and again; waits out a long back-off without its devices
  kFencing,     // a member of the last attempt is not confirmed ended
  kQuotaWatts,
  kQuotaGpus,
  kPriorityQueue,  // an older plan or a job ahead of it has the first claim
  // Of one node; these have `node_shortfall`.
  kSite,
  kOwner,
  kLabels,
  kTaints,
  kDeviceKinds,  // asks for devices of two kinds in one task
  kDeviceModel,
  kDeviceMemory,
  kDeviceCount,  // the node holds fewer devices than the task asks for
  kNodeState,
  kCounts,
  kPorts,
  kDisk,
  kMemory,
  kCpu,
  kDevices,      // whole devices are in use
  kDeviceShare,  // no device has so large a share free
  // Of the gang over all nodes.
  kSpread,
  kPack,
  kGang,
  // Of watts.
  kBudgetCap,      // never fits under the cap
  kBudgetBlocked,  // nothing may rise under the budget now
  kBudgetHeadroom,
  kYieldPending,  // placed; waits for hashing to give up its watts or devices
  // Of hashing, which is filled, not placed; beside some of a node and of watts.
  kOperatingPoints,  // no device that it may use can hash
  kHashingBackoff,   // hashing on the node ended by itself
  kStalePrices,
  kBreakEven,
  kHashingHeadroom,  // not one device step more fits
  kLowering,         // the node has not acknowledged a lowering yet
  kRampUp,           // hashing beneath the budget has risen as much as it may in a minute
  kDwell,            // was changed a moment ago
};
inline constexpr int kConstraints = static_cast<int>(Constraint::kDwell) + 1;

// What a shortfall counts.
enum class Unit {
  kNothing,
  kCount,
  kMilliwatts,
  kBytes,
  kMilliCpu,
  kMilliGpu,
  kDevices,
  kTasks,
  kMilliseconds,
  kMicroUsdPerMwh
};

using NodeShortfallFunction = int64_t (*)(const Demand& demand, const NodeView& node, bool allow_reclaim);

struct ConstraintRow {
  Constraint constraint;
  const char* name;  // in the API and on the command line; never changes its meaning
  Unit unit;
  // How much one task of the demand lacks on a node: 0 fits, > 0 does not. Null unless the constraint is of one node.
  // With allow_reclaim, devices that a yield would free count as free.
  NodeShortfallFunction node_shortfall;
  // For a person, units included. The subject is what binds: a budget, tenant, site, node, job, plan or task group.
  std::string (*describe)(int64_t shortfall, const std::string& subject);
};

// The whole table, in the order of the enumeration.
std::span<const ConstraintRow> Table();
const ConstraintRow& Row(Constraint constraint);

inline const char* Name(Constraint constraint) { return Row(constraint).name; }
// Constraint::kNone for a name that is not in the table.
Constraint ByName(const std::string& name);
std::string Describe(Constraint constraint, int64_t shortfall, const std::string& subject);

// kBreakEven with the figures that it comes from, per MWh at the device: what the best watt of a site's miners earns,
// and what it costs at the meter.
std::string DescribeBreakEven(const std::string& site, Usd earned, Usd energy_per_mwh, PartsPerMillion overhead,
                              Usd cost);

}  // namespace switchyard::placement

#endif  // SWITCHYARD_SCHEDULER_PLACEMENT_CONSTRAINT_H_
