// CLOCK_BOOTTIME of one machine: true time, faster or slower by its drift, counted from its boot. It runs on while the
// machine sleeps.
#ifndef SWITCHYARD_SIMULATION_WORLD_AGENT_CLOCK_H_
#define SWITCHYARD_SIMULATION_WORLD_AGENT_CLOCK_H_

#include <cstdint>

#include "common/units.h"
#include "simulation/world/event_queue.h"

namespace switchyard::simulation {

class AgentClock {
 public:
  // A boot: the clock begins at `reads`.
  void Boot(Instant at, Duration reads) {
    from_ = at;
    micros_ = Microseconds(reads);
  }
  // From `at` on it gains `ppm` millionths.
  void Drift(Instant at, int64_t ppm) {
    micros_ = Micros(at);
    from_ = at;
    rate_ = kMillion + ppm;
  }

  MonoTime At(Instant at) const { return MonoTime(Micros(at) / 1000); }

  // The first instant at which the clock shows `time`, if its drift stays as it is.
  Instant WhenAt(MonoTime time) const {
    if (time == MonoTime::Never()) return kNoInstant;
    const __int128 ahead = static_cast<__int128>(time.milliseconds()) * 1000 - micros_;
    if (ahead <= 0) return from_;
    return from_ + static_cast<Instant>((ahead * kMillion + rate_ - 1) / rate_);
  }

 private:
  static constexpr int64_t kMillion = 1'000'000;
  int64_t Micros(Instant at) const {
    return micros_ + static_cast<int64_t>(static_cast<__int128>(at - from_) * rate_ / kMillion);
  }

  Instant from_ = 0;
  int64_t micros_ = 0;  // what it showed at from_
  int64_t rate_ = kMillion;
};

}  // namespace switchyard::simulation

#endif  // SWITCHYARD_SIMULATION_WORLD_AGENT_CLOCK_H_
