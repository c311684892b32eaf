// Plans whose tasks prepare while the watts are still yielding (docs/protocol.md, "Plan").
#include <gtest/gtest.h>
#include <memory>
#include <string>

#include "scheduler/core/plans.h"
#include "tests/support/cluster_builder.h"
#include "tests/support/core_harness.h"

namespace switchyard::testing {
namespace {

constexpr Power kIdle = Watts(8 * 100);
constexpr Power kGrant = Watts(8 * 700);

// Two racks fill a cap of 40 kW and draw on, whatever they are ordered; a server of 8 GPUs wants 4.8 kW more than it
// draws idle.
class PrepareTest : public ::testing::Test {
 protected:
  PrepareTest() {
    builder_.MeterCap(Watts(40'000)).Rack("r1").Rack("r2").Server("s1");
    builder_.timing().set_prepare_timeout_ms(40'000);
  }
  void Start() {
    cluster_ = std::make_unique<CoreHarness>(builder_.configuration());
    cluster_->ConnectAll();
    hashing_ = cluster_->Submit(HashingJob());
    cluster_->Run(Seconds(3));
    DrawOn(true);
  }
  void DrawOn(bool on) { cluster_->agent("r1").slow_to_settle = cluster_->agent("r2").slow_to_settle = on; }
  std::string LastClosed() const {
    std::string last;
    for (const std::string& event : cluster_->events())
      if (event.rfind("PlanClosed", 0) == 0) last = event;
    return last;
  }
  void ExpectNothingReserved() const {
    EXPECT_TRUE(cluster_->state().plans.empty());
    for (uint32_t b = 0; b < cluster_->state().ledger.budgets(); ++b)
      EXPECT_EQ(cluster_->state().ledger.Earmarked(b), Power());
  }
  ClusterBuilder builder_;
  std::unique_ptr<CoreHarness> cluster_;
  uint64_t hashing_ = 0;
};

TEST_F(PrepareTest, TasksPrepareAtIdleWhileTheWattsAreStillYielding) {
  Start();
  const Power before = cluster_->sum("meter");
  const uint64_t job = cluster_->Submit(TrainingJob("train", 1, 8));
  cluster_->Run(Seconds(5));
  ASSERT_EQ(cluster_->state_of(job), v1::PREPARING);
  const core::Allocation& task = *cluster_->allocations_of(job).at(0);
  EXPECT_EQ(task.phase, v1::PREPARE);
  EXPECT_EQ(task.reported, v1::TASK_PREPARED);
  EXPECT_EQ(task.bound.value(), kIdle);
  EXPECT_EQ(cluster_->sum("meter"), before) << "idle devices counted idle before";
  ASSERT_EQ(cluster_->state().plans.size(), 1u);
  DrawOn(false);
  cluster_->Run(Seconds(1));
  EXPECT_EQ(cluster_->state_of(job), v1::RUNNING);
  EXPECT_EQ(cluster_->grant(job), kGrant);
  EXPECT_LE(cluster_->sum("meter"), Watts(40'000));
  ExpectNothingReserved();
}

TEST_F(PrepareTest, NothingRunsBeforeTheGrantIsWhole) {
  Start();
  const uint64_t job = cluster_->Submit(TrainingJob("train", 1, 8));
  cluster_->Run(Seconds(1));
  DrawOn(false);
  cluster_->Run(Seconds(2));
  ASSERT_EQ(cluster_->state_of(job), v1::RUNNING);
  for (const core::NodeOrder& order : cluster_->sent()) {
    for (const v1::DesiredAllocation& upsert : order.upserts) {
      if (upsert.job() != job) continue;
      EXPECT_EQ(upsert.grant_mw(), upsert.phase() == v1::RUN ? kGrant.count() : kIdle.count()) << order.revision;
    }
  }
}

TEST_F(PrepareTest, PreparingWaitsForWhatPreparingTakes) {
  builder_.Device("gpu").set_prepare_mw(Watts(300).count());
  Start();
  ASSERT_LT(cluster_->headroom("meter"), Watts(8 * 300));
  const uint64_t job = cluster_->Submit(TrainingJob("train", 1, 8));
  cluster_->Run(Seconds(5));
  EXPECT_EQ(cluster_->state_of(job), v1::PENDING);
  EXPECT_TRUE(cluster_->allocations_of(job).empty());
  cluster_->agent("s1").holds_prepare = true;
  DrawOn(false);
  cluster_->Run(Seconds(2));
  ASSERT_EQ(cluster_->state_of(job), v1::PREPARING);
  EXPECT_EQ(cluster_->bound(job), Watts(8 * 400));
  cluster_->agent("s1").holds_prepare = false;
  cluster_->Run(Seconds(2));
  EXPECT_EQ(cluster_->state_of(job), v1::RUNNING);
  EXPECT_EQ(cluster_->bound(job), kGrant);
}

TEST_F(PrepareTest, APlanThatTimesOutWhilePreparingEndsTheAttemptAndCountsNoFailure) {
  Start();
  v1::JobSpec spec = TrainingJob("train", 1, 8);
  spec.set_max_retries(0);
  const uint64_t job = cluster_->Submit(spec);
  const Power before = cluster_->sum("meter");
  cluster_->Run(Seconds(14));
  EXPECT_NE(LastClosed().find("timed out: budget \"site/meter\" lacks"), std::string::npos) << LastClosed();
  EXPECT_EQ(cluster_->job(job).row.job().failures(), 0);
  EXPECT_EQ(cluster_->job(job).row.plan_backoffs(), 1);
  EXPECT_EQ(cluster_->sum("meter"), before);
  DrawOn(false);
  cluster_->Run(Seconds(30));
  EXPECT_EQ(cluster_->state_of(job), v1::RUNNING);
  EXPECT_EQ(cluster_->job(job).row.plan_backoffs(), 0) << "the next start begins its back-offs anew";
  ExpectNothingReserved();
}

TEST_F(PrepareTest, AFullPlanWaitsForItsTasksAsLongAsTheyMayPrepare) {
  Start();
  DrawOn(false);
  cluster_->agent("s1").holds_prepare = true;
  const uint64_t job = cluster_->Submit(TrainingJob("train", 1, 8));
  cluster_->Run(Seconds(35));
  EXPECT_EQ(cluster_->state_of(job), v1::PREPARING) << "confirm_timeout is long over, prepare_timeout is not";
  ASSERT_EQ(cluster_->state().plans.size(), 1u);
  cluster_->Run(Seconds(6));
  EXPECT_EQ(cluster_->job(job).row.job().attempt(), 2);
  EXPECT_EQ(cluster_->job(job).row.job().failures(), 0);
  cluster_->agent("s1").holds_prepare = false;
  cluster_->Run(Seconds(60));
  EXPECT_EQ(cluster_->state_of(job), v1::RUNNING);
  ExpectNothingReserved();
}

TEST_F(PrepareTest, CancellingWhatPreparesReturnsEverything) {
  Start();
  const Power before = cluster_->sum("meter");
  const uint64_t job = cluster_->Submit(TrainingJob("train", 1, 8));
  cluster_->Run(Seconds(2));
  ASSERT_EQ(cluster_->state_of(job), v1::PREPARING);
  ASSERT_TRUE(cluster_->Cancel(job).ok());
  cluster_->Settle();
  EXPECT_EQ(cluster_->state_of(job), v1::CANCELLED);
  EXPECT_EQ(cluster_->sum("meter"), before);
  ExpectNothingReserved();
}

TEST_F(PrepareTest, AHigherPriorityTakesTheDevicesAndTheWattsOfWhatPrepares) {
  Start();
  const uint64_t low = cluster_->Submit(TrainingJob("low", 1, 8, 100));
  cluster_->Run(Seconds(2));
  ASSERT_EQ(cluster_->state_of(low), v1::PREPARING);
  const uint64_t high = cluster_->Submit(TrainingJob("high", 1, 8, 900));
  cluster_->Run(Seconds(2));
  EXPECT_EQ(cluster_->state_of(high), v1::PREPARING);
  EXPECT_EQ(cluster_->state_of(low), v1::PENDING);
  EXPECT_EQ(cluster_->job(low).row.job().requeues(), 1);
  EXPECT_EQ(cluster_->state().plans.size(), 1u) << "the plan of the lower priority has gone";
  DrawOn(false);
  cluster_->Run(Seconds(2));
  EXPECT_EQ(cluster_->state_of(high), v1::RUNNING);
}

TEST_F(PrepareTest, WhatPreparesGoesOnPreparingAfterARestart) {
  Start();
  const uint64_t job = cluster_->Submit(TrainingJob("train", 1, 8));
  cluster_->Run(Seconds(2));
  ASSERT_EQ(cluster_->state_of(job), v1::PREPARING);
  cluster_->Restart();
  ASSERT_EQ(cluster_->state().plans.size(), 1u);
  EXPECT_EQ(core::PreparingTasks(cluster_->state(), cluster_->state().plans.begin()->second).size(), 1u);
  EXPECT_EQ(core::PreparedTasks(cluster_->state(), cluster_->state().plans.begin()->second), 0)
      << "its node has not spoken in this term";
  DrawOn(false);
  for (const char* node : {"r1", "r2"}) cluster_->Connect(node);
  cluster_->Settle();
  EXPECT_EQ(cluster_->state_of(job), v1::PREPARING) << "its latest report is of another term";
  cluster_->Connect("s1");
  cluster_->Run(Seconds(2));
  EXPECT_EQ(cluster_->state_of(job), v1::RUNNING);
  EXPECT_EQ(cluster_->job(job).row.job().attempt(), 1);
}

TEST_F(PrepareTest, AMemberLostWhilePreparingEndsTheAttemptAndThePlan) {
  builder_.Server("s2");
  builder_.timing().set_member_timeout_ms(8'000);
  Start();
  const uint64_t job = cluster_->Submit(TrainingJob("train", 2, 8));
  cluster_->Run(Seconds(2));
  ASSERT_EQ(cluster_->state_of(job), v1::PREPARING);
  cluster_->agent("s2").silent = true;
  cluster_->Run(Seconds(10));
  EXPECT_NE(cluster_->state_of(job), v1::PREPARING);
  EXPECT_TRUE(cluster_->agent("s1").tasks.empty()) << "the reachable member was stopped and forgotten";
  ExpectNothingReserved();
}

TEST_F(PrepareTest, AFallenCapEndsTheYoungestThatPrepares) {
  builder_.MeterCap(Watts(42'000)).Server("s2");
  Start();
  const uint64_t first = cluster_->Submit(TrainingJob("first", 1, 8));
  const uint64_t second = cluster_->Submit(TrainingJob("second", 1, 8));
  cluster_->Run(Seconds(1));
  ASSERT_EQ(cluster_->state_of(first), v1::PREPARING);
  ASSERT_EQ(cluster_->state_of(second), v1::PREPARING);
  builder_.MeterCap(Watts(12'000));
  ASSERT_TRUE(cluster_->Load(builder_.configuration()).ok());
  cluster_->Settle();
  EXPECT_EQ(cluster_->state_of(first), v1::PREPARING);
  EXPECT_EQ(cluster_->state_of(second), v1::PENDING);
  ASSERT_EQ(cluster_->state().plans.size(), 1u);
  EXPECT_EQ(cluster_->state().plans.begin()->second.row.job(), first);
}

TEST_F(PrepareTest, AReloadThatChangesTheDevicesEndsWhatWasPlannedWithThem) {
  Start();
  const uint64_t job = cluster_->Submit(TrainingJob("train", 1, 8));
  cluster_->Run(Seconds(1));
  ASSERT_EQ(cluster_->state_of(job), v1::PREPARING);
  builder_.Device("gpu").set_max_mw(Watts(650).count());
  builder_.Device("gpu").set_transient_mw(Watts(650).count());
  ASSERT_TRUE(cluster_->Load(builder_.configuration()).ok());
  EXPECT_NE(LastClosed().find("the configuration was reloaded"), std::string::npos) << LastClosed();
  DrawOn(false);
  cluster_->Run(Seconds(3));
  EXPECT_EQ(cluster_->state_of(job), v1::RUNNING);
  EXPECT_EQ(cluster_->grant(job), Watts(8 * 650));
}

TEST_F(PrepareTest, ReplicasOfAServicePrepareBesideEachOther) {
  Start();
  const uint64_t job = cluster_->Submit(ServiceJob("serve", 3, 2));
  cluster_->Run(Seconds(2));
  EXPECT_EQ(cluster_->state().plans.size(), 3u);
  EXPECT_EQ(cluster_->allocations_of(job).size(), 3u);
  EXPECT_EQ(cluster_->bound(job), Watts(6 * 100));
  DrawOn(false);
  cluster_->Run(Seconds(2));
  EXPECT_EQ(cluster_->state_of(job), v1::RUNNING);
  EXPECT_EQ(cluster_->grant(job), Watts(6 * 700));
  ExpectNothingReserved();
}

TEST_F(PrepareTest, AReplicaWhosePlanTimesOutLeavesTheOthersRunning) {
  Start();
  DrawOn(false);
  const uint64_t job = cluster_->Submit(ServiceJob("serve", 2, 4));
  cluster_->agent("s1").holds_prepare = true;
  cluster_->Run(Seconds(1));
  const std::vector<const core::Allocation*> tasks = cluster_->allocations_of(job);
  ASSERT_EQ(tasks.size(), 2u);
  // The first replica is let go, the second never gets ready.
  cluster_->agent("s1").tasks.at(tasks[0]->id).phase = v1::TASK_PREPARED;
  const uint64_t first = tasks[0]->id;
  cluster_->Tell("s1");
  EXPECT_EQ(cluster_->state().allocations.at(first).phase, v1::RUN);
  cluster_->Run(Seconds(45));
  ASSERT_TRUE(cluster_->state().allocations.contains(first));
  EXPECT_EQ(cluster_->state().allocations.at(first).phase, v1::RUN);
  EXPECT_EQ(cluster_->state_of(job), v1::RUNNING);
  EXPECT_EQ(cluster_->job(job).row.job().failures(), 0);
  EXPECT_NE(LastClosed().find("is not prepared"), std::string::npos) << LastClosed();
}

TEST_F(PrepareTest, TheQuotaCountsAPlannedTaskOnceWhileItPrepares) {
  builder_.Tenant("team").set_quota_mw(Watts(6'000).count());
  Start();
  const uint64_t first = cluster_->Submit(ServiceJob("first", 1, 4));
  cluster_->Run(Seconds(1));
  ASSERT_EQ(cluster_->state_of(first), v1::PREPARING);
  const uint64_t second = cluster_->Submit(ServiceJob("second", 1, 4));
  cluster_->Run(Seconds(1));
  EXPECT_EQ(cluster_->state_of(second), v1::PREPARING)
      << "2 x 2.8 kW are inside 6 kW; " << cluster_->job(second).pending.text();
}

}  // namespace
}  // namespace switchyard::testing
