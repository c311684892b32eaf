#include "scheduler/economics/value.h"

#include <limits>
#include <random>

#include "gtest/gtest.h"

namespace switchyard::economics {
namespace {

constexpr OperatingPoint kOff{Watts(0), HashRate(0)};
constexpr OperatingPoint kOn{Watts(3000), HashRate(100'000)};  // 100 TH/s at 3 kW: 33.3 PH/s per MW
constexpr Prices kPrices{
    .energy_per_mwh = Usd(40'000'000), .hashprice_per_ph_day = Usd(54'000'000), .overhead = PartsPerMillion(1'250'000)};

TEST(MarginalValue, IsTheRevenueOfAMegawattHourLessItsEnergyAtTheMeter) {
  // 33.3 PH/s x 54 USD / 24 h = 75 USD/MWh; energy 40 x 1.25 = 50 USD/MWh.
  EXPECT_EQ(MarginalValue(kOff, kOn, kPrices), 25'000'000);
}

TEST(MarginalValue, CountsOnlyTheStepAndNotWhatIsBelowIt) {
  const OperatingPoint boosted{Watts(4000), HashRate(110'000)};  // 10 TH/s for another kW
  EXPECT_EQ(MarginalValue(kOn, boosted, kPrices), 22'500'000 - 50'000'000);
}

TEST(MarginalValue, IsNeverAboveTheTrueValue) {
  const OperatingPoint odd{Milliwatts(3'000'007), HashRate(100'000)};
  // 74.999825 USD/MWh, which is 74,999,825.0004: rounded down.
  EXPECT_EQ(MarginalValue(kOff, odd, kPrices), 74'999'825 - 50'000'000);
  Prices prices = kPrices;
  prices.energy_per_mwh = Usd(1);  // 1.25 uUSD with the overhead: rounded up
  EXPECT_EQ(MarginalValue(kOff, kOn, prices), 75'000'000 - 2);
}

TEST(MarginalValue, WithAStalePriceIsWorthAtMostNothing) {
  Prices prices = kPrices;
  prices.stale = true;
  EXPECT_EQ(MarginalValue(kOff, kOn, prices), 0);
  prices.energy_per_mwh = Usd(80'000'000);
  EXPECT_EQ(MarginalValue(kOff, kOn, prices), 75'000'000 - 100'000'000);
}

TEST(MarginalValue, ClampsWhatLeaves64Bits) {
  Prices prices = kPrices;
  prices.hashprice_per_ph_day = Usd::Max();
  EXPECT_EQ(MarginalValue(kOff, {Milliwatts(1), HashRate(1'000'000)}, prices), std::numeric_limits<int64_t>::max());
}

TEST(MarginalValueDeathTest, AStepWithoutWattsIsOurBug) {
  EXPECT_DEATH(MarginalValue(kOn, kOn, kPrices), "adds no watts");
}

TEST(BreakEvenHashprice, IsTheLowestAtWhichTheStepDoesNotLose) {
  std::mt19937_64 random(7);
  for (int i = 0; i < 2000; ++i) {
    const OperatingPoint to{Milliwatts(1 + random() % 7'000'000), HashRate(1 + random() % 300'000)};
    Prices prices = kPrices;
    prices.energy_per_mwh = Usd(1 + random() % 200'000'000);
    prices.hashprice_per_ph_day = BreakEvenHashprice(kOff, to, prices.energy_per_mwh, prices.overhead);
    EXPECT_GE(MarginalValue(kOff, to, prices), 0);
    prices.hashprice_per_ph_day -= Usd(1);
    EXPECT_LT(MarginalValue(kOff, to, prices), 0);
  }
}

TEST(BreakEvenHashprice, IsOutOfReachWithoutHashesAndZeroWithFreeEnergy) {
  EXPECT_EQ(BreakEvenHashprice(kOff, {Watts(10), HashRate(0)}, Usd(1), kOne), Usd::Max());
  EXPECT_EQ(BreakEvenHashprice(kOff, kOn, Usd(0), kOne), Usd(0));
  EXPECT_EQ(BreakEvenHashprice(kOff, kOn, Usd(-5), kOne), Usd(0));
}

TEST(ConcaveHull, KeepsPointsOfFallingEfficiencyWithTheirValues) {
  const auto hull = ConcaveHull(Watts(0), {{Watts(1000), HashRate(60'000)}, {Watts(2000), HashRate(100'000)}}, kPrices);
  ASSERT_EQ(hull.size(), 2u);
  EXPECT_EQ(hull[0].point, 0);
  EXPECT_EQ(hull[0].value_micro_usd_per_mwh, 135'000'000 - 50'000'000);
  EXPECT_EQ(hull[1].point, 1);
  EXPECT_EQ(hull[1].watts, Watts(2000));
  EXPECT_EQ(hull[1].rate, HashRate(100'000));
  EXPECT_EQ(hull[1].value_micro_usd_per_mwh, 90'000'000 - 50'000'000);
}

TEST(ConcaveHull, DropsAPointUnderTheLineFromOffToABetterOne) {
  const auto hull = ConcaveHull(Watts(0), {{Watts(1000), HashRate(20'000)}, {Watts(2000), HashRate(100'000)}}, kPrices);
  ASSERT_EQ(hull.size(), 1u);
  EXPECT_EQ(hull[0].point, 1);
}

TEST(ConcaveHull, DropsAPointOnAStraightPiece) {
  const auto hull = ConcaveHull(Watts(0), {{Watts(1000), HashRate(50'000)}, {Watts(2000), HashRate(100'000)}}, kPrices);
  ASSERT_EQ(hull.size(), 1u);
  EXPECT_EQ(hull[0].point, 1);
}

TEST(ConcaveHull, DropsMoreWattsForNoMoreHashesAndPointsAtOrBelowIdle) {
  const auto hull = ConcaveHull(
      Watts(50), {{Watts(50), HashRate(10)}, {Watts(1000), HashRate(60'000)}, {Watts(2000), HashRate(60'000)}},
      kPrices);
  ASSERT_EQ(hull.size(), 1u);
  EXPECT_EQ(hull[0].point, 1);
}

TEST(ConcaveHull, OfEqualPointsKeepsTheFirst) {
  const auto hull = ConcaveHull(Watts(0), {{Watts(1000), HashRate(5)}, {Watts(1000), HashRate(5)}}, kPrices);
  ASSERT_EQ(hull.size(), 1u);
  EXPECT_EQ(hull[0].point, 0);
}

TEST(ConcaveHull, OfADeviceWithoutOperatingPointsIsEmpty) {
  v1::DeviceModel model;
  EXPECT_TRUE(ConcaveHull(model, kPrices).empty());
  model.set_idle_mw(20'000);
  v1::OperatingPoint& point = *model.add_operating_points();
  point.set_mw(3'020'000);
  point.set_ghs(100'000);
  const auto hull = ConcaveHull(model, kPrices);
  ASSERT_EQ(hull.size(), 1u);
  EXPECT_EQ(hull[0].value_micro_usd_per_mwh, 25'000'000);  // what it draws idle is not a cost of hashing
}

// For random devices: values fall, and no point lies above the hull.
TEST(ConcaveHull, IsConcaveAndCoversEveryPoint) {
  std::mt19937_64 random(11);
  for (int round = 0; round < 2000; ++round) {
    const Power idle = Milliwatts(random() % 100);
    std::vector<OperatingPoint> points(random() % 16);
    for (OperatingPoint& point : points) point = {Milliwatts(random() % 1000), HashRate(random() % 1000)};
    const auto hull = ConcaveHull(idle, points, kPrices);
    OperatingPoint below{idle, HashRate(0)};
    for (size_t i = 0; i < hull.size(); ++i) {
      const OperatingPoint here{hull[i].watts, hull[i].rate};
      EXPECT_EQ(points[hull[i].point].power, here.power);
      EXPECT_EQ(points[hull[i].point].rate, here.rate);
      ASSERT_GT(here.power, below.power);
      ASSERT_GT(here.rate, below.rate);
      if (i > 0) {
        EXPECT_LE(hull[i].value_micro_usd_per_mwh, hull[i - 1].value_micro_usd_per_mwh);
      }
      for (const OperatingPoint& point : points) {
        if (point.power <= idle) continue;
        // Not above the line through `below` and `here`.
        const int64_t left = (point.rate - below.rate).count() * (here.power - below.power).count();
        const int64_t right = (here.rate - below.rate).count() * (point.power - below.power).count();
        EXPECT_LE(left, right);
      }
      below = here;
    }
    for (const OperatingPoint& point : points) {
      if (point.power > idle) {
        EXPECT_LE(point.rate, below.rate);
      }
    }
  }
}

TEST(EarningsPerHour, AreRevenueLessEnergyOverIdle) {
  EXPECT_EQ(EarningsPerHour(Watts(0), kOn, kPrices), 225'000 - 150'000);
  Prices prices = kPrices;
  prices.stale = true;
  EXPECT_EQ(EarningsPerHour(Watts(0), kOn, prices), 0);
}

}  // namespace
}  // namespace switchyard::economics
