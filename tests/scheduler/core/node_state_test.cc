// The life of a node: configured, scanning, ready, cordoned, draining, unreachable, lost; and one that flaps.
#include <gtest/gtest.h>

#include "scheduler/core/sessions.h"
#include "tests/support/cluster_builder.h"
#include "tests/support/core_harness.h"

namespace switchyard::testing {
namespace {

using Action = v1::NodeActionRequest;

class NodeStateTest : public ::testing::Test {
 protected:
  NodeStateTest() : cluster_(builder_.Server("s1").Server("s2").configuration()) { cluster_.Connect("s2"); }
  v1::NodeState State() const { return core::StateOf(cluster_.state().nodes[0]); }
  bool TakesWork() const { return core::Available(cluster_.state(), cluster_.state().nodes[0], cluster_.now()); }

  ClusterBuilder builder_;
  CoreHarness cluster_;
};

TEST_F(NodeStateTest, WalksThroughItsLife) {
  EXPECT_EQ(State(), v1::CONFIGURED);
  FakeAgent& agent = cluster_.AnyAgent("s1");
  cluster_.Connect("s1");
  EXPECT_EQ(State(), v1::READY);
  EXPECT_TRUE(TakesWork());
  pb::Command scan = cluster_.NextReport("s1");
  scan.mutable_report()->mutable_report()->set_scanning(true);
  cluster_.Batch({scan});
  EXPECT_EQ(State(), v1::SCANNING);
  EXPECT_FALSE(TakesWork());
  cluster_.Tell("s1");
  EXPECT_EQ(State(), v1::READY);
  ASSERT_TRUE(cluster_.Operator("s1", Action::CORDON).ok());
  EXPECT_EQ(State(), v1::CORDONED);
  ASSERT_TRUE(cluster_.Operator("s1", Action::DRAIN).ok());
  EXPECT_EQ(State(), v1::DRAINING);
  ASSERT_TRUE(cluster_.Operator("s1", Action::UNDRAIN).ok());
  ASSERT_TRUE(cluster_.Operator("s1", Action::UNCORDON).ok());
  EXPECT_EQ(State(), v1::READY);
  cluster_.Run(Seconds(1));
  agent.silent = true;
  cluster_.Run(Seconds(10));
  EXPECT_EQ(State(), v1::UNREACHABLE);
  cluster_.Disconnect("s1");
  ASSERT_TRUE(cluster_.Operator("s1", Action::MARK_LOST).ok());
  EXPECT_EQ(State(), v1::LOST);
  EXPECT_EQ(cluster_.sum("meter"), Watts(1800)) << "only the other one counts";
  cluster_.Connect("s1");
  cluster_.Run(Seconds(1));
  EXPECT_EQ(State(), v1::READY) << "a machine that comes back is found again";
  EXPECT_EQ(cluster_.sum("meter"), Watts(3600));
}

TEST_F(NodeStateTest, ANodeThatSpeaksIsNotLost) {
  cluster_.Connect("s1");
  EXPECT_EQ(cluster_.Operator("s1", Action::MARK_LOST).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(State(), v1::READY);
}

TEST_F(NodeStateTest, AnUnknownNodeIsNotFound) {
  EXPECT_EQ(cluster_.Operator("s9", Action::CORDON).code(), absl::StatusCode::kNotFound);
}

TEST_F(NodeStateTest, OneThatFlapsTakesNothingNewForAWhile) {
  for (int i = 0; i < 3; ++i) {
    cluster_.Connect("s1");
    cluster_.Run(Seconds(5));
    cluster_.Disconnect("s1");
  }
  cluster_.Connect("s1");
  EXPECT_TRUE(cluster_.Happened("NodeFlapping"));
  EXPECT_EQ(State(), v1::READY);
  EXPECT_FALSE(TakesWork());
  const uint64_t job = cluster_.Submit(TrainingJob("train", 2, 8));
  cluster_.Run(Seconds(100));
  EXPECT_EQ(cluster_.state_of(job), v1::PENDING);
  cluster_.Run(Seconds(30));
  EXPECT_EQ(cluster_.state_of(job), v1::RUNNING) << "without anything else that happens";
}

TEST_F(NodeStateTest, LostSessionsFarApartAreNoFlapping) {
  for (int i = 0; i < 4; ++i) {
    cluster_.Connect("s1");
    cluster_.Run(Minutes(3));
    cluster_.Disconnect("s1");
  }
  cluster_.Connect("s1");
  EXPECT_FALSE(cluster_.Happened("NodeFlapping"));
  EXPECT_TRUE(TakesWork());
}

TEST_F(NodeStateTest, WordsOfTheOperatorSurviveTheSchedulersDeath) {
  cluster_.Connect("s1");
  ASSERT_TRUE(cluster_.Operator("s1", Action::CORDON).ok());
  cluster_.Restart();
  cluster_.Connect("s1");
  EXPECT_EQ(State(), v1::CORDONED);
}

TEST_F(NodeStateTest, ATokenIsUsedOnceAndWithinItsTime) {
  pb::Command make, use;
  make.mutable_create_token()->set_node("site/s1");
  make.mutable_create_token()->set_sha256("hash");
  make.mutable_create_token()->set_expires_utc_ms(1'700'000'000'000 + Hours(1).count());
  ASSERT_TRUE(cluster_.Send(make).ok());
  use.mutable_use_token()->set_node("site/s1");
  use.mutable_use_token()->set_sha256("other");
  EXPECT_EQ(cluster_.Send(use).code(), absl::StatusCode::kPermissionDenied);
  use.mutable_use_token()->set_sha256("hash");
  EXPECT_TRUE(cluster_.Send(use).ok());
  EXPECT_EQ(cluster_.Send(use).code(), absl::StatusCode::kPermissionDenied) << "used";
  ASSERT_TRUE(cluster_.Send(make).ok());
  cluster_.Run(Hours(1));
  EXPECT_EQ(cluster_.Send(use).code(), absl::StatusCode::kPermissionDenied) << "expired";
}

}  // namespace
}  // namespace switchyard::testing
