#include "common/units.h"

#include "gtest/gtest.h"

namespace switchyard {
namespace {

TEST(UnitsTest, AProductIsRoundedUpSoThatNoBudgetIsShort) {
  EXPECT_EQ(ScaleUp(Milliwatts(1), PartsPerMillion(1)), Milliwatts(1));
  EXPECT_EQ(ScaleUp(Milliwatts(3), PartsPerMillion(333'333)), Milliwatts(1));
  EXPECT_EQ(ScaleUp(Milliwatts(3), PartsPerMillion(333'334)), Milliwatts(2));
  EXPECT_EQ(ScaleUp(Watts(1000), PartsPerMillion(1'250'000)), Watts(1250));
  EXPECT_EQ(ScaleUp(Milliwatts(0), PartsPerMillion(999'999)), Milliwatts(0));
  EXPECT_EQ(ScaleUp(Milliwatts(-3), PartsPerMillion(500'000)), Milliwatts(-1));
}

TEST(UnitsTest, ScalingDoesNotOverflowAtTheLargestSite) {
  EXPECT_EQ(ScaleUp(Watts(100'000'000'000), PartsPerMillion(3'000'000)), Watts(300'000'000'000));
  EXPECT_EQ(ScaleUp(Milliwatts(10'000'000'000'001), PartsPerMillion(1'100'000)), Milliwatts(11'000'000'000'002));
  EXPECT_EQ(UnscaleDown(Milliwatts(11'000'000'000'001), PartsPerMillion(1'100'000)), Milliwatts(10'000'000'000'000));
}

TEST(UnitsTest, WhatUnscaleGivesFitsWhenItIsScaledAgain) {
  for (int64_t milliwatts = 0; milliwatts < 5000; ++milliwatts) {
    for (const int64_t ppm : {1, 333'333, 999'999, 1'000'000, 1'250'001, 3'000'000}) {
      const Power fits = UnscaleDown(Milliwatts(milliwatts), PartsPerMillion(ppm));
      EXPECT_LE(ScaleUp(fits, PartsPerMillion(ppm)), Milliwatts(milliwatts));
      EXPECT_GT(ScaleUp(fits + Milliwatts(1), PartsPerMillion(ppm)), Milliwatts(milliwatts));
    }
  }
}

TEST(UnitsTest, ABudgetThatIsNotLoadedTakesAnyPower) { EXPECT_EQ(UnscaleDown(Watts(1), PartsPerMillion(0)), Power::Max()); }

TEST(UnitsTest, EnergyIsPowerTimesTimeRoundedDown) {
  EXPECT_EQ(EnergyOver(Watts(1), Seconds(1)), Energy(1000));
  EXPECT_EQ(EnergyOver(Milliwatts(1), Milliseconds(999)), Energy(0));
  EXPECT_EQ(EnergyOver(Watts(100'000'000), Hours(1)), Energy(int64_t{100'000'000} * 3600 * 1000));
}

TEST(UnitsTest, TimesAreOrderedAndTheirDifferenceIsADuration) {
  EXPECT_EQ(MonoTime(1500) - MonoTime(500), Seconds(1));
  EXPECT_LT(MonoTime(1) + Minutes(1), MonoTime::Never());
  EXPECT_EQ(UtcTime(0) + Hours(24) - UtcTime(0), Hours(24));
}

}  // namespace
}  // namespace switchyard
