// Who may hash where, and how the watts that nobody else needs are divided among it: what one pass of the fill decides,
// before anything is ordered. Shared with what explains why a job does not hash, so that the two cannot disagree.
#ifndef SWITCHYARD_SCHEDULER_CORE_HASHING_DIVISION_H_
#define SWITCHYARD_SCHEDULER_CORE_HASHING_DIVISION_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "scheduler/core/state.h"
#include "scheduler/economics/value.h"
#include "scheduler/placement/constraint.h"
#include "scheduler/power/fill.h"
#include "scheduler/power/fill_memo.h"

namespace switchyard::core {

// Devices of one group that hash for one job, or could: one entry of the fill.
struct HashingUnit {
  uint64_t allocation = 0;  // 0: not started yet
  uint64_t job = 0;
  uint32_t node = 0;
  int32_t group = 0;
  int32_t count = 0;             // of its devices
  std::vector<int32_t> devices;  // that would start; those of an allocation are its own
};

// What a unit would make of watts.
struct HashingOffer {
  power::FillUnit fill;
  std::shared_ptr<const std::vector<economics::HullStep>> hull;  // of all devices of its model at its site
};

struct HashingDivision {
  std::vector<HashingUnit> units;  // those that hash in the order of their allocations, then those that could start
  std::vector<HashingOffer> offers;
  std::vector<power::FillTarget> targets;
  std::vector<Power> left;  // by budget: what hashing could still be charged beyond the targets; empty without units
};

// With a memo: what was divided in the same way the last time is not divided again.
HashingDivision DivideHashing(const State& state, MonoTime now, UtcTime utc, power::FillMemo* memo = nullptr);

// Jobs that hash or want to, the first claim first.
std::vector<uint64_t> HashingJobs(const State& state);

// Only devices with operating points hash.
inline bool CanHash(const v1::DeviceModel& model) { return model.operating_points_size() > 0; }

// What forbids a job of this specification ever to hash on a node: its site, owner, labels or taints; kNone: nothing.
placement::Constraint HashingBar(const Node& node, const v1::JobSpec& spec);

// Counted at its maximum whatever it is granted: hashing costs such a group no watts of the ledger, and lowering it
// frees none. It takes no part in the division; otherwise plans would wait for ever for what it cannot give.
inline bool AlwaysAtNameplate(const Group& group) { return group.model.power_cycle() == v1::NEITHER; }

// Whether the unit's node would take a raise now.
bool MayRise(const State& state, const HashingUnit& unit, MonoTime now);

// The most that hashing on a chain may be charged now: what it is charged, and the headroom of its tightest budget.
Power HashingCeiling(const State& state, uint32_t chain, Power charged);

// Watts of a lowering that should have been confirmed by now: nobody counts on them until they are.
Power Overdue(const State& state, const Allocation& allocation, MonoTime now);

}  // namespace switchyard::core

#endif  // SWITCHYARD_SCHEDULER_CORE_HASHING_DIVISION_H_
