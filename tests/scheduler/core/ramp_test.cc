// The ramp of hashing: what rises within any minute, what is never held back, and what a restart knows.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tests/support/cluster_builder.h"
#include "tests/support/core_harness.h"

namespace switchyard::testing {
namespace {

class RampTest : public ::testing::Test {
 protected:
  // Two racks of 30 kW; 500 W of platform and 250 W of idle devices each.
  RampTest() { builder_.Rack("r1").Rack("r2").Server("s1"); }
  void Ramp(Power ramp) { builder_.configuration().mutable_sites(0)->mutable_budgets(0)->set_ramp_up_mw(ramp.count()); }
  CoreHarness& Start() {
    cluster_ = std::make_unique<CoreHarness>(builder_.configuration());
    cluster_->ConnectAll();
    return *cluster_;
  }
  ClusterBuilder builder_;
  std::unique_ptr<CoreHarness> cluster_;
};

TEST_F(RampTest, HashingRisesByAtMostItsRampAMinute) {
  Ramp(Watts(20'000));
  CoreHarness& cluster = Start();
  const uint64_t job = cluster.Submit(HashingJob());
  cluster.Run(Seconds(59));
  EXPECT_EQ(cluster.grant(job), Power()) << "the minute before the term is not known: it counts as spent";
  Power before;
  Power most;
  for (int minute = 1; minute <= 4; ++minute) {
    cluster.Run(Seconds(60));
    most = std::max(most, cluster.grant(job) - before);
    EXPECT_LE(cluster.grant(job) - before, Watts(20'000 + 500)) << "a ramp and what idle devices draw anyway";
    before = cluster.grant(job);
  }
  EXPECT_GE(most, Watts(18'000)) << "the loss is at most one device step";
  EXPECT_EQ(cluster.grant(job), Watts(60'000)) << "the rest comes as time passes";
}

TEST_F(RampTest, WithoutARampEverythingRisesAtOnce) {
  CoreHarness& cluster = Start();
  const uint64_t job = cluster.Submit(HashingJob());
  cluster.Settle();
  EXPECT_EQ(cluster.grant(job), Watts(60'000));
}

TEST_F(RampTest, NeverDelaysALoweringAndGivesNothingBackForOne) {
  Ramp(Watts(40'000));
  CoreHarness& cluster = Start();
  const uint64_t job = cluster.Submit(HashingJob());
  cluster.Run(Seconds(61));
  ASSERT_GT(cluster.grant(job), Watts(35'000));
  builder_.MeterCap(Watts(12'000));
  ASSERT_TRUE(cluster.Load(builder_.configuration()).ok());
  cluster.Settle();
  EXPECT_LE(cluster.sum("meter"), Watts(12'000)) << "a fallen cap waits for no minute";
  const Power low = cluster.grant(job);
  builder_.MeterCap(Watts(1'000'000));
  ASSERT_TRUE(cluster.Load(builder_.configuration()).ok());
  cluster.Run(Seconds(30));
  EXPECT_LE(cluster.grant(job), low + Watts(2'500)) << "only what was left of the minute";
  cluster.Run(Seconds(60));
  EXPECT_GT(cluster.grant(job), Watts(40'000));
}

TEST_F(RampTest, DoesNotHinderAFirmStart) {
  Ramp(Watts(3'000));
  CoreHarness& cluster = Start();
  cluster.Submit(HashingJob());
  const uint64_t train = cluster.Submit(TrainingJob("train", 1, 8));
  cluster.Settle();
  EXPECT_EQ(cluster.state_of(train), v1::RUNNING);
}

TEST_F(RampTest, AFleetThatReturnsFromAnExpiryComesBackByItsRamp) {
  Ramp(Watts(20'000));
  CoreHarness& cluster = Start();
  const uint64_t job = cluster.Submit(HashingJob());
  cluster.Run(Minutes(5));
  ASSERT_EQ(cluster.grant(job), Watts(60'000));
  for (const char* rack : {"r1", "r2"}) cluster.agent(rack).silent = true;
  cluster.Run(Seconds(10));
  ASSERT_EQ(cluster.grant(job), Watts(500));
  for (const char* rack : {"r1", "r2"}) cluster.Connect(rack);
  cluster.Run(Seconds(5));
  EXPECT_GT(cluster.grant(job), Watts(15'000));
  EXPECT_LE(cluster.grant(job), Watts(20'500));
  cluster.Run(Minutes(4));
  EXPECT_EQ(cluster.grant(job), Watts(60'000));
}

TEST_F(RampTest, ARestartBeginsWithNothingLeft) {
  Ramp(Watts(20'000));
  CoreHarness& cluster = Start();
  const uint64_t job = cluster.Submit(HashingJob());
  cluster.Run(Seconds(61));
  const Power before = cluster.grant(job);
  ASSERT_GT(before, Watts(15'000));
  cluster.Restart();
  for (const char* node : {"r1", "r2", "s1"}) cluster.Connect(node);
  cluster.Run(Seconds(59));
  EXPECT_EQ(cluster.grant(job), before);
  cluster.Run(Seconds(3));
  EXPECT_GT(cluster.grant(job), before);
}

TEST_F(RampTest, ARampThatIsNewCountsAsSpentAndIsNamed) {
  CoreHarness& cluster = Start();
  Ramp(Watts(20'000));
  ASSERT_TRUE(cluster.Load(builder_.configuration()).ok());
  const uint64_t job = cluster.Submit(HashingJob());
  cluster.Run(Seconds(10));
  EXPECT_EQ(cluster.grant(job), Power());
  pb::Command why;
  why.mutable_query()->mutable_why()->set_budget("site/meter");
  pb::CommandResult result;
  ASSERT_TRUE(cluster.Send(why, &result).ok());
  ASSERT_EQ(result.why().entries(0).blocked_by_size(), 1);
  EXPECT_THAT(result.why().entries(0).blocked_by(0), ::testing::HasSubstr("ramp"));
}

}  // namespace
}  // namespace switchyard::testing
