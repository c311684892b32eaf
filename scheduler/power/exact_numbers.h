// Two kinds of exact integers for the same program: NarrowNumbers in 128 bits, which allocate nothing and say when
// something did not fit, and WideNumbers of any size. Whoever counts narrowly looks at `overflowed` before it believes a
// result, and starts anew with wide numbers if it is set.
//
// Promises: as long as nothing overflowed, both give the same results, Words included. After an overflow a narrow
// product or difference is 1: nothing that follows divides by zero because of it.
#ifndef SWITCHYARD_SCHEDULER_POWER_EXACT_NUMBERS_H_
#define SWITCHYARD_SCHEDULER_POWER_EXACT_NUMBERS_H_

#include <gmpxx.h>

#include <bit>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <utility>

namespace switchyard::power {

class NarrowNumbers {
 public:
  using Number = __int128;

  Number Of(__int128 value) { return Kept(value); }

  Number Multiply(Number a, Number b) {
    if (IsShort(a) && IsShort(b)) return Kept(a * b);  // at most 2^126
    if (Bits(a) + Bits(b) > kBits) return Overflow();
    return a * b;
  }
  Number Subtract(Number a, Number b) { return Kept(a - b); }

  // a x b against c x d. Never overflows. REQUIRES: none is negative.
  static std::strong_ordering CompareProducts(Number a, Number b, Number c, Number d) {
    if (IsShort(a) && IsShort(b) && IsShort(c) && IsShort(d)) return a * b <=> c * d;
    return Product(a, b) <=> Product(c, d);
  }

  // REQUIRES: b divides a, or a and b are not negative.
  static Number Divide(Number a, Number b) {
    if (IsShort(a) && IsShort(b)) return static_cast<int64_t>(a) / static_cast<int64_t>(b);
    return a / b;
  }

  // Never negative; that of zero and another is the other.
  static Number Gcd(Number a, Number b) {
    Number x = a < 0 ? -a : a, y = b < 0 ? -b : b;
    while (y != 0 && !(IsShort(x) && IsShort(y))) {
      x %= y;
      std::swap(x, y);
    }
    if (y == 0) return x;
    return std::gcd(static_cast<uint64_t>(x), static_cast<uint64_t>(y));
  }

  // Of 64 bits, as many as the value needs without its sign; none for zero.
  static int64_t Words(Number a) { return (Bits(a) + 63) / 64; }
  static int64_t ToInt64(Number a) { return static_cast<int64_t>(a); }

  bool overflowed() const { return overflowed_; }

 private:
  static constexpr int kBits = 125;  // so that the sum of two still fits

  // Within 63 bits and a sign, and not the one value without a negative.
  static bool IsShort(Number a) { return a == static_cast<int64_t>(a) && static_cast<int64_t>(a) != INT64_MIN; }
  // 256 bits of a product of two that are not negative, the high half first.
  static std::pair<unsigned __int128, unsigned __int128> Product(Number a, Number b) {
    using Half = unsigned __int128;
    const auto low = [](Number x) { return Half(static_cast<uint64_t>(x)); };
    const auto high = [](Number x) { return Half(static_cast<uint64_t>(x >> 64)); };
    const Half middle = high(a) * low(b) + (low(a) * low(b) >> 64);
    const Half carried = low(a) * high(b) + static_cast<uint64_t>(middle);
    const Half bottom = (carried << 64) | static_cast<uint64_t>(low(a) * low(b));
    return {high(a) * high(b) + (middle >> 64) + (carried >> 64), bottom};
  }
  static int Bits(Number a) {
    const auto magnitude = static_cast<unsigned __int128>(a < 0 ? -a : a);
    const auto high = static_cast<uint64_t>(magnitude >> 64);
    return high != 0 ? 64 + static_cast<int>(std::bit_width(high))
                     : static_cast<int>(std::bit_width(static_cast<uint64_t>(magnitude)));
  }
  Number Kept(Number a) {
    constexpr Number kEnd = Number(1) << kBits;
    return a < kEnd && a > -kEnd ? a : Overflow();
  }
  Number Overflow() {
    overflowed_ = true;
    return 1;
  }

  bool overflowed_ = false;
};

class WideNumbers {
 public:
  using Number = mpz_class;

  static Number Of(__int128 value);
  static Number Multiply(const Number& a, const Number& b) { return a * b; }
  static Number Subtract(const Number& a, const Number& b) { return a - b; }
  static std::strong_ordering CompareProducts(const Number& a, const Number& b, const Number& c, const Number& d) {
    return cmp(a * b, c * d) <=> 0;
  }
  static Number Divide(const Number& a, const Number& b) { return a / b; }
  static Number Gcd(const Number& a, const Number& b) { return gcd(a, b); }
  static int64_t Words(const Number& a) { return static_cast<int64_t>(mpz_size(a.get_mpz_t())); }
  static int64_t ToInt64(const Number& a) { return a.get_si(); }
  static bool overflowed() { return false; }
};

}  // namespace switchyard::power

#endif  // SWITCHYARD_SCHEDULER_POWER_EXACT_NUMBERS_H_
