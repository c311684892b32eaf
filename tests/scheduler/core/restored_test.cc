// A backup that is older than what happened since: nothing is built upon it before the machines have spoken.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/support/cluster_builder.h"
#include "tests/support/core_harness.h"

namespace switchyard::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class RestoredTest : public ::testing::Test {
 protected:
  std::vector<std::string> Blocks(CoreHarness& cluster, const std::string& budget = "meter") {
    pb::Command why;
    why.mutable_query()->mutable_why()->set_budget("site/" + budget);
    pb::CommandResult result;
    EXPECT_TRUE(cluster.Send(why, &result).ok());
    std::vector<std::string> lines;
    for (const std::string& line : result.why().entries(0).blocked_by()) lines.push_back(line);
    return lines;
  }

  // The highest grant that was sent to a node since the order number `from`.
  static int64_t HighestSent(const CoreHarness& cluster, const std::string& node, size_t from) {
    int64_t highest = -1;
    for (size_t i = from; i < cluster.sent().size(); ++i) {
      if (cluster.sent()[i].node != "site/" + node) continue;
      for (const v1::DesiredAllocation& order : cluster.sent()[i].upserts) {
        if (order.phase() != v1::STOP) highest = std::max(highest, order.grant_mw());
      }
    }
    return highest;
  }

  // A session that has reported nothing yet.
  static void SayHello(CoreHarness& cluster, const std::string& node) {
    FakeAgent& agent = cluster.agent(node);
    agent.session = 999;
    agent.connected = true;
    agent.takes_sets = false;
    agent.sequence = 0;
    pb::Command hello;
    hello.mutable_hello()->set_session(agent.session);
    hello.mutable_hello()->set_node("site/" + node);
    *hello.mutable_hello()->mutable_hello() = agent.hello;
    cluster.Batch({hello});
  }

  ClusterBuilder builder_;
};

TEST_F(RestoredTest, ARestartOnItsOwnRowsBlocksNothingAtOnce) {
  builder_.Rack("r1");
  CoreHarness cluster(builder_.configuration());
  cluster.ConnectAll();
  cluster.Restart();
  EXPECT_THAT(Blocks(cluster), IsEmpty());
  EXPECT_FALSE(cluster.Happened("StoreRestored"));
}

