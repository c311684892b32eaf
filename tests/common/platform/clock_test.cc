#include "common/platform/clock.h"

#include "gtest/gtest.h"

namespace switchyard::platform {
namespace {

TEST(ClockTest, TheSystemClockStartsAtZeroAndNeverStepsBack) {
  const SystemClock clock;
  MonoTime last = clock.Mono();
  EXPECT_GE(last, MonoTime(0));
  for (int i = 0; i < 1000; ++i) {
    const MonoTime now = clock.Mono();
    EXPECT_GE(now, last);
    last = now;
  }
}

TEST(ClockTest, APointCanBeHandedToAnotherProcessOfTheSameBoot) {
  const SystemClock clock;
  const MonoTime point = clock.Mono() + Seconds(30);
  EXPECT_EQ(clock.FromBootMilliseconds(clock.BootMilliseconds(point)), point);
  EXPECT_GT(clock.BootMilliseconds(point), BootTimeMilliseconds());
}

TEST(ClockTest, AManualClockMovesBothTimesWhenItIsTold) {
  ManualClock clock(MonoTime(5), UtcTime(1000));
  clock.Advance(Seconds(2));
  EXPECT_EQ(clock.Mono(), MonoTime(2005));
  EXPECT_EQ(clock.Utc(), UtcTime(3000));
}

}  // namespace
}  // namespace switchyard::platform
