#include "common/quantity_text.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace switchyard {
namespace {

using testing::HasSubstr;

TEST(QuantityTextTest, EveryQuantityIsReadWithEveryUnitOfIts) {
  EXPECT_EQ(*ParsePower("250mW"), Milliwatts(250));
  EXPECT_EQ(*ParsePower("250W"), Watts(250));
  EXPECT_EQ(*ParsePower("12.5kW"), Watts(12'500));
  EXPECT_EQ(*ParsePower("18MW"), Watts(18'000'000));
  EXPECT_EQ(*ParsePower("2.2 GW"), Watts(2'200'000'000));
  EXPECT_EQ(*ParseDuration("250ms"), Milliseconds(250));
  EXPECT_EQ(*ParseDuration("30s"), Seconds(30));
  EXPECT_EQ(*ParseDuration("1.5h"), Minutes(90));
  EXPECT_EQ(*ParseDuration("7d"), Hours(168));
  EXPECT_EQ(*ParseBytes("80GiB"), int64_t{80} << 30);
  EXPECT_EQ(*ParseBytes("1.5TiB"), int64_t{1536} << 30);
  EXPECT_EQ(*ParseHashRate("234TH/s"), HashRate(234'000));
  EXPECT_EQ(*ParseHashRate("1.2EH/s"), HashRate(1'200'000'000));
  EXPECT_EQ(*ParseEnergyPrice("0.055USD/kWh"), Usd(55'000'000));
  EXPECT_EQ(*ParseEnergyPrice("55USD/MWh"), Usd(55'000'000));
  EXPECT_EQ(*ParseHashPrice("54USD/PH/day"), Usd(54'000'000));
  EXPECT_EQ(*ParseGpuPrice("2.10USD/GPU-h"), Usd(2'100'000));
  EXPECT_EQ(*ParseFactor("94%"), PartsPerMillion(940'000));
  EXPECT_EQ(*ParseFactor("1.25"), PartsPerMillion(1'250'000));
}

TEST(QuantityTextTest, ABareNumberIsAnErrorThatSaysSo) {
  const std::string message(ParsePower("18").status().message());
  EXPECT_EQ(message, "power \"18\": a bare number without a unit, allowed are mW, W, kW, MW, GW; write for example 12.5kW");
}

TEST(QuantityTextTest, AnUnknownUnitNamesTheKnownOnes) {
  EXPECT_THAT(std::string(ParseDuration("3w").status().message()), HasSubstr("allowed are ms, s, m, h, d"));
  EXPECT_THAT(std::string(ParseBytes("80GB").status().message()), HasSubstr("GiB"));
}

TEST(QuantityTextTest, DigitsAreNeverLostSilently) {
  EXPECT_FALSE(ParsePower("0.1mW").ok());
  EXPECT_FALSE(ParseDuration("1.0005s").ok());
  EXPECT_FALSE(ParsePower("99999999999999999GW").ok());
  EXPECT_FALSE(ParsePower("1.2.3kW").ok());
  EXPECT_FALSE(ParseFactor("0.0000001").ok());
}

TEST(QuantityTextTest, NothingAndSignsAreNotQuantities) {
  EXPECT_FALSE(ParsePower("").ok());
  EXPECT_FALSE(ParsePower("W").ok());
  EXPECT_FALSE(ParsePower("-5W").ok());
  EXPECT_FALSE(ParsePower("5 kW extra").ok());
  EXPECT_FALSE(ParseFactor("%").ok());
}

TEST(QuantityTextTest, NumbersForPeopleCarryTheirLargestUnit) {
  EXPECT_EQ(FormatPower(Watts(17'400'000)), "17.4MW");
  EXPECT_EQ(FormatPower(Watts(250)), "250W");
  EXPECT_EQ(FormatPower(Milliwatts(0)), "0mW");
  EXPECT_EQ(FormatPower(Watts(-1500)), "-1.5kW");
  EXPECT_EQ(FormatDuration(Minutes(90)), "1.5h");
  EXPECT_EQ(FormatBytes(int64_t{80} << 30), "80GiB");
  EXPECT_EQ(FormatHashRate(HashRate(234'000)), "234TH/s");
  EXPECT_EQ(FormatEnergy(Energy(int64_t{3'600'000} * 1000 * 5)), "5kWh");
  EXPECT_EQ(FormatUsd(Usd(-1'234'567)), "-1.23USD");
  EXPECT_EQ(FormatUtc(UtcTime(1'795'405'217'250)), "2026-11-23T03:40:17Z");
}

TEST(QuantityTextTest, RoundPowersAreReadBackAsTheyWereWritten) {
  for (const int64_t milliwatts : {int64_t{1}, int64_t{999}, int64_t{1'000}, int64_t{12'500'000}, int64_t{18'000'000'000}}) {
    EXPECT_EQ(*ParsePower(FormatPower(Milliwatts(milliwatts))), Milliwatts(milliwatts));
  }
}

}  // namespace
}  // namespace switchyard
