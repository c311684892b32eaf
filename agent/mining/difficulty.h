// Share difficulty and targets, in exact integer arithmetic.
//
// Pools state difficulty as a decimal number, often a fraction (0.002). Miner and pool must compute the same 256-bit
// target from it, or good shares are rejected at the margin; hence a difficulty is kept as the decimal that was
// written, and divided as integers.
#ifndef SWITCHYARD_AGENT_MINING_DIFFICULTY_H_
#define SWITCHYARD_AGENT_MINING_DIFFICULTY_H_

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "agent/mining/uint256.h"

namespace switchyard::agent::mining {

class Difficulty {
 public:
  Difficulty() = default;  // 1

  // Reads "8192", "0.002", "1e-3". INVALID_ARGUMENT for what is not a positive decimal of at most 19 digits and 18
  // decimal places.
  static absl::StatusOr<Difficulty> Parse(std::string_view text);
  // The decimal that a double stands for: the shortest that reads back as the same double, which is the one that was
  // written.
  static absl::StatusOr<Difficulty> FromDouble(double value);

  // floor(0xffff * 2^208 / difficulty), or the largest number where that does not fit: a hash is a share if it is at
  // most this.
  Uint256 Target() const;
  double ToDouble() const;
  std::string Text() const;

  friend bool operator==(const Difficulty& a, const Difficulty& b) { return (a <=> b) == 0; }
  friend std::strong_ordering operator<=>(const Difficulty& a, const Difficulty& b);

 private:
  Difficulty(uint64_t mantissa, int places) : mantissa_(mantissa), places_(places) {}

  // The value is mantissa_ / 10^places_. Invariants: mantissa_ > 0, 0 <= places_ <= 18, no trailing zero while places_
  // > 0.
  uint64_t mantissa_ = 1;
  int places_ = 0;
};

// The difficulty that a hash would just reach; for statistics, never for judging a share.
double HashDifficulty(const Uint256& hash);

// The network's target in the compact form of a header: mantissa * 256^(exponent - 3). INVALID_ARGUMENT if negative,
// zero or too large.
absl::StatusOr<Uint256> NetworkTarget(uint32_t nbits);

}  // namespace switchyard::agent::mining

#endif  // SWITCHYARD_AGENT_MINING_DIFFICULTY_H_
