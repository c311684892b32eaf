#include "scheduler/power/meter.h"

#include <gtest/gtest.h>

namespace switchyard::power {
namespace {

MonoTime At(int64_t seconds) { return MonoTime(seconds * 1000); }

TEST(MeterWindowTest, KnowsNothingWithoutReadings) {
  MeterWindow meter;
  EXPECT_TRUE(meter.empty());
  EXPECT_FALSE(meter.Mean(At(0), At(100)).has_value());
  EXPECT_FALSE(meter.Least(At(0)).has_value());
  EXPECT_FALSE(meter.Noise().has_value());
}

TEST(MeterWindowTest, TheMeanIsOfTheReadingsWithinItsSpan) {
  MeterWindow meter;
  for (int i = 0; i < 10; ++i) meter.Add(At(i), Watts(1000 + i * 100));
  EXPECT_EQ(meter.Mean(At(2), At(4)), Watts(1300));
  EXPECT_EQ(meter.Mean(At(9), At(99)), Watts(1900));
  EXPECT_FALSE(meter.Mean(At(20), At(30)).has_value());
}

TEST(MeterWindowTest, ReadingsThatComeLateTakeTheirPlace) {
  MeterWindow meter;
  meter.Add(At(1), Watts(100));
  meter.Add(At(3), Watts(300));
  meter.Add(At(2), Watts(200));
  EXPECT_EQ(meter.last_at(), At(3));
  EXPECT_EQ(meter.Mean(At(2), At(2)), Watts(200));
}

TEST(MeterWindowTest, ForgetsWhatIsOlderThanAMinute) {
  MeterWindow meter;
  meter.Add(At(0), Watts(9000));
  meter.Add(At(61), Watts(1000));
  EXPECT_EQ(meter.Mean(At(0), At(61)), Watts(1000));
  meter.Add(At(0), Watts(9000));
  EXPECT_EQ(meter.Mean(At(0), At(61)), Watts(1000)) << "a reading older than the window is dropped";
}

TEST(MeterWindowTest, KeepsABoundedNumberOfReadings) {
  MeterWindow meter;
  for (int i = 0; i < 5000; ++i) meter.Add(MonoTime(i), Watts(i));
  EXPECT_EQ(meter.Mean(MonoTime(0), MonoTime(5000)), Milliwatts((4999 + 3976) * 1000 / 2)) << "the newest 1,024";
}

TEST(MeterWindowTest, TheLowestNeedsThreeReadings) {
  MeterWindow meter;
  meter.Add(At(1), Watts(100));
  meter.Add(At(2), Watts(50));
  EXPECT_FALSE(meter.Least(At(0)).has_value());
  meter.Add(At(3), Watts(200));
  EXPECT_EQ(meter.Least(At(0)), Watts(50));
  EXPECT_FALSE(meter.Least(At(2)).has_value()) << "only two of them since then";
}

TEST(MeterWindowTest, NoiseIsOfTheJitterNotOfTheSteps) {
  MeterWindow steady, step, jitter;
  for (int i = 0; i < 20; ++i) {
    steady.Add(At(i), Watts(5000));
    step.Add(At(i), Watts(i < 10 ? 5000 : 1000));
    jitter.Add(At(i), Watts(i % 2 == 0 ? 5050 : 4950));
  }
  EXPECT_EQ(steady.Noise(), Power());
  EXPECT_EQ(step.Noise(), Power()) << "one step of real load is no noise";
  ASSERT_TRUE(jitter.Noise().has_value());
  EXPECT_GT(*jitter.Noise(), Watts(300)) << "three sigma of steps of 100 W: 3 x 100 / (0.6745 sqrt 2)";
  EXPECT_LT(*jitter.Noise(), Watts(330));
}

constexpr DropWatch kWatch{.ordered_drop = Watts(4000), .mean_before = Watts(10'000), .others_before = Watts(2000)};

TEST(UnprovenDropTest, ThreeQuartersOfTheDropAreProof) {
  EXPECT_EQ(UnprovenDrop(kWatch, Watts(6000), Watts(2000)), Power());
  EXPECT_EQ(UnprovenDrop(kWatch, Watts(7000), Watts(2000)), Power());
  EXPECT_EQ(UnprovenDrop(kWatch, Watts(7000) + Power(1), Watts(2000)), Watts(1000) + Power(1));
}

TEST(UnprovenDropTest, WhatWasNotSeenIsVetoed) {
  EXPECT_EQ(UnprovenDrop(kWatch, Watts(8000), Watts(2000)), Watts(2000));
  EXPECT_EQ(UnprovenDrop(kWatch, Watts(10'000), Watts(2000)), Watts(4000)) << "all of it";
  EXPECT_EQ(UnprovenDrop(kWatch, Watts(15'000), Watts(2000)), Watts(4000)) << "never more than was ordered";
}

TEST(UnprovenDropTest, ChangesOfTheOthersAreExplained) {
  EXPECT_EQ(UnprovenDrop(kWatch, Watts(9000), Watts(5000)), Power()) << "the others rose by 3 kW, ours fell by 4";
  EXPECT_EQ(UnprovenDrop(kWatch, Watts(8000), Power()), Watts(4000)) << "it was the others who fell";
}

}  // namespace
}  // namespace switchyard::power
