// The hashing fill: divides the watts that nobody else needs among everything that hashes, by marginal value. Pure
// policy: it proposes a target for each unit; the core lowers at once, and raises only into the ledger's headroom.
//
// Promises: what it proposes fits, off devices of budgets without room aside, and no step that pays could be added. It
// loses at most one device step for each budget that binds, against the best that any choice of steps could earn; the
// rounding of the ledger's products, a milliwatt a unit, aside. Where one budget binds, or budgets form a tree with one
// coefficient each, this is the greedy choice by value per watt over steps of concave hulls. Where budgets cross, a
// dear step may have to give way to several cheaper ones that load the scarce budget less: there fill_crossing.h finds
// the division, in whole numbers and a bounded number of steps. (Beyond that bound, which takes hundreds of exhausted
// budgets that cross, the better of what it has found and of the greedy choice is taken.)
#ifndef SWITCHYARD_SCHEDULER_POWER_FILL_H_
#define SWITCHYARD_SCHEDULER_POWER_FILL_H_

#include <cstdint>
#include <vector>

#include "common/units.h"
#include "scheduler/power/ledger.h"

namespace switchyard::power {

// One step up a concave hull of operating points, for one device: from the step before (or off) to `point`.
struct FillStep {
  int32_t point = 0;  // operating point reached
  Power watts;        // of one device at that point
  int64_t value = 0;  // micro-USD per MWh of the extra watts, net of energy; steps do not rise in value

  bool operator==(const FillStep&) const = default;
};

// Devices of one node that hash for one job.
struct FillUnit {
  uint32_t chain = 0;
  int32_t devices = 0;
  Power off_watts;              // of one device that is off: counted whatever the fill decides
  std::vector<FillStep> steps;  // those with value <= 0 are never taken
  Power most = Power::Max();    // of all devices together: what cannot rise now is given no more than it has
  uint64_t order = 0;           // breaks ties: the lower first

  bool operator==(const FillUnit&) const = default;
};

struct FillTarget {
  std::vector<int32_t> devices_at;  // per step of the unit: how many devices end at it; the rest are off
  Power watts;                      // of all devices, the off ones included
};

// `available` per budget: what all units together may be charged in it, their off watts included. May be negative: then
// everything beneath it stays off.
std::vector<FillTarget> Fill(const std::vector<FillUnit>& units, const std::vector<Chain>& chains,
                             std::vector<Power> available);

}  // namespace switchyard::power

#endif  // SWITCHYARD_SCHEDULER_POWER_FILL_H_
