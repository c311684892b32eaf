#include "scheduler/power/fill_memo.h"

namespace switchyard::power {

const std::vector<FillTarget>& FillMemo::Fill(const std::vector<FillUnit>& units, const std::vector<Chain>& chains,
                                              const std::vector<Power>& available) {
  if (asked_ && available == available_ && units == units_ && chains == chains_) return targets_;
  targets_ = power::Fill(units, chains, available);
  units_ = units;
  chains_ = chains;
  available_ = available;
  asked_ = true;
  return targets_;
}

}  // namespace switchyard::power
