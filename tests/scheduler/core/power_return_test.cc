// A feed that dies and comes back: what its devices kept counts before anybody has reported it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tests/support/cluster_builder.h"
#include "tests/support/core_harness.h"

namespace switchyard::testing {
namespace {

class PowerReturnTest : public ::testing::Test {
 protected:
  // Two racks on one feeder, one on the other; the cap holds two of three at full.
  PowerReturnTest() {
    builder_.Budget("a", v1::FEEDER, Watts(100'000)).Budget("b", v1::FEEDER, Watts(100'000));
    builder_.Rack("r1", "a").Rack("r2", "a").Rack("r3", "b");
    cluster_ = std::make_unique<CoreHarness>(builder_.configuration());
    cluster_->ConnectAll();
    job_ = cluster_->Submit(HashingJob());
    cluster_->Run(Seconds(2));
  }
  void LoseFeedA() {
    for (const char* rack : {"r1", "r2"}) cluster_->CutPower(rack);
    cluster_->Run(Seconds(10));
  }
  // The first word of its agent, and nothing after it yet.
  void Hello(const std::string& name) {
    FakeAgent& agent = cluster_->agent(name);
    agent.session = 1000 + agent.session;
    agent.connected = true;
    pb::Command hello;
    hello.mutable_hello()->set_session(agent.session);
    hello.mutable_hello()->set_node("site/" + name);
    *hello.mutable_hello()->mutable_hello() = agent.hello;
    cluster_->Batch({hello});
  }
  const core::Node& node(const std::string& name) const {
    return cluster_->state().nodes[cluster_->state().node_index.at("site/" + name)];
  }
  ClusterBuilder builder_;
  std::unique_ptr<CoreHarness> cluster_;
  uint64_t job_ = 0;
};

TEST_F(PowerReturnTest, WhatIsBehindTheFeedCountsItsLastSettingUntilItReports) {
  LoseFeedA();
  EXPECT_EQ(cluster_->sum("a"), Watts(2 * 750)) << "the leases have run out";
  for (const char* rack : {"r1", "r2"}) cluster_->ReturnPower(rack);
  Hello("r1");
  EXPECT_EQ(cluster_->sum("a"), Watts(2 * 30'500)) << "both stand where they stood, before either has reported";
  EXPECT_TRUE(cluster_->Happened("PowerReturned"));
  cluster_->Connect("r1");
  EXPECT_EQ(cluster_->sum("a"), Watts(30'500 + 750)) << "the first was told to stay at its fallback, and says so";
  EXPECT_FALSE(cluster_->state().budgets[0].blocked_by.empty()) << "nothing rises before the second has reported";
  cluster_->Run(Seconds(10));
  EXPECT_EQ(cluster_->sum("a"), Watts(30'500 + 750));
  cluster_->Connect("r2");
  cluster_->Run(Seconds(2));
  EXPECT_TRUE(cluster_->state().budgets[0].blocked_by.empty());
  EXPECT_EQ(cluster_->sum("a"), Watts(2 * 30'500));
}

TEST_F(PowerReturnTest, ASecondLossIsSeenByOneThatHadNotReportedSinceTheFirst) {
  LoseFeedA();
  for (const char* rack : {"r1", "r2"}) cluster_->ReturnPower(rack);
  cluster_->Connect("r1");  // r2 stays silent, and the feed dies again
  cluster_->Run(Seconds(2));
  LoseFeedA();
  ASSERT_TRUE(node("r1").expired);
  for (const char* rack : {"r1", "r2"}) cluster_->ReturnPower(rack);
  Hello("r2");
  EXPECT_TRUE(node("r1").repowered) << "the hello of r2 is news of its feed";
}

TEST_F(PowerReturnTest, TheOtherFeedIsLeftAlone) {
  LoseFeedA();
  cluster_->CutPower("r3");
  cluster_->Run(Seconds(10));
  cluster_->Connect("r3");  // its network was gone, not its power
  cluster_->Run(Seconds(1));
  for (const char* rack : {"r1", "r2"}) cluster_->ReturnPower(rack);
  cluster_->Connect("r1");
  EXPECT_FALSE(node("r3").repowered);
  EXPECT_TRUE(node("r2").repowered);
}

TEST_F(PowerReturnTest, ANodeThatRebootsAmongSpeakingOnesIsAloneWithIt) {
  cluster_->CutPower("r1");
  cluster_->Run(Seconds(10));
  cluster_->ReturnPower("r1");
  cluster_->Connect("r1");
  EXPECT_FALSE(node("r2").repowered);
}

TEST_F(PowerReturnTest, ALeaseDoesNotRunOutOnWhatHasNotReported) {
  LoseFeedA();
  for (const char* rack : {"r1", "r2"}) cluster_->ReturnPower(rack);
  cluster_->Connect("r1");
  cluster_->Run(Minutes(2));
  EXPECT_EQ(cluster_->sum("a"), Watts(30'500 + 750)) << "its breaker may be closed at any moment";
  ASSERT_TRUE(cluster_->Operator("r2", v1::NodeActionRequest::MARK_LOST).ok());
  cluster_->Run(Seconds(2));
  EXPECT_EQ(cluster_->sum("a"), Watts(30'500)) << "a lost node counts nothing, and the other may rise again";
  EXPECT_TRUE(cluster_->state().budgets[0].blocked_by.empty());
}

TEST_F(PowerReturnTest, TheSchedulersDeathForgetsNothingOfIt) {
  LoseFeedA();
  for (const char* rack : {"r1", "r2"}) cluster_->ReturnPower(rack);
  cluster_->Connect("r1");
  cluster_->Restart();
  for (const char* rack : {"r1", "r3"}) cluster_->Connect(rack);
  cluster_->Run(Minutes(1));
  EXPECT_EQ(cluster_->sum("a"), Watts(30'500 + 750));
  EXPECT_FALSE(cluster_->state().budgets[0].blocked_by.empty());
}

TEST_F(PowerReturnTest, ADeathBetweenExpiryAndReturnForgetsNothingEither) {
  LoseFeedA();
  cluster_->Restart();
  cluster_->Connect("r3");
  cluster_->Run(Seconds(10));
  for (const char* rack : {"r1", "r2"}) cluster_->ReturnPower(rack);
  Hello("r2");
  EXPECT_EQ(cluster_->sum("a"), Watts(2 * 30'500));
}

TEST_F(PowerReturnTest, ABlipShorterThanALeaseIsNotTakenForSilence) {
  for (const char* rack : {"r1", "r2"}) cluster_->CutPower(rack);
  cluster_->Run(Seconds(3));
  for (const char* rack : {"r1", "r2"}) cluster_->ReturnPower(rack);
  cluster_->Connect("r1");
  EXPECT_TRUE(node("r2").repowered) << "its timer began anew with its power: its lease does not run out by ours";
  cluster_->Run(Seconds(10));
  EXPECT_EQ(cluster_->sum("a"), Watts(2 * 30'500));
}

TEST_F(PowerReturnTest, WhoWasOnlyBetweenTwoHeartbeatsTakesItBackWithTheNext) {
  cluster_->Run(Seconds(1));
  // Its host starts anew within a heartbeat; the other rack has not spoken since either.
  cluster_->Disconnect("r1");
  cluster_->ReturnPower("r1");
  cluster_->Connect("r1");
  EXPECT_TRUE(node("r2").repowered);
  cluster_->Run(Seconds(2));
  EXPECT_FALSE(node("r2").repowered);
  EXPECT_TRUE(cluster_->state().budgets[0].blocked_by.empty());
  cluster_->agent("r2").silent = true;
  cluster_->Run(Seconds(10));
  EXPECT_TRUE(node("r2").expired) << "its lease runs out like any other";
}

TEST_F(PowerReturnTest, ALostNetworkIsNoLostPower) {
  for (const char* rack : {"r1", "r2"}) cluster_->agent(rack).silent = true;
  cluster_->Run(Seconds(10));
  cluster_->Connect("r1");
  EXPECT_FALSE(cluster_->Happened("PowerReturned"));
  EXPECT_EQ(node("r2").repowered, false);
  EXPECT_LE(cluster_->sum("a"), Watts(30'500 + 750));
}

}  // namespace
}  // namespace switchyard::testing
