#include "agent/mining/difficulty.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>

namespace switchyard::agent::mining {
namespace {

constexpr int kPlacesMax = 18;

// 384 bits, least significant limb first: 0xffff * 2^208 * 10^18 needs 284.
using Wide = std::array<uint64_t, 6>;

void Multiply(Wide& value, uint64_t factor) {
  unsigned __int128 carry = 0;
  for (uint64_t& limb : value) {
    carry += static_cast<unsigned __int128>(limb) * factor;
    limb = static_cast<uint64_t>(carry);
    carry >>= 64;
  }
}

void Divide(Wide& value, uint64_t divisor) {
  unsigned __int128 rest = 0;
  for (int i = static_cast<int>(value.size()) - 1; i >= 0; --i) {
    rest = rest << 64 | value[i];
    value[i] = static_cast<uint64_t>(rest / divisor);
    rest %= divisor;
  }
}

uint64_t PowerOfTen(int exponent) {
  uint64_t power = 1;
  for (int i = 0; i < exponent; ++i) power *= 10;
  return power;
}

absl::Status BadDifficulty(std::string_view text, std::string_view found) {
  return absl::InvalidArgumentError(
      fmt::format("difficulty \"{}\": {}, a positive decimal of at most 19 digits and {} decimal places is allowed; "
                  "write for example 0.002",
                  text.substr(0, 40), found, kPlacesMax));
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

absl::StatusOr<Difficulty> Difficulty::Parse(std::string_view text) {
  uint64_t mantissa = 0;
  int places = 0;
  size_t at = 0;
  bool digits = false, point = false;
  for (; at < text.size() && (IsDigit(text[at]) || (text[at] == '.' && !point)); ++at) {
    if (text[at] == '.') {
      point = true;
      continue;
    }
    digits = true;
    places += point ? 1 : 0;
    if (__builtin_mul_overflow(mantissa, uint64_t{10}, &mantissa) ||
        __builtin_add_overflow(mantissa, static_cast<uint64_t>(text[at] - '0'), &mantissa)) {
      return BadDifficulty(text, "has too many digits");
    }
  }
  if (!digits) return BadDifficulty(text, "is not a number");
  if (at < text.size()) {
    if (text[at] != 'e' && text[at] != 'E') return BadDifficulty(text, "is not a number");
    ++at;
    if (at < text.size() && text[at] == '+') ++at;  // from_chars reads no plus sign
    int exponent = 0;
    const auto [end, error] = std::from_chars(text.data() + at, text.data() + text.size(), exponent);
    if (error != std::errc() || end != text.data() + text.size() || std::abs(exponent) > 100) {
      return BadDifficulty(text, "has a bad exponent");
    }
    places -= exponent;
  }
  if (mantissa == 0) return BadDifficulty(text, "is zero");
  for (; places > 0 && mantissa % 10 == 0; --places) mantissa /= 10;
  for (; places < 0; ++places) {
    if (__builtin_mul_overflow(mantissa, uint64_t{10}, &mantissa)) return BadDifficulty(text, "is too large");
  }
  if (places > kPlacesMax) return BadDifficulty(text, "is too small");
  return Difficulty(mantissa, places);
}

absl::StatusOr<Difficulty> Difficulty::FromDouble(double value) { return Parse(fmt::format("{}", value)); }

Uint256 Difficulty::Target() const {
  Wide target = {0, 0, 0, uint64_t{0xffff} << 16, 0, 0};  // 2^208 is bit 16 of the fourth limb
  Multiply(target, PowerOfTen(places_));
  Divide(target, mantissa_);
  if (target[4] != 0 || target[5] != 0) return Uint256::Max();
  return {{target[0], target[1], target[2], target[3]}};
}

double Difficulty::ToDouble() const {
  return static_cast<double>(mantissa_) / static_cast<double>(PowerOfTen(places_));
}

std::string Difficulty::Text() const {
  if (places_ == 0) return fmt::format("{}", mantissa_);
  const uint64_t unit = PowerOfTen(places_);
  return fmt::format("{}.{:0{}}", mantissa_ / unit, mantissa_ % unit, places_);
}

std::strong_ordering operator<=>(const Difficulty& a, const Difficulty& b) {
  const auto left = static_cast<unsigned __int128>(a.mantissa_) * PowerOfTen(b.places_);
  const auto right = static_cast<unsigned __int128>(b.mantissa_) * PowerOfTen(a.places_);
  return left < right   ? std::strong_ordering::less
         : left > right ? std::strong_ordering::greater
                        : std::strong_ordering::equal;
}

double HashDifficulty(const Uint256& hash) { return std::ldexp(65535.0, 208) / std::max(hash.ToDouble(), 1.0); }

absl::StatusOr<Uint256> NetworkTarget(uint32_t nbits) {
  const int exponent = static_cast<int>(nbits >> 24);
  const uint32_t mantissa = nbits & 0x007fffff;
  if ((nbits & 0x00800000) != 0 || mantissa == 0 || exponent < 3 || exponent > 32) {
    return absl::InvalidArgumentError(
        fmt::format("nbits \"{:08x}\": is no positive target of at most 256 bits, an exponent of 3 to 32 and a "
                    "mantissa of 23 bits are allowed; "
                    "check the pool",
                    nbits));
  }
  Uint256 target;
  for (int byte = 0; byte < 3; ++byte) {
    const int place = exponent - 3 + byte;  // never above 31
    target.limbs[place / 8] |= uint64_t{mantissa >> (8 * byte) & 0xff} << (8 * (place % 8));
  }
  return target;
}

}  // namespace switchyard::agent::mining
