// How long to wait before the next attempt to reach a pool: doubling, bounded, and jittered so that a fleet does not
// return as one.
#ifndef SWITCHYARD_AGENT_MINING_BACKOFF_H_
#define SWITCHYARD_AGENT_MINING_BACKOFF_H_

#include <cstdint>

namespace switchyard::agent::mining {

class Backoff {
 public:
  // Waits lie between half and all of first, 2 first, 4 first, ... up to max. The seed should differ between machines.
  Backoff(int64_t first_ms, int64_t max_ms, uint64_t seed)
      : first_ms_(first_ms), max_ms_(max_ms), step_ms_(first_ms), random_(seed) {}

  // The wait before the next attempt, in milliseconds.
  int64_t NextMs();
  // A connection worked: the next wait is a first one again.
  void Reset() { step_ms_ = first_ms_; }

 private:
  const int64_t first_ms_, max_ms_;
  int64_t step_ms_;
  uint64_t random_;  // state of a splitmix64 sequence
};

}  // namespace switchyard::agent::mining

#endif  // SWITCHYARD_AGENT_MINING_BACKOFF_H_