TEST_F(RestoredTest, NothingRisesBeneathANodeThatHasNotSpokenToTheRestoredStore) {
  builder_.Rack("r1").Rack("r2");
  CoreHarness cluster(builder_.configuration());
  cluster.ConnectAll();
  const CoreHarness::Rows backup = cluster.Backup();
  cluster.RestoreBackup(backup);
  EXPECT_THAT(Blocks(cluster), SizeIs(2)) << "at once, not after three heartbeats";
  cluster.Connect("r1");
  cluster.Submit(HashingJob());
  cluster.Run(Seconds(30));
  EXPECT_THAT(Blocks(cluster), ::testing::ElementsAre(HasSubstr("site/r2: has not said to the restored store")));
  EXPECT_EQ(cluster.sum("meter"), Watts(2 * 500 + 2 * 250)) << "r1 could hash, beneath the same meter as r2";
  cluster.Connect("r2");
  cluster.Run(Seconds(2));
  EXPECT_THAT(Blocks(cluster), IsEmpty());
  EXPECT_TRUE(cluster.Happened("RestoreEnded"));
  EXPECT_EQ(cluster.sum("meter"), Watts(61'000));
}

TEST_F(RestoredTest, WhatANodeDrawsCountsBeforeItHasASetOfTheRestoredStore) {
  builder_.MeterCap(Watts(20'000)).Rack("r1");
  CoreHarness cluster(builder_.configuration());
  cluster.ConnectAll();
  const uint64_t hash = cluster.Submit(HashingJob());
  cluster.Run(Seconds(2));
  const CoreHarness::Rows backup = cluster.Backup();
  const Power known = cluster.bound(hash);
  builder_.MeterCap(Watts(40'000));
  ASSERT_TRUE(cluster.Load(builder_.configuration()).ok());
  cluster.Run(Seconds(2));
  ASSERT_EQ(cluster.bound(hash), Watts(30'000));
  cluster.RestoreBackup(backup);
  ASSERT_EQ(cluster.bound(hash), known);
  cluster.Connect("r1");  // reports at revision 0, and has carried out nothing of this store yet
  EXPECT_EQ(cluster.bound(hash), Watts(30'000));
  EXPECT_EQ(cluster.grant(hash), known) << "a lowering: it goes out with the first set";
  cluster.Run(Seconds(2));
  EXPECT_EQ(cluster.bound(hash), known);
}

TEST_F(RestoredTest, AGrantThatWasWithdrawnAfterTheCopyIsNotSentAgain) {
  builder_.MeterCap(Watts(40'000)).Rack("r1").Rack("r2");
  CoreHarness cluster(builder_.configuration());
  cluster.ConnectAll();
  const uint64_t hash = cluster.Submit(HashingJob());
  cluster.Run(Seconds(2));
  const CoreHarness::Rows backup = cluster.Backup();
  const Power before = cluster.grant(hash);
  builder_.MeterCap(Watts(15'000));
  ASSERT_TRUE(cluster.Load(builder_.configuration()).ok());
  cluster.Run(Seconds(2));
  const Power drawn = cluster.agent("r1").tasks.begin()->second.draw;
  ASSERT_LT(cluster.grant(hash), before);
  cluster.RestoreBackup(backup);
  const size_t from = cluster.sent().size();  // what stands before is held back, for nobody is connected
  EXPECT_FALSE(cluster.agent("r1").takes_sets);
  cluster.Connect("r1");
  cluster.Run(Minutes(2));
  EXPECT_LE(HighestSent(cluster, "r1", from), drawn.count());
  EXPECT_EQ(cluster.agent("r1").tasks.begin()->second.draw, drawn) << "r2 has not spoken yet";
}

TEST_F(RestoredTest, ASetIsHeldBackWhileTheMachineScans) {
  builder_.Rack("r1");
  CoreHarness cluster(builder_.configuration());
  cluster.ConnectAll();
  cluster.RestoreBackup(cluster.Backup());
  const FakeAgent& agent = cluster.agent("r1");
  SayHello(cluster, "r1");
  EXPECT_FALSE(agent.takes_sets);
  pb::Command scanning = cluster.NextReport("r1");
  scanning.mutable_report()->mutable_report()->set_scanning(true);
  cluster.Batch({scanning});
  EXPECT_FALSE(agent.takes_sets);
  pb::Command heartbeat;
  heartbeat.mutable_heartbeat()->set_session(agent.session);
  heartbeat.mutable_heartbeat()->set_node("site/r1");
  heartbeat.mutable_heartbeat()->mutable_heartbeat()->set_sequence(77);
  cluster.Batch({heartbeat});
  EXPECT_EQ(agent.renewed, 77u) << "renewals go on";
  cluster.Tell("r1");
  EXPECT_TRUE(agent.takes_sets);
  EXPECT_THAT(Blocks(cluster), SizeIs(1)) << "it has spoken of no set of this store yet";
  cluster.Settle();
  EXPECT_THAT(Blocks(cluster), IsEmpty());
}

TEST_F(RestoredTest, AGangThatDidNotRunYetIsPlacedAnewAndHasNotFailed) {
  builder_.Server("s1").Server("s2");
  CoreHarness cluster(builder_.configuration());
  cluster.ConnectAll();
  cluster.agent("s1").holds_prepare = true;
  v1::JobSpec spec = TrainingJob("train", 2, 8);
  spec.set_max_retries(0);
  const uint64_t train = cluster.Submit(spec);
  cluster.Run(Seconds(1));
  ASSERT_EQ(cluster.state_of(train), v1::PREPARING);
  cluster.RestoreBackup(cluster.Backup());
  cluster.agent("s1").holds_prepare = false;
  cluster.Connect("s1");
  cluster.Run(Seconds(5));
  EXPECT_NE(cluster.state_of(train), v1::RUNNING) << "s2 has not spoken yet";
  cluster.Connect("s2");
  cluster.Run(Seconds(5));
  EXPECT_EQ(cluster.state_of(train), v1::RUNNING);
  EXPECT_EQ(cluster.job(train).row.job().failures(), 0);
}

TEST_F(RestoredTest, ANodeWithoutAClaimCountsItsDevicesNameplate) {
  builder_.MeterCap(Watts(20'000)).Rack("r1");
  CoreHarness cluster(builder_.configuration());
  cluster.ConnectAll();
  const uint64_t hash = cluster.Submit(HashingJob());
  cluster.Run(Seconds(2));
  cluster.RestoreBackup(cluster.Backup());
  SayHello(cluster, "r1");
  pb::Command report = cluster.NextReport("r1");
  report.mutable_report()->mutable_report()->mutable_allocations(0)->set_confirmed_mw(-1);
  cluster.Batch({report});
  EXPECT_EQ(cluster.bound(hash), Watts(30'000));
  EXPECT_EQ(cluster.grant(hash), Watts(250)) << "what does not say what it draws is granted nothing";
}

TEST_F(RestoredTest, ANodeThatIsNewsToTheRestoredStoreIsWaitedForToo) {
  builder_.Rack("r1");
  CoreHarness cluster(builder_.configuration());
  cluster.ConnectAll();
  cluster.RestoreBackup(cluster.Backup());
  builder_.Rack("r2");
  ASSERT_TRUE(cluster.Load(builder_.configuration()).ok());
  cluster.Connect("r1");
  cluster.Settle();
  EXPECT_THAT(Blocks(cluster), ::testing::ElementsAre(HasSubstr("site/r2: has not said to the restored store")));
}

TEST_F(RestoredTest, UnallocatedDevicesThatKeptAHigherSettingCount) {
  builder_.Rack("r1");
  CoreHarness cluster(builder_.configuration());
  cluster.ConnectAll();
  ASSERT_EQ(cluster.sum("meter"), Watts(750));
  cluster.RestoreBackup(cluster.Backup());
  SayHello(cluster, "r1");
  pb::Command report = cluster.NextReport("r1");
  v1::GroupReport* group = report.mutable_report()->mutable_report()->mutable_groups(0);
  group->set_unallocated_devices(9);  // one is another's, for all that this store knows
  group->set_unallocated_mw(9'000'000);
  cluster.Batch({report});
  EXPECT_EQ(cluster.sum("meter"), Watts(500 + 9'000));
}

}  // namespace
}  // namespace switchyard::testing
