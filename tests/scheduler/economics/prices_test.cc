#include "scheduler/economics/prices.h"

#include "gtest/gtest.h"

namespace switchyard::economics {
namespace {

void AddPoint(int64_t from_ms, int64_t value, int64_t stale_after_ms,
              google::protobuf::RepeatedPtrField<v1::PricePoint>& series) {
  v1::PricePoint& point = *series.Add();
  point.set_from_utc_ms(from_ms);
  point.set_value_micro_usd(value);
  point.set_stale_after_ms(stale_after_ms);
}

TEST(PriceAt, AConstantHoldsSinceEverAndIsNeverStale) {
  PriceSeries series;
  AddPoint(0, 55, 0, series);
  for (const int64_t utc : {int64_t{0}, int64_t{1}, int64_t{4'000'000'000'000}}) {
    const auto price = PriceAt(series, UtcTime(utc));
    ASSERT_TRUE(price.has_value());
    EXPECT_EQ(price->value, Usd(55));
    EXPECT_FALSE(price->stale);
  }
}

TEST(PriceAt, APointHoldsFromItsMomentUntilTheNextWhateverTheirOrderInTheSeries) {
  PriceSeries series;
  AddPoint(2000, 20, 0, series);
  AddPoint(1000, 10, 0, series);
  EXPECT_FALSE(PriceAt(series, UtcTime(999)).has_value());
  EXPECT_EQ(PriceAt(series, UtcTime(1000))->value, Usd(10));
  EXPECT_EQ(PriceAt(series, UtcTime(1999))->value, Usd(10));
  EXPECT_EQ(PriceAt(series, UtcTime(2000))->value, Usd(20));
}

TEST(PriceAt, OfTwoPointsForOneMomentTheLaterInTheSeriesHolds) {
  PriceSeries series;
  AddPoint(1000, 10, 0, series);
  AddPoint(1000, 11, 0, series);
  EXPECT_EQ(PriceAt(series, UtcTime(1500))->value, Usd(11));
}

TEST(PriceAt, APointIsStaleFromItsAgeLimitOn) {
  PriceSeries series;
  AddPoint(1000, 10, 500, series);
  EXPECT_FALSE(PriceAt(series, UtcTime(1499))->stale);
  EXPECT_TRUE(PriceAt(series, UtcTime(1500))->stale);
  EXPECT_EQ(PriceAt(series, UtcTime(1500))->value, Usd(10));
}

TEST(PricesAt, ASitesOverheadIsOnePlusItsMarginalPart) {
  v1::Site site;
  AddPoint(0, 40'000'000, 0, *site.mutable_energy_price());
  AddPoint(0, 54'000'000, 0, *site.mutable_hashprice());
  site.set_overhead_marginal_ppm(250'000);
  const Prices prices = PricesAt(site, UtcTime(5));
  EXPECT_EQ(prices.energy_per_mwh, Usd(40'000'000));
  EXPECT_EQ(prices.hashprice_per_ph_day, Usd(54'000'000));
  EXPECT_EQ(prices.overhead, PartsPerMillion(1'250'000));
  EXPECT_FALSE(prices.stale);
}

TEST(PricesAt, AMissingOrStalePriceMakesAllOfThemStale) {
  v1::Site site;
  AddPoint(0, 40'000'000, 0, *site.mutable_energy_price());
  EXPECT_TRUE(PricesAt(site, UtcTime(5)).stale);
  AddPoint(0, 54'000'000, 10, *site.mutable_hashprice());
  EXPECT_FALSE(PricesAt(site, UtcTime(9)).stale);
  EXPECT_TRUE(PricesAt(site, UtcTime(10)).stale);
}

}  // namespace
}  // namespace switchyard::economics
