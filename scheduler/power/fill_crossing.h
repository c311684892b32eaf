// The part of the fill that prices scarce budgets against each other: how many devices take each step where several
// budgets bind at once and steps load them in different proportions.
//
// First everything is reduced that value per watt alone decides. A budget that all remaining steps together do not
// exhaust is dropped; one whose steps all load the same budgets in the same way is a bound on the best of them; chains
// that have become equal are one class. Trees of budgets with one coefficient each vanish in this way. What is left
// crosses, and is a small packing program (fill_program.h), solved exactly; its prices appear nowhere, but they are
// what makes it give up a dear step for several cheaper ones that load the scarce budget less.
//
// Promises: the devices fit, rounding of the ledger's products included, and with `best` they are worth no less than
// the best division of watts (the program's, with devices divisible), less one device step for each exhausted budget.
#ifndef SWITCHYARD_SCHEDULER_POWER_FILL_CROSSING_H_
#define SWITCHYARD_SCHEDULER_POWER_FILL_CROSSING_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "common/units.h"
#include "scheduler/power/ledger.h"

namespace switchyard::power {

// One step of one unit, for all of its devices that can take it.
struct FillItem {
  int64_t value = 0;  // > 0
  uint64_t order = 0;
  uint32_t unit = 0;
  uint32_t step = 0;
  uint32_t chain = 0;
  int32_t devices = 0;
  Power rise;  // of one device, > 0
};

struct CrossingDivision {
  std::vector<int32_t> devices;  // by item
  bool best = false;             // proven; otherwise the effort was spent first
};

// `items` in the order in which they are to be taken at equal prices: of falling value, a unit's steps in their order.
// `room`: what all of them together may add in each budget. Nothing where no budgets cross.
std::optional<CrossingDivision> DivideCrossing(const std::vector<FillItem>& items, const std::vector<Chain>& chains,
                                               const std::vector<Power>& room);

}  // namespace switchyard::power

#endif  // SWITCHYARD_SCHEDULER_POWER_FILL_CROSSING_H_
