#include "agent/mining/uint256.h"

#include <fmt/format.h>

#include <cmath>

namespace switchyard::agent::mining {

Uint256 Uint256::FromDigest(const Digest& digest) {
  Uint256 value;
  for (size_t i = 0; i < digest.size(); ++i) value.limbs[i / 8] |= uint64_t{digest[i]} << (8 * (i % 8));
  return value;
}

std::string Uint256::Hex() const {
  return fmt::format("{:016x}{:016x}{:016x}{:016x}", limbs[3], limbs[2], limbs[1], limbs[0]);
}

double Uint256::ToDouble() const {
  double value = 0;
  for (int i = 3; i >= 0; --i) value = std::ldexp(value, 64) + static_cast<double>(limbs[i]);
  return value;
}

}  // namespace switchyard::agent::mining
