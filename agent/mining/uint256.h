// A 256-bit unsigned number: what a hash is when it is compared with a target.
//
// Only what proof of work needs: reading, comparing, showing. Values are immutable in practice; any thread may use
// them.
#ifndef SWITCHYARD_AGENT_MINING_UINT256_H_
#define SWITCHYARD_AGENT_MINING_UINT256_H_

#include <array>
#include <compare>
#include <cstdint>
#include <string>

#include "agent/mining/sha256.h"

namespace switchyard::agent::mining {

struct Uint256 {
  // limbs[0] is the least significant. The order of comparison is therefore written out and not defaulted.
  std::array<uint64_t, 4> limbs = {};

  // Bitcoin reads a digest as a little-endian number: its last byte is the most significant one.
  static Uint256 FromDigest(const Digest& digest);
  static constexpr Uint256 Max() { return {{~uint64_t{0}, ~uint64_t{0}, ~uint64_t{0}, ~uint64_t{0}}}; }

  uint32_t top32() const { return static_cast<uint32_t>(limbs[3] >> 32); }
  // 64 hex digits, most significant first: the form in which hashes and targets are shown to people.
  std::string Hex() const;
  // The nearest double; for display and statistics only, never for a comparison with a target.
  double ToDouble() const;

  friend bool operator==(const Uint256&, const Uint256&) = default;
  friend std::strong_ordering operator<=>(const Uint256& a, const Uint256& b) {
    for (int i = 3; i > 0; --i) {
      if (a.limbs[i] != b.limbs[i]) return a.limbs[i] <=> b.limbs[i];
    }
    return a.limbs[0] <=> b.limbs[0];
  }
};

}  // namespace switchyard::agent::mining

#endif  // SWITCHYARD_AGENT_MINING_UINT256_H_
