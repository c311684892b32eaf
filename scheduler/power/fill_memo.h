// The fill with a memory of its last question. Most rounds of the scheduler ask what the round before asked: a rack that
// confirms a lowering moves watts from what hashing is charged to the headroom, and their sum is what is divided.
//
// Promises: answers exactly what Fill answers.
#ifndef SWITCHYARD_SCHEDULER_POWER_FILL_MEMO_H_
#define SWITCHYARD_SCHEDULER_POWER_FILL_MEMO_H_

#include <vector>

#include "common/units.h"
#include "scheduler/power/fill.h"
#include "scheduler/power/ledger.h"

namespace switchyard::power {

class FillMemo {
 public:
  const std::vector<FillTarget>& Fill(const std::vector<FillUnit>& units, const std::vector<Chain>& chains,
                                      const std::vector<Power>& available);

 private:
  bool asked_ = false;
  std::vector<FillUnit> units_;
  std::vector<Chain> chains_;
  std::vector<Power> available_;
  std::vector<FillTarget> targets_;
};

}  // namespace switchyard::power

#endif  // SWITCHYARD_SCHEDULER_POWER_FILL_MEMO_H_
