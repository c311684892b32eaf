// Division in 128 bits that rounds towards a stated side, and the way back into 64 bits: what the room's roundings are
// made of.
#ifndef SWITCHYARD_SCHEDULER_ECONOMICS_WIDE_H_
#define SWITCHYARD_SCHEDULER_ECONOMICS_WIDE_H_

#include <algorithm>
#include <cstdint>
#include <limits>

namespace switchyard::economics {

using Wide = __int128;

// REQUIRES: divisor > 0.
constexpr Wide FloorDivide(Wide dividend, Wide divisor) {
  return dividend / divisor - (dividend % divisor < 0 ? 1 : 0);
}
constexpr Wide CeilDivide(Wide dividend, Wide divisor) { return dividend / divisor + (dividend % divisor > 0 ? 1 : 0); }

// The nearest 64-bit number: a price so large that it does not fit stays large instead of turning negative.
constexpr int64_t Clamp(Wide value) {
  return static_cast<int64_t>(
      std::clamp<Wide>(value, std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max()));
}

}  // namespace switchyard::economics

#endif  // SWITCHYARD_SCHEDULER_ECONOMICS_WIDE_H_
