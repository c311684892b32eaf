#include "scheduler/economics/account.h"

#include "gtest/gtest.h"

namespace switchyard::economics {
namespace {

constexpr Prices kPrices{
    .energy_per_mwh = Usd(40'000'000), .hashprice_per_ph_day = Usd(54'000'000), .overhead = PartsPerMillion(1'250'000)};

TEST(AccountFor, AMegawattHourCostsItsPriceTimesTheOverhead) {
  const Account account = AccountFor({.run = Hours(1), .energy = EnergyOver(Watts(1'000'000), Hours(1))}, kPrices);
  EXPECT_EQ(account.cost, Usd(50'000'000));
  EXPECT_EQ(account.revenue, Usd(0));
}

TEST(AccountFor, APetahashForADayEarnsTheHashprice) {
  const int64_t gigahashes = GigahashesOver(HashRate(1'000'000), Hours(24));
  EXPECT_EQ(AccountFor({.run = Hours(24), .energy = Energy(0), .gigahashes = gigahashes}, kPrices).revenue,
            Usd(54'000'000));
}

TEST(AccountFor, RoundsCostUpAndRevenueDown) {
  const Account account = AccountFor({.run = Milliseconds(1), .energy = Energy(1), .gigahashes = 1}, kPrices);
  EXPECT_EQ(account.cost, Usd(1));     // 0.0000139 uUSD of energy
  EXPECT_EQ(account.revenue, Usd(0));  // 0.000625 uUSD of hashes
}

TEST(AccountFor, EnergyThatIsPaidForTakingGivesANegativeCost) {
  Prices prices = kPrices;
  prices.energy_per_mwh = Usd(-8'000'000);
  EXPECT_EQ(AccountFor({.run = Hours(1), .energy = EnergyOver(Watts(1'000'000), Hours(1))}, prices).cost,
            Usd(-10'000'000));
}

TEST(AccountFor, CarriesWhatWasUsed) {
  const Account account =
      AccountFor({.run = Seconds(2), .energy = Energy(7), .gpu_ms = 1000, .gigahashes = 3}, kPrices);
  EXPECT_EQ(account.run, Seconds(2));
  EXPECT_EQ(account.energy, Energy(7));
  EXPECT_EQ(account.gpu_ms, 1000);
  EXPECT_EQ(account.gigahashes, 3);
}

TEST(AccountFor, AnHourOfAHundredMegawattsAndFiveExahashesStaysInRange) {
  const Account account = AccountFor({.run = Hours(1),
                                      .energy = EnergyOver(Watts(100'000'000), Hours(1)),
                                      .gigahashes = GigahashesOver(HashRate(5'000'000'000), Hours(1))},
                                     kPrices);
  EXPECT_EQ(account.cost, Usd(5'000'000'000));
  EXPECT_EQ(account.revenue, Usd(11'250'000'000));  // 5,000 PH/s x 54 USD / 24
}

}  // namespace
}  // namespace switchyard::economics
