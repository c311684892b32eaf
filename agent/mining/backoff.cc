#include "agent/mining/backoff.h"

#include <algorithm>

namespace switchyard::agent::mining {

int64_t Backoff::NextMs() {
  random_ += 0x9e3779b97f4a7c15;
  uint64_t z = random_;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  z ^= z >> 31;
  const int64_t half = step_ms_ / 2;
  const int64_t wait = half + static_cast<int64_t>(z % static_cast<uint64_t>(step_ms_ - half + 1));
  step_ms_ = std::min(step_ms_ * 2, max_ms_);
  return wait;
}

}  // namespace switchyard::agent::mining
