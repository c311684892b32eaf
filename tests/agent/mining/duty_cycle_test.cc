#include "agent/mining/duty_cycle.h"

#include <gtest/gtest.h>

#include "agent/mining/backoff.h"
#include "agent/mining/small_file.h"

namespace switchyard::agent::mining {
namespace {

// Plays `micros` of a worker whose batches take `batch_us`, however little is allowed; returns the time hashed.
int64_t Play(DutyCycle& duty, int64_t& now, int64_t micros, int permille, int64_t batch_us) {
  int64_t hashed = 0;
  for (const int64_t end = now + micros; now < end;) {
    if (duty.HashFor(now, permille) > 0) {
      now += batch_us;
      duty.Spend(batch_us);
      hashed += batch_us;
    } else {
      const int64_t rest = duty.RestFor(now, permille);
      EXPECT_GT(rest, 0);
      now += rest;
    }
  }
  return hashed;
}

TEST(DutyCycleTest, NeverHashesAtZeroAndNeverRestsAtFull) {
  int64_t now = 5'000'000;
  DutyCycle duty(now);
  EXPECT_EQ(Play(duty, now, 1'000'000, 0, 2000), 0);
  EXPECT_GE(Play(duty, now, 1'000'000, 1000, 2000), 1'000'000);
}

TEST(DutyCycleTest, KeepsTheMeanWithinOneBatchWhateverTheBatch) {
  for (const int permille : {1, 10, 250, 333, 500, 900, 999}) {
    for (const int64_t batch_us : {100, 2000, 22'000, 170'000}) {
      int64_t now = 0;
      DutyCycle duty(now);
      const int64_t hashed = Play(duty, now, 100'000'000, permille, batch_us);
      EXPECT_LE(hashed, now / 1000 * permille + batch_us) << permille << " permille, batches of " << batch_us << " us";
      EXPECT_GE(hashed, now / 1000 * permille * 9 / 10 - batch_us - kDutyPeriodMicros)
          << permille << " permille, batches of " << batch_us << " us";
    }
  }
}

TEST(DutyCycleTest, NeverMakesUpForTimeThatWasNotUsed) {
  DutyCycle duty(0);
  EXPECT_EQ(duty.HashFor(10'000'000, 300), 30'000);  // after ten idle seconds still one period's share
}

TEST(DutyCycleTest, ObeysALowerDutyWithinThePeriod) {
  DutyCycle duty(0);
  EXPECT_EQ(duty.HashFor(0, 800), 80'000);
  duty.Spend(30'000);
  EXPECT_EQ(duty.HashFor(30'000, 200), 0);
  EXPECT_EQ(duty.HashFor(30'000, 0), 0);
}

TEST(BackoffTest, DoublesUpToItsBoundWithJitterAndStartsAnewAfterASuccess) {
  Backoff backoff(100, 1000, 7);
  int64_t step = 100;
  for (int i = 0; i < 10; ++i) {
    const int64_t wait = backoff.NextMs();
    EXPECT_GE(wait, step / 2);
    EXPECT_LE(wait, step);
    step = std::min<int64_t>(step * 2, 1000);
  }
  backoff.Reset();
  EXPECT_LE(backoff.NextMs(), 100);
  EXPECT_NE(Backoff(1000, 1000, 1).NextMs(), Backoff(1000, 1000, 2).NextMs());
}

TEST(DutyFileTest, TakesOnlyAnIntegerWithinBounds) {
  EXPECT_EQ(ParseDuty("0"), 0);
  EXPECT_EQ(ParseDuty(" 1000\n"), 1000);
  EXPECT_EQ(ParseDuty("333"), 333);
  for (const char* text : {"", "\n", "-1", "1001", "50%", "0.5", "5 5", "+5", "0x10"})
    EXPECT_EQ(ParseDuty(text), std::nullopt) << text;
}

TEST(SmallFileTest, ReplacesAFileWholeAndRefusesALongOne) {
  const std::string path = testing::TempDir() + "/small_file_test";
  ASSERT_TRUE(ReplaceFile(path, "first").ok());
  ASSERT_TRUE(ReplaceFile(path, "2").ok());
  EXPECT_EQ(ReadSmallFile(path, 1).value(), "2");
  ASSERT_TRUE(ReplaceFile(path, "22").ok());
  EXPECT_FALSE(ReadSmallFile(path, 1).ok());
  EXPECT_FALSE(ReadSmallFile(path + ".missing", 1).ok());
}

}  // namespace
}  // namespace switchyard::agent::mining
