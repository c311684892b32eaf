// Draws that follow from a seed and from what they are about, so that a new draw in one place moves none in another.
#ifndef SWITCHYARD_SIMULATION_SCRIPT_DICE_H_
#define SWITCHYARD_SIMULATION_SCRIPT_DICE_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "common/check.h"
#include "common/stable_hash.h"
#include "common/units.h"

namespace switchyard::simulation {

class Dice {
 public:
  Dice(uint64_t seed, std::string_view about) : seed_(StableHash().Add(seed).Add(about).Finish()) {}

  // Dice of their own for one part of this subject.
  Dice For(std::string_view part, uint64_t number = 0) const {
    return Dice(StableHash().Add(seed_).Add(number).Finish(), part);
  }

  uint64_t Next() { return StableHash().Add(seed_).Add(drawn_++).Finish(); }

  // Both ends included. The bias of the remainder is below 2^-40 for every range in use.
  int64_t Between(int64_t least, int64_t most) {
    SWITCHYARD_CHECK(least <= most) << least << " to " << most;
    return least + static_cast<int64_t>(Next() % static_cast<uint64_t>(most - least + 1));
  }
  int Int(int least, int most) { return static_cast<int>(Between(least, most)); }
  Duration Span(Duration least, Duration most) { return Milliseconds(Between(least.count(), most.count())); }
  MonoTime Moment(MonoTime first, MonoTime last) {
    return MonoTime(Between(first.milliseconds(), last.milliseconds()));
  }
  bool Chance(int percent) { return Between(0, 99) < percent; }

  template <typename T>
  const T& Pick(const std::vector<T>& choices) {
    SWITCHYARD_CHECK(!choices.empty());
    return choices[static_cast<size_t>(Between(0, static_cast<int64_t>(choices.size()) - 1))];
  }

 private:
  uint64_t seed_;
  uint64_t drawn_ = 0;
};

}  // namespace switchyard::simulation

#endif  // SWITCHYARD_SIMULATION_SCRIPT_DICE_H_
