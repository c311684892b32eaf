#include <gtest/gtest.h>
#include <memory>

#include "tests/support/cluster_builder.h"
#include "tests/support/core_harness.h"

namespace switchyard::testing {
namespace {

// Two racks fill a cap of 40 kW; a server of 8 GPUs wants 4.8 kW more than it draws idle.
class YieldTest : public ::testing::Test {
 protected:
  YieldTest() {
    builder_.MeterCap(Watts(40'000)).Rack("r1").Rack("r2").Server("s1");
    cluster_ = std::make_unique<CoreHarness>(builder_.configuration());
    cluster_->ConnectAll();
    hashing_ = cluster_->Submit(HashingJob());
    cluster_->Run(Seconds(3));
  }
  ClusterBuilder builder_;
  std::unique_ptr<CoreHarness> cluster_;
  uint64_t hashing_ = 0;
};

TEST_F(YieldTest, HashingGivesUpWattsAndTheGangStarts) {
  const Power before = cluster_->grant(hashing_);
  const uint64_t job = cluster_->Submit(TrainingJob("train", 1, 8));
  cluster_->Settle();
  EXPECT_EQ(cluster_->state_of(job), v1::RUNNING);
  EXPECT_LT(cluster_->grant(hashing_), before);
  EXPECT_LE(cluster_->sum("meter"), Watts(40'000));
  EXPECT_TRUE(cluster_->Happened("PlanOpened"));
  cluster_->Exit(job, 0);
  cluster_->Run(Seconds(3));
  EXPECT_EQ(cluster_->grant(hashing_), before) << "hashing takes every watt back";
}

TEST_F(YieldTest, NothingRisesBeforeTheDropIsConfirmed) {
  cluster_->agent("r1").slow_to_settle = cluster_->agent("r2").slow_to_settle = true;
  const uint64_t job = cluster_->Submit(TrainingJob("train", 1, 8));
  cluster_->Run(Seconds(5));
  EXPECT_EQ(cluster_->state_of(job), v1::PREPARING);
  EXPECT_EQ(cluster_->bound(job), Watts(800)) << "what its devices drew before";
  cluster_->agent("r1").slow_to_settle = cluster_->agent("r2").slow_to_settle = false;
  cluster_->Run(Seconds(1));
  EXPECT_EQ(cluster_->state_of(job), v1::RUNNING);
}

TEST_F(YieldTest, APlanThatTimesOutReturnsItsEarmarksAndIsMadeAnew) {
  cluster_->agent("r1").slow_to_settle = cluster_->agent("r2").slow_to_settle = true;
  const uint64_t job = cluster_->Submit(TrainingJob("train", 1, 8));
  cluster_->Run(Seconds(30));
  EXPECT_TRUE(cluster_->Happened("PlanClosed"));
  cluster_->agent("r1").slow_to_settle = cluster_->agent("r2").slow_to_settle = false;
  cluster_->Run(Seconds(30));
  EXPECT_EQ(cluster_->state_of(job), v1::RUNNING);
  EXPECT_TRUE(cluster_->state().plans.empty());
}

TEST_F(YieldTest, AnOpenPlanGoesOnAfterARestart) {
  cluster_->agent("r1").slow_to_settle = cluster_->agent("r2").slow_to_settle = true;
  const uint64_t job = cluster_->Submit(TrainingJob("train", 1, 8));
  cluster_->Settle();
  ASSERT_EQ(cluster_->state().plans.size(), 1u);
  cluster_->Restart();
  ASSERT_EQ(cluster_->state().plans.size(), 1u);
  cluster_->agent("r1").slow_to_settle = cluster_->agent("r2").slow_to_settle = false;
  for (const char* node : {"r1", "r2", "s1"}) cluster_->Connect(node);
  cluster_->Run(Seconds(2));
  EXPECT_EQ(cluster_->state_of(job), v1::RUNNING);
}

TEST_F(YieldTest, NoWattIsInTwoPlans) {
  cluster_->agent("r1").slow_to_settle = cluster_->agent("r2").slow_to_settle = true;
  const uint64_t first = cluster_->Submit(TrainingJob("first", 1, 4));
  const uint64_t second = cluster_->Submit(TrainingJob("second", 1, 4));
  cluster_->Settle();
  EXPECT_EQ(cluster_->state().plans.size(), 2u);
  cluster_->agent("r1").slow_to_settle = cluster_->agent("r2").slow_to_settle = false;
  cluster_->Run(Seconds(1));
  EXPECT_EQ(cluster_->state_of(first), v1::RUNNING);
  EXPECT_EQ(cluster_->state_of(second), v1::RUNNING);
  EXPECT_LE(cluster_->sum("meter"), Watts(40'000));
}

TEST_F(YieldTest, ALoweredCapShedsWhatHashingCannotGive) {
  const uint64_t job = cluster_->Submit(TrainingJob("train", 1, 8));
  cluster_->Settle();
  ASSERT_EQ(cluster_->state_of(job), v1::RUNNING);
  builder_.MeterCap(Watts(5'000));
  ASSERT_TRUE(cluster_->Load(builder_.configuration()).ok());
  cluster_->Run(Seconds(10));
  EXPECT_EQ(cluster_->state_of(job), v1::PENDING);
  EXPECT_LE(cluster_->sum("meter"), Watts(5'000));
}

TEST(YieldDevicesTest, HashingOnTheVeryCoresIsEndedBeforeTheGangPrepares) {
  ClusterBuilder builder;
  builder.Box("b1").Box("b2");
  CoreHarness cluster(builder.configuration());
  cluster.ConnectAll();
  const uint64_t hashing = cluster.Submit(HashingJob());
  cluster.Run(Seconds(2));
  ASSERT_EQ(cluster.grant(hashing), Watts(200));
  v1::JobSpec spec = TrainingJob("train", 2, 0);
  spec.mutable_groups(0)->mutable_resources()->set_cpu_devices(4);
  const uint64_t job = cluster.Submit(spec);
  cluster.Settle();
  EXPECT_EQ(cluster.state_of(job), v1::RUNNING);
  EXPECT_EQ(cluster.grant(hashing), Power());
  cluster.Exit(job, 0);
  cluster.Run(Seconds(2));
  EXPECT_EQ(cluster.grant(hashing), Watts(200));
}

}  // namespace
}  // namespace switchyard::testing
