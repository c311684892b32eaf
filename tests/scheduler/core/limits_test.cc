// Wall time, retries, and how often a job makes way.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/cluster_builder.h"
#include "tests/support/core_harness.h"

namespace switchyard::testing {
namespace {

class LimitsTest : public ::testing::Test {
 protected:
  LimitsTest() : cluster_(builder_.Server("s1").configuration()) { cluster_.ConnectAll(); }
  uint64_t Run(v1::JobSpec spec) {
    const uint64_t job = cluster_.Submit(spec);
    cluster_.Settle();
    return job;
  }
  ClusterBuilder builder_;
  CoreHarness cluster_;
};

TEST_F(LimitsTest, AJobFailsWhenItsWallTimeIsOver) {
  v1::JobSpec spec = TrainingJob("train", 1, 1);
  spec.set_wall_time_ms(60'000);
  const uint64_t job = Run(spec);
  cluster_.Run(Seconds(59));
  EXPECT_EQ(cluster_.state_of(job), v1::RUNNING);
  cluster_.Run(Seconds(2));
  EXPECT_EQ(cluster_.state_of(job), v1::FAILED);
  EXPECT_EQ(cluster_.job(job).row.job().reason(), "wall time is over");
  EXPECT_TRUE(cluster_.allocations_of(job).empty());
}

TEST_F(LimitsTest, WallTimeGoesOnOverTheSchedulersDeath) {
  v1::JobSpec spec = TrainingJob("train", 1, 1);
  spec.set_wall_time_ms(60'000);
  const uint64_t job = Run(spec);
  cluster_.Run(Seconds(40));
  cluster_.Restart();
  cluster_.Connect("s1");
  cluster_.Run(Seconds(15));
  EXPECT_EQ(cluster_.state_of(job), v1::RUNNING);
  cluster_.Run(Seconds(10));
  EXPECT_EQ(cluster_.state_of(job), v1::FAILED);
}

TEST_F(LimitsTest, RetriesCountAttemptsThatFailed) {
  v1::JobSpec spec = TrainingJob("train", 1, 1);
  spec.set_max_retries(2);
  const uint64_t job = Run(spec);
  for (int i = 0; i < 2; ++i) {
    cluster_.Exit(job, 1);
    cluster_.Run(Seconds(10));
    ASSERT_EQ(cluster_.state_of(job), v1::RUNNING) << i;
  }
  cluster_.Exit(job, 1);
  EXPECT_EQ(cluster_.state_of(job), v1::FAILED);
  EXPECT_EQ(cluster_.job(job).row.job().attempt(), 3);
}

TEST_F(LimitsTest, APreemptionIsNoFailure) {
  v1::JobSpec spec = TrainingJob("low", 1, 8, 1);
  spec.set_max_retries(0);
  const uint64_t low = Run(spec);
  const uint64_t high = Run(TrainingJob("high", 1, 8, 900));
  cluster_.Run(Seconds(2));
  ASSERT_EQ(cluster_.state_of(high), v1::RUNNING);
  EXPECT_EQ(cluster_.state_of(low), v1::PENDING);
  EXPECT_EQ(cluster_.job(low).row.job().failures(), 0);
  cluster_.Exit(high, 0);
  cluster_.Run(Seconds(2));
  EXPECT_EQ(cluster_.state_of(low), v1::RUNNING);
}

TEST_F(LimitsTest, AJobMakesWayOnlySoOften) {
  v1::JobSpec spec = TrainingJob("low", 1, 8, 1);
  spec.set_max_requeues(1);
  const uint64_t low = Run(spec);
  const uint64_t first = Run(TrainingJob("first", 1, 8, 900));
  cluster_.Run(Seconds(2));
  ASSERT_EQ(cluster_.state_of(first), v1::RUNNING);
  cluster_.Exit(first, 0);
  cluster_.Run(Seconds(2));
  ASSERT_EQ(cluster_.state_of(low), v1::RUNNING);
  const uint64_t second = Run(TrainingJob("second", 1, 8, 900));
  cluster_.Run(Seconds(10));
  EXPECT_EQ(cluster_.state_of(low), v1::RUNNING) << "it made way once";
  EXPECT_EQ(cluster_.state_of(second), v1::PENDING);
}

TEST_F(LimitsTest, AJobThatIsNotPreemptibleStays) {
  v1::JobSpec spec = TrainingJob("low", 1, 8, 1);
  spec.set_not_preemptible(true);
  const uint64_t low = Run(spec);
  Run(TrainingJob("high", 1, 8, 900));
  cluster_.Run(Seconds(10));
  EXPECT_EQ(cluster_.state_of(low), v1::RUNNING);
}

TEST_F(LimitsTest, AJobRunsItsMinimumBeforeItMakesWay) {
  v1::JobSpec spec = TrainingJob("low", 1, 8, 1);
  spec.set_min_run_ms(60'000);
  const uint64_t low = Run(spec);
  const uint64_t high = Run(TrainingJob("high", 1, 8, 900));
  cluster_.Run(Seconds(59));
  EXPECT_EQ(cluster_.state_of(low), v1::RUNNING);
  cluster_.Run(Seconds(2));
  EXPECT_EQ(cluster_.state_of(high), v1::RUNNING) << "though nothing else happened";
}

TEST_F(LimitsTest, EqualPriorityDoesNotPreempt) {
  const uint64_t first = Run(TrainingJob("first", 1, 8, 100));
  Run(TrainingJob("second", 1, 8, 100));
  cluster_.Run(Seconds(10));
  EXPECT_EQ(cluster_.state_of(first), v1::RUNNING);
}

TEST_F(LimitsTest, AGangThatIsNotPreparedInTimeBacksOffAndTriesAgain) {
  cluster_.agent("s1").holds_prepare = true;
  const uint64_t job = Run(TrainingJob("train", 1, 8));
  cluster_.Run(Seconds(59));
  EXPECT_EQ(cluster_.state_of(job), v1::PREPARING);
  cluster_.Run(Seconds(2));
  EXPECT_NE(cluster_.state_of(job), v1::RUNNING);
  cluster_.agent("s1").holds_prepare = false;
  cluster_.Run(Seconds(10));
  EXPECT_EQ(cluster_.state_of(job), v1::RUNNING);
  EXPECT_EQ(cluster_.job(job).row.job().failures(), 0);
}

}  // namespace
}  // namespace switchyard::testing
