// Integer quantities with a unit in their type, so that a watt is never added to a hash. Nothing here rounds silently:
// where a product must be rounded, the function's name says which way.
#ifndef SWITCHYARD_COMMON_UNITS_H_
#define SWITCHYARD_COMMON_UNITS_H_

#include <compare>
#include <cstdint>
#include <limits>
#include <ostream>

#include "common/check.h"

namespace switchyard {

// A signed integer count of one unit. Sums and differences stay within the unit; scaling is by plain integers only.
template <typename Tag>
class Quantity {
 public:
  constexpr Quantity() = default;
  constexpr explicit Quantity(int64_t count) : count_(count) {}

  constexpr int64_t count() const { return count_; }
  constexpr auto operator<=>(const Quantity&) const = default;

  constexpr Quantity operator+(Quantity other) const { return Quantity(count_ + other.count_); }
  constexpr Quantity operator-(Quantity other) const { return Quantity(count_ - other.count_); }
  constexpr Quantity operator-() const { return Quantity(-count_); }
  constexpr Quantity operator*(int64_t factor) const { return Quantity(count_ * factor); }
  constexpr Quantity operator/(int64_t divisor) const { return Quantity(count_ / divisor); }
  constexpr int64_t operator/(Quantity other) const { return count_ / other.count_; }
  constexpr Quantity& operator+=(Quantity other) {
    count_ += other.count_;
    return *this;
  }
  constexpr Quantity& operator-=(Quantity other) {
    count_ -= other.count_;
    return *this;
  }

  static constexpr Quantity Max() { return Quantity(std::numeric_limits<int64_t>::max()); }

 private:
  int64_t count_ = 0;
};

template <typename Tag>
std::ostream& operator<<(std::ostream& out, Quantity<Tag> quantity) {
  return out << quantity.count() << Tag::kSuffix;
}

struct PowerTag {
  static constexpr const char* kSuffix = "mW";
};
struct EnergyTag {
  static constexpr const char* kSuffix = "mJ";
};
struct HashRateTag {
  static constexpr const char* kSuffix = "GH/s";
};
struct UsdTag {
  static constexpr const char* kSuffix = "uUSD";
};
struct DurationTag {
  static constexpr const char* kSuffix = "ms";
};

using Power = Quantity<PowerTag>;        // milliwatts, AC at the node's inlet
using Energy = Quantity<EnergyTag>;      // millijoules: 2^63 mJ is 100 MW for 2.9 years, so accounts are kept per hour
using HashRate = Quantity<HashRateTag>;  // gigahashes per second
using Usd = Quantity<UsdTag>;            // millionths of a US dollar
using Duration = Quantity<DurationTag>;  // milliseconds

constexpr Power Milliwatts(int64_t n) { return Power(n); }
constexpr Power Watts(int64_t n) { return Power(n * 1000); }
constexpr Duration Milliseconds(int64_t n) { return Duration(n); }
constexpr Duration Seconds(int64_t n) { return Duration(n * 1000); }
constexpr Duration Minutes(int64_t n) { return Duration(n * 60 * 1000); }
constexpr Duration Hours(int64_t n) { return Duration(n * 3600 * 1000); }

// A point on a clock that never steps, in milliseconds since the start of the scheduler's term. Never stored.
class MonoTime {
 public:
  constexpr MonoTime() = default;
  constexpr explicit MonoTime(int64_t milliseconds) : milliseconds_(milliseconds) {}
  constexpr int64_t milliseconds() const { return milliseconds_; }
  constexpr auto operator<=>(const MonoTime&) const = default;
  constexpr MonoTime operator+(Duration d) const { return MonoTime(milliseconds_ + d.count()); }
  constexpr MonoTime operator-(Duration d) const { return MonoTime(milliseconds_ - d.count()); }
  constexpr Duration operator-(MonoTime other) const { return Duration(milliseconds_ - other.milliseconds_); }
  static constexpr MonoTime Never() { return MonoTime(std::numeric_limits<int64_t>::max()); }

 private:
  int64_t milliseconds_ = 0;
};
inline std::ostream& operator<<(std::ostream& out, MonoTime t) { return out << "mono " << t.milliseconds() << "ms"; }

// Civil time in milliseconds since 1970-01-01 UTC: for people, histories and schedules; never for a lease.
class UtcTime {
 public:
  constexpr UtcTime() = default;
  constexpr explicit UtcTime(int64_t milliseconds) : milliseconds_(milliseconds) {}
  constexpr int64_t milliseconds() const { return milliseconds_; }
  constexpr auto operator<=>(const UtcTime&) const = default;
  constexpr UtcTime operator+(Duration d) const { return UtcTime(milliseconds_ + d.count()); }
  constexpr UtcTime operator-(Duration d) const { return UtcTime(milliseconds_ - d.count()); }
  constexpr Duration operator-(UtcTime other) const { return Duration(milliseconds_ - other.milliseconds_); }

 private:
  int64_t milliseconds_ = 0;
};
inline std::ostream& operator<<(std::ostream& out, UtcTime t) { return out << "utc " << t.milliseconds() << "ms"; }

// A dimensionless factor in millionths: the coefficient with which a device group loads a budget.
class PartsPerMillion {
 public:
  constexpr PartsPerMillion() = default;
  constexpr explicit PartsPerMillion(int64_t count) : count_(count) {}
  constexpr int64_t count() const { return count_; }
  constexpr auto operator<=>(const PartsPerMillion&) const = default;

 private:
  int64_t count_ = 0;
};
inline constexpr PartsPerMillion kOne{1'000'000};

// value * factor, rounded up: what a charge must be so that no budget is ever short by a rounding.
constexpr Power ScaleUp(Power value, PartsPerMillion factor) {
  // The ledger's hottest product: up to 9 GW at a coefficient of one it takes no division of 128 bits.
  int64_t narrow = 0;
  if (!__builtin_mul_overflow(value.count(), factor.count(), &narrow))
    return Power(narrow / 1'000'000 + (narrow > 0 && narrow % 1'000'000 != 0 ? 1 : 0));
  const __int128 product = static_cast<__int128>(value.count()) * factor.count();
  return Power(static_cast<int64_t>((product + (product > 0 ? 999'999 : 0)) / 1'000'000));
}
// value / factor, rounded down: the most device watts that fit into `value` budget watts.
constexpr Power UnscaleDown(Power value, PartsPerMillion factor) {
  if (factor.count() <= 0) return Power::Max();
  int64_t narrow = 0;
  if (!__builtin_mul_overflow(value.count(), int64_t{1'000'000}, &narrow)) return Power(narrow / factor.count());
  return Power(static_cast<int64_t>(static_cast<__int128>(value.count()) * 1'000'000 / factor.count()));
}
// Power over a span: milliwatts * milliseconds = microjoules, rounded down to millijoules.
constexpr Energy EnergyOver(Power power, Duration span) {
  return Energy(static_cast<int64_t>(static_cast<__int128>(power.count()) * span.count() / 1000));
}

}  // namespace switchyard

#endif  // SWITCHYARD_COMMON_UNITS_H_
