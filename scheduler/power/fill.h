// The hashing fill: divides the watts that nobody else needs among everything that hashes, by marginal value. Pure
// policy: it proposes a target for each unit; the core lowers at once, and raises only into the ledger's headroom.
//
// The greedy choice over steps of concave hulls is optimal for one binding budget up to one device step. Where several
// budgets bind with different coefficients it looks at value per watt only, not at the price of the scarcer budget, and
// can lose more.
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
};

// Devices of one node that hash for one job.
struct FillUnit {
  uint32_t chain = 0;
  int32_t devices = 0;
  Power off_watts;              // of one device that is off: counted whatever the fill decides
  std::vector<FillStep> steps;  // those with value <= 0 are never taken
  Power most = Power::Max();    // of all devices together: what cannot rise now is given no more than it has
  uint64_t order = 0;           // breaks ties: the lower first
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
