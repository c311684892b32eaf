#include "agent/runtime/process/cpu_power.h"

#include <gtest/gtest.h>

namespace switchyard::agent::process {
namespace {

constexpr CpuPower kCore = {.idle = Watts(5), .max = Watts(15)};

TEST(CpuPowerTest, DutyIsTheShareOfTheRangeAboveIdle) {
  EXPECT_EQ(kCore.DutyFor(Watts(10), 1), 500);
  EXPECT_EQ(kCore.DutyFor(Watts(20), 2), 500);
  EXPECT_EQ(kCore.DutyFor(Watts(15), 1), kFullDuty);
  EXPECT_EQ(kCore.DutyFor(Watts(99), 1), kFullDuty);
}

TEST(CpuPowerTest, GrantOfNoMoreThanIdleAllowsNoDuty) {
  EXPECT_EQ(kCore.DutyFor(Watts(5), 1), 0);
  EXPECT_EQ(kCore.DutyFor(Power(), 1), 0);
  EXPECT_EQ(kCore.DutyFor(Watts(10), 0), 0);
}

TEST(CpuPowerTest, NoGrantIsEverExceededByItsDutysDraw) {
  for (int64_t milliwatts = 10'000; milliwatts <= 31'000; milliwatts += 7) {
    const Power grant = Milliwatts(milliwatts);
    EXPECT_LE(kCore.At(kCore.DutyFor(grant, 2), 2), grant) << milliwatts;
  }
}

TEST(CpuPowerTest, DeviceWithoutARangeDrawsItsIdleAlways) {
  constexpr CpuPower flat = {.idle = Watts(5), .max = Watts(5)};
  EXPECT_EQ(flat.DutyFor(Watts(4), 1), 0);
  EXPECT_EQ(flat.At(kFullDuty, 3), Watts(15));
}

TEST(CpuPowerTest, EnergyIsIdleOverTimePlusTheRangeOverBusyTime) {
  // Two cores for ten seconds, one of them busy throughout.
  EXPECT_EQ(kCore.Drawn(2, Seconds(10), 10'000'000), Energy(2 * 5 * 10'000 + 10 * 10'000));
}

}  // namespace
}  // namespace switchyard::agent::process
