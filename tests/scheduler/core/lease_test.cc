#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>

#include "tests/support/cluster_builder.h"
#include "tests/support/core_harness.h"

namespace switchyard::testing {
namespace {

TEST(LeaseTest, ExpiryUnderADeviceEnforcerReleasesHashing) {
  ClusterBuilder builder;
  builder.Rack("r1").Rack("r2");
  CoreHarness cluster(builder.configuration());
  cluster.ConnectAll();
  cluster.Submit(HashingJob());
  cluster.Run(Seconds(3));
  cluster.agent("r1").silent = true;
  cluster.Run(Seconds(4));
  EXPECT_EQ(cluster.sum("meter"), Watts(61'000)) << "nothing is free before the lease and its drift have run out";
  cluster.Run(Seconds(5));
  EXPECT_EQ(cluster.sum("meter"), Watts(30'000 + 250 + 1000));
  EXPECT_TRUE(cluster.Happened("LeaseExpired"));
  cluster.agent("r1").silent = false;
  cluster.Connect("r1");
  cluster.Run(Seconds(3));
  EXPECT_EQ(cluster.sum("meter"), Watts(61'000));
}

TEST(LeaseTest, ExpiryUnderAnAgentEnforcerReleasesNothingAndBlocksRaises) {
  ClusterBuilder builder;
  builder.MeterCap(Watts(50'000)).Rack("r1").Rack("r2");
  builder.Device("asic").set_enforcer(v1::ENFORCER_AGENT);
  CoreHarness cluster(builder.configuration());
  cluster.ConnectAll();
  cluster.Submit(HashingJob());
  cluster.Run(Seconds(3));
  const Power before = cluster.sum("meter");
  cluster.agent("r1").silent = true;
  cluster.Run(Seconds(20));
  EXPECT_EQ(cluster.sum("meter"), before);
  pb::Command why;
  why.mutable_query()->mutable_why()->set_budget("site/meter");
  pb::CommandResult result;
  ASSERT_TRUE(cluster.Send(why, &result).ok());
  ASSERT_EQ(result.why().entries_size(), 1);
  EXPECT_THAT(result.why().entries(0).blocked_by(0), ::testing::HasSubstr("site/r1"));
  ASSERT_TRUE(cluster.Operator("r1", v1::NodeActionRequest::MARK_LOST).ok());
  cluster.Run(Seconds(3));
  EXPECT_EQ(cluster.sum("meter"), Watts(500 + 30'000)) << "a lost node counts nothing";
}

// ---- fallback ----

class FallbackTest : public ::testing::Test {
 protected:
  // Each of the ten devices of a rack goes on at 1 kW when its lease has run out.
  FallbackTest() {
    builder_.Rack("r1").Rack("r2");
    builder_.Device("asic").set_fallback_mw(1'000'000);
  }
  CoreHarness& Start() {
    cluster_ = std::make_unique<CoreHarness>(builder_.configuration());
    cluster_->ConnectAll();
    job_ = cluster_->Submit(HashingJob());
    cluster_->Run(Seconds(3));
    return *cluster_;
  }
  const core::Allocation& On(const std::string& node) const {
    for (const core::Allocation* allocation : cluster_->allocations_of(job_)) {
      if (cluster_->state().nodes[allocation->node].id == "site/" + node) return *allocation;
    }
    ADD_FAILURE() << node << " does not hash";
    return *cluster_->allocations_of(job_).front();
  }
  ClusterBuilder builder_;
  std::unique_ptr<CoreHarness> cluster_;
  uint64_t job_ = 0;
};

TEST_F(FallbackTest, AnExpiryLeavesExactlyTheFallbackReserved) {
  CoreHarness& cluster = Start();
  EXPECT_EQ(cluster.agent("r1").tasks.begin()->second.order.fallback_mw(), 1'000'000);
  cluster.agent("r1").silent = true;
  cluster.Run(Seconds(10));
  EXPECT_TRUE(cluster.Happened("LeaseExpired"));
  EXPECT_EQ(cluster.sum("meter"), Watts(30'500 + 10'500));
  EXPECT_EQ(On("r1").bound.value(), Watts(10'000));
  EXPECT_EQ(On("r1").bound.grant(), Watts(10'000)) << "that is its order, when it comes back";
  EXPECT_EQ(cluster.agent("r1").tasks.begin()->second.draw, Watts(10'000));
  cluster.Restart();
  cluster.Connect("r2");
  cluster.Run(Seconds(10));
  EXPECT_EQ(cluster.sum("meter"), Watts(30'500 + 10'500)) << "it is in the row";
  cluster.Connect("r1");
  cluster.Run(Seconds(3));
  EXPECT_EQ(cluster.sum("meter"), Watts(61'000));
}

TEST_F(FallbackTest, AGrantBelowItsFallbackStaysWhereItIs) {
  builder_.MeterCap(Watts(1'500 + 4'000));  // for four of twenty devices at 1 kW, where each may go on at 1 kW
  CoreHarness& cluster = Start();
  const Power before = cluster.sum("meter");
  const Power granted = cluster.grant(job_);
  ASSERT_GT(granted, Watts(4'000));
  for (const char* rack : {"r1", "r2"}) cluster.agent(rack).silent = true;
  cluster.Run(Seconds(10));
  EXPECT_EQ(cluster.grant(job_), granted);
  EXPECT_EQ(cluster.bound(job_), granted) << "a fallback raises nothing";
  EXPECT_EQ(cluster.sum("meter"), before);
}

TEST_F(FallbackTest, ALoweringThatDidNotArriveIsNotTakenForTheFallback) {
  CoreHarness& cluster = Start();
  cluster.agent("r1").silent = true;
  // Ordered to 3 kW at most, and never heard of it: its devices fall from where they are to their fallback.
  builder_.MeterCap(Watts(1'000 + 6'000));
  ASSERT_TRUE(cluster.Load(builder_.configuration()).ok());
  cluster.Settle();
  ASSERT_LT(On("r1").bound.grant(), Watts(10'000));
  cluster.Run(Seconds(10));
  EXPECT_EQ(cluster.agent("r1").tasks.begin()->second.draw, Watts(10'000));
  EXPECT_EQ(On("r1").bound.value(), Watts(10'000)) << "not what was ordered, but what it may still draw";
}

TEST_F(FallbackTest, WhatRunsKeepsTheFallbackThatItStartedWith) {
  CoreHarness& cluster = Start();
  builder_.Device("asic").set_fallback_mw(0);
  ASSERT_TRUE(cluster.Load(builder_.configuration()).ok());
  cluster.agent("r1").silent = true;
  cluster.Run(Seconds(10));
  EXPECT_EQ(On("r1").bound.value(), Watts(10'000)) << "its devices were told 1 kW, whatever the file says now";
}

TEST(LeaseTest, HashingThatNobodyReachesGivesNothingWhenACapFalls) {
  ClusterBuilder builder;
  builder.Rack("r1").Server("s1");
  builder.Device("asic").set_enforcer(v1::ENFORCER_AGENT);
  CoreHarness cluster(builder.configuration());
  cluster.ConnectAll();
  cluster.Submit(HashingJob());
  const uint64_t train = cluster.Submit(TrainingJob("train", 1, 8));
  cluster.Run(Seconds(3));
  ASSERT_EQ(cluster.sum("meter"), Watts(30'500 + 6'600));
  cluster.agent("r1").silent = true;
  cluster.Run(Seconds(20));
  ASSERT_EQ(cluster.state_of(train), v1::RUNNING);
  builder.MeterCap(Watts(33'000));
  ASSERT_TRUE(cluster.Load(builder.configuration()).ok());
  cluster.Run(Seconds(10));
  EXPECT_EQ(cluster.state_of(train), v1::PENDING) << "the miners cannot be lowered: the AI must make room";
  EXPECT_LE(cluster.sum("meter"), Watts(33'000));
}

TEST(LeaseTest, ARefusedLoweringIsNotRenewed) {
  ClusterBuilder builder;
  builder.Rack("r1").Rack("r2");
  CoreHarness cluster(builder.configuration());
  cluster.ConnectAll();
  cluster.Submit(HashingJob());
  cluster.Run(Seconds(3));
  cluster.agent("r1").ignores_lowering = true;
  builder.MeterCap(Watts(20'000));
  ASSERT_TRUE(cluster.Load(builder.configuration()).ok());
  cluster.Run(Seconds(30));
  EXPECT_LT(cluster.agent("r1").renewed, cluster.agent("r1").heartbeat);
  EXPECT_TRUE(cluster.Happened("LeaseExpired"));
  EXPECT_LE(cluster.sum("meter"), Watts(20'000)) << "silence and refusal end alike";
}

TEST(LeaseTest, OtherHardwareIsRefusedUntilTheOperatorSaysReplace) {
  ClusterBuilder builder;
  builder.Server("s1");
  CoreHarness cluster(builder.configuration());
  cluster.ConnectAll();
  cluster.Disconnect("s1");
  cluster.agent("s1").hello.set_hardware_id("another machine");
  cluster.Connect("s1");
  EXPECT_THAT(cluster.agent("s1").refusal, ::testing::HasSubstr("node replace"));
  ASSERT_TRUE(cluster.Operator("s1", v1::NodeActionRequest::REPLACE).ok());
  cluster.agent("s1").refusal.clear();
  cluster.Connect("s1");
  EXPECT_EQ(cluster.agent("s1").refusal, "");
}

TEST(LeaseTest, AnAiOrphanCountsAndWaitsForAWord) {
  ClusterBuilder builder;
  builder.Server("s1");
  CoreHarness cluster(builder.configuration());
  cluster.ConnectAll();
  FakeTask orphan;
  orphan.unknown = true;
  orphan.phase = v1::TASK_RUNNING;
  orphan.draw = Watts(1400);
  orphan.order.set_allocation(999);
  orphan.order.set_epoch(1);
  orphan.order.set_job(77);
  orphan.order.set_kind(v1::TRAINING);
  orphan.order.set_group("gpu");
  orphan.order.add_devices("s1-gpu-0");
  orphan.order.add_devices("s1-gpu-1");
  const Power before = cluster.sum("meter");
  cluster.agent("s1").tasks[999] = orphan;
  cluster.Tell("s1");
  EXPECT_TRUE(cluster.Happened("OrphanFound"));
  EXPECT_EQ(cluster.sum("meter"), before - Watts(200) + Watts(1400));
  const uint64_t job = cluster.Submit(TrainingJob("train", 1, 8));
  cluster.Settle();
  EXPECT_EQ(cluster.state_of(job), v1::PENDING) << "its devices are not free";
  pb::Command stop;
  stop.mutable_orphan_action()->set_allocation(999);
  stop.mutable_orphan_action()->set_action(v1::OrphanActionRequest::STOP);
  stop.mutable_orphan_action()->set_idempotency_key("stop");
  cluster.agent("s1").tasks[999].unknown = false;
  ASSERT_TRUE(cluster.Send(stop).ok());
  cluster.Settle();
  EXPECT_TRUE(cluster.Happened("OrphanGone"));
  EXPECT_EQ(cluster.state_of(job), v1::RUNNING);
}

}  // namespace
}  // namespace switchyard::testing
