#include "scheduler/power/fill.h"

#include <gtest/gtest.h>

#include <vector>

namespace switchyard::power {
namespace {

const std::vector<Chain> kOneBudget = {{{0, kOne}}};

// A device with 1 kW and 3 kW points over 25 W off.
FillUnit Unit(uint32_t chain, int devices, int64_t low = 100, int64_t high = 50, uint64_t order = 0) {
  return {.chain = chain, .devices = devices, .off_watts = Watts(25), .steps = {{0, Watts(1000), low}, {1, Watts(3000), high}}, .order = order};
}

TEST(FillTest, WithoutWattsEverythingIsOffAndOffStillCounts) {
  for (const Power available : {Power(), Watts(250), -Watts(9999), Watts(1224)}) {
    const std::vector<FillTarget> targets = Fill({Unit(0, 10)}, kOneBudget, {available});
    EXPECT_EQ(targets[0].watts, Watts(250));
    EXPECT_EQ(targets[0].devices_at, (std::vector<int32_t>{0, 0}));
  }
  EXPECT_EQ(Fill({Unit(0, 10)}, kOneBudget, {Watts(1225)})[0].devices_at, (std::vector<int32_t>{1, 0}));
}

TEST(FillTest, AllDevicesReachTheLowPointBeforeOneReachesTheHigh) {
  const FillTarget target = Fill({Unit(0, 10)}, kOneBudget, {Watts(14'000)})[0];
  EXPECT_EQ(target.devices_at, (std::vector<int32_t>{8, 2}));
  EXPECT_EQ(target.watts, Watts(14'000));
}

TEST(FillTest, TheDearerWattGoesFirst) {
  const std::vector<FillTarget> targets = Fill({Unit(0, 10, 100, 50), Unit(0, 10, 200, 90)}, kOneBudget, {Watts(10'250)});
  EXPECT_EQ(targets[0].watts, Watts(250));
  EXPECT_EQ(targets[1].watts, Watts(10'000));
}

TEST(FillTest, EqualValuesGoByOrder) {
  const std::vector<FillTarget> targets = Fill({Unit(0, 10, 100, 50, 7), Unit(0, 10, 100, 50, 3)}, kOneBudget, {Watts(10'250)});
  EXPECT_EQ(targets[0].watts, Watts(250));
  EXPECT_EQ(targets[1].watts, Watts(10'000));
}

TEST(FillTest, AStepThatLosesMoneyIsNeverTaken) {
  EXPECT_EQ(Fill({Unit(0, 10, 100, -1)}, kOneBudget, {Watts(1'000'000)})[0].watts, Watts(10'000));
  EXPECT_EQ(Fill({Unit(0, 10, 0, -1)}, kOneBudget, {Watts(1'000'000)})[0].watts, Watts(250));
}

TEST(FillTest, TheTightestBudgetOfTheChainBinds) {
  const std::vector<Chain> chains = {{{0, kOne}, {1, kOne}}, {{0, kOne}}};
  const std::vector<FillTarget> targets = Fill({Unit(0, 10), Unit(1, 10, 90, 40)}, chains, {Watts(20'000), Watts(5125)});
  EXPECT_EQ(targets[0].watts, Watts(5125)) << "its feeder";
  EXPECT_EQ(targets[1].watts, Watts(14'000)) << "seven steps up from the low points out of what the meter has left";
}

TEST(FillTest, CoefficientsLoadABudgetByTheirProduct) {
  const std::vector<Chain> chains = {{{0, PartsPerMillion(1'250'000)}}};
  const FillTarget target = Fill({Unit(0, 4)}, chains, {Watts(5000)})[0];
  EXPECT_EQ(target.watts, Watts(4000));
  EXPECT_EQ(Fill({Unit(0, 4)}, chains, {Watts(5000) - Power(1)})[0].watts, Watts(3025));
}

TEST(FillTest, ABudgetThatTheUnitDoesNotLoadDoesNotBind) {
  const std::vector<Chain> chains = {{{0, kOne}, {1, PartsPerMillion(0)}}};
  EXPECT_EQ(Fill({Unit(0, 2)}, chains, {Watts(6000), -Watts(1)})[0].watts, Watts(6000));
}

}  // namespace
}  // namespace switchyard::power
