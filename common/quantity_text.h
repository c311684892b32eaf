// The one place where quantities are read from and written for people: `18MW`, `30s`, `80GiB`, `234TH/s`,
// `0.055USD/kWh`. Parsers take decimal text with a unit, never a bare number, and never lose digits: what does not fit
// the integer unit is an error that says what was found, what is allowed and an example.
#ifndef SWITCHYARD_COMMON_QUANTITY_TEXT_H_
#define SWITCHYARD_COMMON_QUANTITY_TEXT_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "common/units.h"

namespace switchyard {

absl::StatusOr<Power> ParsePower(const std::string& text);        // mW W kW MW GW
absl::StatusOr<Duration> ParseDuration(const std::string& text);  // ms s m h d
absl::StatusOr<int64_t> ParseBytes(const std::string& text);      // B KiB MiB GiB TiB
absl::StatusOr<HashRate> ParseHashRate(const std::string& text);  // GH/s TH/s PH/s EH/s
absl::StatusOr<Usd> ParseEnergyPrice(const std::string& text);    // USD/kWh USD/MWh -> millionths of a dollar per MWh
absl::StatusOr<Usd> ParseHashPrice(const std::string& text);      // USD/PH/day -> millionths of a dollar per PH and day
absl::StatusOr<Usd> ParseGpuPrice(const std::string& text);       // USD/GPU-h -> millionths of a dollar per GPU-hour
absl::StatusOr<PartsPerMillion> ParseFactor(const std::string& text);  // "1.25" or "94%" -> parts per million

// Written with the largest unit that keeps three significant digits: 17.4MW, 250W, 1.50h. Negative values keep their
// sign.
std::string FormatPower(Power power);
std::string FormatDuration(Duration duration);
std::string FormatBytes(int64_t bytes);
std::string FormatHashRate(HashRate rate);
std::string FormatEnergy(Energy energy);
std::string FormatUsd(Usd usd);
std::string FormatUtc(UtcTime time);  // 2026-11-23T03:40:17Z

}  // namespace switchyard

#endif  // SWITCHYARD_COMMON_QUANTITY_TEXT_H_
