// What a run draws while it goes on: each draw is a hash of the seed and of what it is about, never the next number of
// a running stream. Two runs that differ in one deed draw the same everywhere else.
#ifndef SWITCHYARD_SIMULATION_WORLD_CHANCE_H_
#define SWITCHYARD_SIMULATION_WORLD_CHANCE_H_

#include <cstdint>
#include <string_view>
#include <type_traits>

#include "common/check.h"
#include "common/stable_hash.h"

namespace switchyard::simulation {

// What a draw is about, first of all.
enum class Topic : int {
  kMessageDelay,
  kMessageExtra,
  kMessageLost,
  kMessageRepeated,
  kBreakAbove,
  kBreakBelow,
  kLossEnds,
  kConnect,
  kTakesOver,
  kCommit,
  kSlowCommit,
  kTake,
  kCommitAtCrash,
  kRecovery,
  kFollowsNew,
  kBackOff,
  kScan,
  kProcessStart,
  kDrift,
  kBootClock,
  kMeterNoise,
  kClientDelay,
  kAnswerLost,
  kClientBackOff,
  kIncarnation,
  kMachine,
  kPicksStale,
  kLateWord,
};

class Chance {
 public:
  explicit Chance(uint64_t seed) : seed_(seed) {}

  template <typename... About>
  uint64_t Draw(Topic topic, const About&... about) const {
    StableHash hash;
    hash.Add(seed_).Add(static_cast<int>(topic));
    (Add(&hash, about), ...);
    return hash.Finish();
  }

  // From `least` to `most`, both included.
  template <typename... About>
  int64_t Between(int64_t least, int64_t most, Topic topic, const About&... about) const {
    SWITCHYARD_CHECK(least <= most) << least << " > " << most;
    return least + static_cast<int64_t>(Draw(topic, about...) % static_cast<uint64_t>(most - least + 1));
  }

  template <typename... About>
  bool OneIn(uint64_t n, Topic topic, const About&... about) const {
    return Draw(topic, about...) % n == 0;
  }

 private:
  template <typename Value>
  static void Add(StableHash* hash, const Value& value) {
    if constexpr (std::is_integral_v<Value>) {
      hash->Add(static_cast<uint64_t>(value));
    } else {
      hash->Add(std::string_view(value));
    }
  }

  uint64_t seed_;
};

}  // namespace switchyard::simulation

#endif  // SWITCHYARD_SIMULATION_WORLD_CHANCE_H_
