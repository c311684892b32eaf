#include "scheduler/power/ledger.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

namespace switchyard::power {
namespace {

constexpr MonoTime kStart(1000);

// A meter of 100 kW with 5 kW of base load over two feeders; chain 0 on the first, chain 1 on the second.
Ledger TwoFeeders() {
  return Ledger({{.cap = Watts(100'000), .base = Watts(5000), .fault_reserve = Power(), .overhead = {}, .overhead_lag = {}},
                 {.cap = Watts(60'000), .base = Power(), .fault_reserve = Watts(3000), .overhead = {}, .overhead_lag = {}},
                 {.cap = Watts(60'000), .base = Power(), .fault_reserve = Power(), .overhead = {}, .overhead_lag = {}}},
                {{{0, kOne}, {1, kOne}}, {{0, kOne}, {2, kOne}}});
}

TEST(LedgerTest, AChargeCountsInEveryBudgetOfItsChain) {
  Ledger ledger = TwoFeeders();
  ledger.Move(0, Power(), Watts(20'000), kStart);
  EXPECT_EQ(ledger.Sum(0), Watts(25'000)) << "base load included";
  EXPECT_EQ(ledger.Sum(1), Watts(20'000));
  EXPECT_EQ(ledger.Sum(2), Power());
  EXPECT_EQ(ledger.Headroom(0), Watts(75'000));
  EXPECT_EQ(ledger.Headroom(1), Watts(37'000)) << "the reserve is nobody's";
}

TEST(LedgerTest, FitsAsksEveryBudgetOfTheChain) {
  Ledger ledger = TwoFeeders();
  EXPECT_TRUE(ledger.Fits(0, Power(), Watts(57'000)));
  EXPECT_FALSE(ledger.Fits(0, Power(), Watts(57'001)));
  ledger.Move(1, Power(), Watts(60'000), kStart);
  EXPECT_TRUE(ledger.Fits(0, Power(), Watts(35'000)));
  EXPECT_FALSE(ledger.Fits(0, Power(), Watts(35'001))) << "the meter binds now";
}

TEST(LedgerTest, ALoweringFitsEvenAboveTheCap) {
  Ledger ledger = TwoFeeders();
  ledger.Move(0, Power(), Watts(70'000), kStart);
  EXPECT_TRUE(ledger.Overage(1));
  EXPECT_TRUE(ledger.Fits(0, Watts(70'000), Watts(65'000)));
  EXPECT_FALSE(ledger.Fits(0, Watts(70'000), Watts(70'001)));
  EXPECT_LT(ledger.Headroom(1), Power());
}

TEST(LedgerTest, OverageIsAboveTheCapNotAboveTheReserve) {
  Ledger ledger = TwoFeeders();
  ledger.Move(0, Power(), Watts(60'000), kStart);
  EXPECT_FALSE(ledger.Overage(1));
  EXPECT_LT(ledger.Headroom(1), Power());
  ledger.Move(0, Watts(60'000), Watts(60'000) + Power(1), kStart);
  EXPECT_TRUE(ledger.Overage(1));
}

TEST(LedgerTest, EarmarksTakeHeadroomAndAreNotInTheSum) {
  Ledger ledger = TwoFeeders();
  ledger.Earmark(0, Watts(10'000));
  EXPECT_EQ(ledger.Sum(0), Watts(5000));
  EXPECT_EQ(ledger.Headroom(0), Watts(85'000));
  ledger.Earmark(0, -Watts(10'000));
  EXPECT_EQ(ledger.Headroom(0), Watts(95'000));
}

TEST(LedgerTest, EachProductIsRoundedUpAndComesOffExactly) {
  Ledger ledger({{.cap = Watts(1000), .base = {}, .fault_reserve = {}, .overhead = {}, .overhead_lag = {}}}, {{{0, PartsPerMillion(333'333)}}});
  ledger.Move(0, Power(), Power(1), kStart);
  ledger.Move(0, Power(), Power(1), kStart);
  EXPECT_EQ(ledger.Charged(0), Power(2)) << "each of the two counts a whole milliwatt";
  ledger.Move(0, Power(1), Power(), kStart);
  ledger.Move(0, Power(1), Watts(7), kStart);
  ledger.Move(0, Watts(7), Power(), kStart);
  EXPECT_EQ(ledger.Charged(0), Power()) << "nothing is left behind";
}

TEST(LedgerTest, ReleasedOverheadReturnsAfterItsLag) {
  // 1.25 watts at the meter for each watt: of 1,250 W that come back 250 W are chillers that run on.
  Ledger ledger({{.cap = Watts(10'000), .base = {}, .fault_reserve = {}, .overhead = PartsPerMillion(250'000), .overhead_lag = Seconds(30)}},
                {{{0, PartsPerMillion(1'250'000)}}});
  ledger.Move(0, Power(), Watts(4000), kStart);
  EXPECT_EQ(ledger.Headroom(0), Watts(5000));
  EXPECT_EQ(ledger.NextOverheadRelease(), MonoTime::Never()) << "overhead that rises counts at once and holds nothing";
  ledger.Move(0, Watts(4000), Watts(3000), kStart);
  EXPECT_EQ(ledger.Sum(0), Watts(3750));
  EXPECT_GE(ledger.HeldOverhead(0), Watts(250));
  EXPECT_LE(ledger.HeldOverhead(0), Watts(250) + Power(2)) << "rounded up, never down";
  EXPECT_EQ(ledger.Headroom(0), Watts(6250) - ledger.HeldOverhead(0));
  EXPECT_EQ(ledger.NextOverheadRelease(), kStart + Seconds(30));
  EXPECT_FALSE(ledger.ReleaseOverhead(kStart + Milliseconds(29'999)));
  EXPECT_TRUE(ledger.ReleaseOverhead(kStart + Seconds(30)));
  EXPECT_EQ(ledger.HeldOverhead(0), Power());
  EXPECT_EQ(ledger.Headroom(0), Watts(6250));
}

TEST(LedgerTest, ReleasesOfSeveralMomentsReturnOneByOne) {
  Ledger ledger({{.cap = Watts(10'000), .base = {}, .fault_reserve = {}, .overhead = PartsPerMillion(1'000'000), .overhead_lag = Seconds(10)}},
                {{{0, PartsPerMillion(2'000'000)}}});
  ledger.Move(0, Power(), Watts(3000), kStart);
  ledger.Move(0, Watts(3000), Watts(2000), kStart);
  ledger.Move(0, Watts(2000), Watts(1000), kStart + Seconds(5));
  const Power both = ledger.HeldOverhead(0);
  ledger.ReleaseOverhead(kStart + Seconds(10));
  EXPECT_LT(ledger.HeldOverhead(0), both);
  EXPECT_GE(ledger.HeldOverhead(0), Watts(1000));
  EXPECT_EQ(ledger.NextOverheadRelease(), kStart + Seconds(15));
  ledger.ReleaseOverhead(kStart + Seconds(15));
  EXPECT_EQ(ledger.HeldOverhead(0), Power());
}

TEST(LedgerDeathTest, TakingOffWhatWasNeverChargedIsABug) {
  Ledger ledger = TwoFeeders();
  EXPECT_DEATH(ledger.Move(0, Watts(1), Power(), kStart), "charged");
  EXPECT_DEATH(ledger.Earmark(0, -Watts(1)), "earmarked");
}

TEST(LedgerTest, AnyOrderOfMovesLeavesTheSumOfWhatIsCharged) {
  Ledger ledger({{.cap = Watts(1'000'000), .base = {}, .fault_reserve = {}, .overhead = {}, .overhead_lag = {}},
                 {.cap = Watts(1'000'000), .base = {}, .fault_reserve = {}, .overhead = {}, .overhead_lag = {}}},
                {{{0, PartsPerMillion(1'250'001)}, {1, PartsPerMillion(333'333)}}, {{0, PartsPerMillion(1)}}});
  std::vector<Power> charges(20);
  uint64_t random = 7;
  for (int i = 0; i < 2000; ++i) {
    random = random * 6364136223846793005ULL + 1442695040888963407ULL;
    const size_t at = (random >> 33) % charges.size();
    const Power to(static_cast<int64_t>((random >> 40) % 1'000'003));
    ledger.Move(static_cast<uint32_t>(at % 2), charges[at], to, kStart);
    charges[at] = to;
  }
  Power first, second;
  for (size_t at = 0; at < charges.size(); ++at) {
    for (const Edge& edge : ledger.chain(static_cast<uint32_t>(at % 2))) (edge.budget == 0 ? first : second) += ScaleUp(charges[at], edge.coefficient);
  }
  EXPECT_EQ(ledger.Charged(0), first);
  EXPECT_EQ(ledger.Charged(1), second);
}

}  // namespace
}  // namespace switchyard::power
