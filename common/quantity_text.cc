#include "common/quantity_text.h"

#include <array>
#include <cstdlib>
#include <ctime>
#include <initializer_list>
#include <optional>

#include "absl/status/status.h"
#include "fmt/format.h"

namespace switchyard {
namespace {

struct Unit {
  const char* suffix;
  int64_t scale;  // how many of the integer unit one of these is
};

// Reads `digits[.digits]` exactly: the value times scale must be a whole number within 63 bits.
std::optional<int64_t> ScaleDecimal(const std::string& digits, int64_t scale) {
  __int128 value = 0;
  __int128 divisor = 1;
  bool after_point = false;
  int count = 0;
  for (const char c : digits) {
    if (c == '.') {
      if (after_point) return std::nullopt;
      after_point = true;
      continue;
    }
    if (c < '0' || c > '9' || ++count > 18) return std::nullopt;
    value = value * 10 + (c - '0');
    if (after_point) divisor *= 10;
  }
  if (count == 0) return std::nullopt;
  value *= scale;
  if (value % divisor != 0) return std::nullopt;
  value /= divisor;
  if (value > std::numeric_limits<int64_t>::max()) return std::nullopt;
  return static_cast<int64_t>(value);
}

absl::StatusOr<int64_t> ParseWithUnits(const std::string& text, const char* noun, const char* example,
                                       std::initializer_list<Unit> units) {
  const size_t split = text.find_first_not_of("0123456789.");
  const std::string digits = text.substr(0, split);
  std::string suffix = split == std::string::npos ? "" : text.substr(split);
  if (!suffix.empty() && suffix.front() == ' ') suffix.erase(0, 1);
  std::string allowed;
  for (const Unit& unit : units) {
    if (suffix == unit.suffix && !digits.empty()) {
      const std::optional<int64_t> value = ScaleDecimal(digits, unit.scale);
      if (value.has_value()) return *value;
      return absl::InvalidArgumentError(fmt::format(
          "{} \"{}\": the number is too large, too fine or not decimal; write for example {}", noun, text, example));
    }
    allowed += allowed.empty() ? unit.suffix : std::string(", ") + unit.suffix;
  }
  return absl::InvalidArgumentError(
      suffix.empty() && !digits.empty()
          ? fmt::format("{} \"{}\": a bare number without a unit, allowed are {}; write for example {}", noun, text,
                        allowed, example)
          : fmt::format("{} \"{}\": not a number with a known unit, allowed are {}; write for example {}", noun, text,
                        allowed, example));
}

template <typename Q>
absl::StatusOr<Q> Wrap(const absl::StatusOr<int64_t>& value) {
  if (!value.ok()) return value.status();
  return Q(*value);
}

// Three significant digits with the largest fitting unit; `units` descend and the last has scale 1 of its count.
std::string FormatScaled(int64_t count, std::initializer_list<Unit> units) {
  const bool negative = count < 0;
  const double magnitude = negative ? -static_cast<double>(count) : static_cast<double>(count);
  const Unit* chosen = units.end() - 1;
  for (const Unit& unit : units) {
    if (magnitude >= static_cast<double>(unit.scale)) {
      chosen = &unit;
      break;
    }
  }
  const double value = magnitude / static_cast<double>(chosen->scale);
  const int decimals = chosen->scale == 1 || value >= 100 ? 0 : value >= 10 ? 1 : 2;
  std::string digits = fmt::format("{:.{}f}", value, decimals);
  if (digits.find('.') != std::string::npos) {
    while (digits.back() == '0') digits.pop_back();
    if (digits.back() == '.') digits.pop_back();
  }
  return fmt::format("{}{}{}", negative ? "-" : "", digits, chosen->suffix);
}

}  // namespace

absl::StatusOr<Power> ParsePower(const std::string& text) {
  return Wrap<Power>(
      ParseWithUnits(text, "power", "12.5kW",
                     {{"mW", 1}, {"W", 1'000}, {"kW", 1'000'000}, {"MW", 1'000'000'000}, {"GW", 1'000'000'000'000}}));
}
absl::StatusOr<Duration> ParseDuration(const std::string& text) {
  return Wrap<Duration>(ParseWithUnits(text, "duration", "30s",
                                       {{"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}));
}
absl::StatusOr<int64_t> ParseBytes(const std::string& text) {
  return ParseWithUnits(text, "memory", "80GiB",
                        {{"B", 1},
                         {"KiB", int64_t{1} << 10},
                         {"MiB", int64_t{1} << 20},
                         {"GiB", int64_t{1} << 30},
                         {"TiB", int64_t{1} << 40}});
}
absl::StatusOr<HashRate> ParseHashRate(const std::string& text) {
  return Wrap<HashRate>(ParseWithUnits(text, "hash rate", "234TH/s",
                                       {{"GH/s", 1}, {"TH/s", 1'000}, {"PH/s", 1'000'000}, {"EH/s", 1'000'000'000}}));
}
absl::StatusOr<Usd> ParseEnergyPrice(const std::string& text) {
  return Wrap<Usd>(
      ParseWithUnits(text, "energy price", "0.055USD/kWh", {{"USD/kWh", 1'000'000'000}, {"USD/MWh", 1'000'000}}));
}
absl::StatusOr<Usd> ParseHashPrice(const std::string& text) {
  return Wrap<Usd>(ParseWithUnits(text, "hashprice", "54USD/PH/day", {{"USD/PH/day", 1'000'000}}));
}
absl::StatusOr<Usd> ParseGpuPrice(const std::string& text) {
  return Wrap<Usd>(ParseWithUnits(text, "GPU price", "2.10USD/GPU-h", {{"USD/GPU-h", 1'000'000}}));
}
absl::StatusOr<PartsPerMillion> ParseFactor(const std::string& text) {
  const bool percent = !text.empty() && text.back() == '%';
  const std::optional<int64_t> value =
      ScaleDecimal(percent ? text.substr(0, text.size() - 1) : text, percent ? 10'000 : 1'000'000);
  if (!value.has_value()) {
    return absl::InvalidArgumentError(
        fmt::format("factor \"{}\": not a decimal of at most six places; write for example 1.25 or 94%", text));
  }
  return PartsPerMillion(*value);
}

std::string FormatPower(Power power) {
  return FormatScaled(power.count(),
                      {{"GW", 1'000'000'000'000}, {"MW", 1'000'000'000}, {"kW", 1'000'000}, {"W", 1'000}, {"mW", 1}});
}
std::string FormatDuration(Duration duration) {
  return FormatScaled(duration.count(), {{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}});
}
std::string FormatBytes(int64_t bytes) {
  return FormatScaled(bytes, {{"TiB", int64_t{1} << 40},
                              {"GiB", int64_t{1} << 30},
                              {"MiB", int64_t{1} << 20},
                              {"KiB", int64_t{1} << 10},
                              {"B", 1}});
}
std::string FormatHashRate(HashRate rate) {
  return FormatScaled(rate.count(), {{"EH/s", 1'000'000'000}, {"PH/s", 1'000'000}, {"TH/s", 1'000}, {"GH/s", 1}});
}
std::string FormatEnergy(Energy energy) {
  return FormatScaled(energy.count(),
                      {{"MWh", 3'600'000'000'000}, {"kWh", 3'600'000'000}, {"Wh", 3'600'000}, {"J", 1'000}, {"mJ", 1}});
}
std::string FormatUsd(Usd usd) {
  const int64_t count = usd.count();
  return fmt::format("{}{}.{:02}USD", count < 0 ? "-" : "", std::abs(count) / 1'000'000,
                     std::abs(count) % 1'000'000 / 10'000);
}
std::string FormatUtc(UtcTime time) {
  const std::time_t seconds = static_cast<std::time_t>(time.milliseconds() / 1000);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday,
                     parts.tm_hour, parts.tm_min, parts.tm_sec);
}

}  // namespace switchyard
