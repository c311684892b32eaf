#include <gtest/gtest.h>

#include "tests/support/cluster_builder.h"
#include "tests/support/core_harness.h"

namespace switchyard::testing {
namespace {

TEST(HashingTest, FillsWhatTheCapLeavesAndNotAWattMore) {
  ClusterBuilder builder;
  builder.MeterCap(Watts(45'000)).Rack("r1").Rack("r2");
  CoreHarness cluster(builder.configuration());
  cluster.ConnectAll();
  const uint64_t job = cluster.Submit(HashingJob());
  cluster.Run(Seconds(5));
  EXPECT_EQ(cluster.state_of(job), v1::RUNNING);
  EXPECT_LE(cluster.sum("meter"), Watts(45'000));
  EXPECT_GE(cluster.sum("meter"), Watts(43'000)) << "the loss is at most one device step";
}

TEST(HashingTest, AnUnreportedRackCountsItsNameplateAndBlocksTheRest) {
  ClusterBuilder builder;
  builder.MeterCap(Watts(45'000)).Rack("r1").Rack("r2");
  CoreHarness cluster(builder.configuration());
  cluster.Connect("r1");
  cluster.Settle();
  EXPECT_EQ(cluster.sum("meter"), Watts(500 + 500 + 30'000 + 250));
  const uint64_t job = cluster.Submit(HashingJob());
  cluster.Run(Seconds(3));
  EXPECT_LE(cluster.sum("meter"), Watts(45'000));
  EXPECT_GT(cluster.grant(job), Watts(10'000));
}

TEST(HashingTest, BelowBreakEvenIsOff) {
  ClusterBuilder builder;
  builder.Rack("r1");
  builder.configuration().mutable_sites(0)->mutable_hashprice(0)->set_value_micro_usd(1'000'000);
  CoreHarness cluster(builder.configuration());
  cluster.ConnectAll();
  const uint64_t job = cluster.Submit(HashingJob());
  cluster.Run(Seconds(3));
  EXPECT_EQ(cluster.grant(job), Power());
  ClusterBuilder better;
  better.Rack("r1");
  ASSERT_TRUE(cluster.Load(better.configuration()).ok());
  cluster.Run(Seconds(3));
  EXPECT_EQ(cluster.grant(job), Watts(30'000));
}

TEST(HashingTest, ALoweredCapLowersAtOnceAndIsRecordedUntilConfirmed) {
  ClusterBuilder builder;
  builder.Rack("r1").Rack("r2");
  CoreHarness cluster(builder.configuration());
  cluster.ConnectAll();
  const uint64_t job = cluster.Submit(HashingJob());
  cluster.Run(Seconds(3));
  ASSERT_EQ(cluster.grant(job), Watts(60'000));
  cluster.agent("r1").slow_to_settle = cluster.agent("r2").slow_to_settle = true;
  builder.MeterCap(Watts(20'000));
  ASSERT_TRUE(cluster.Load(builder.configuration()).ok());
  cluster.Settle();
  EXPECT_LE(cluster.grant(job), Watts(19'000));
  EXPECT_EQ(cluster.bound(job), Watts(60'000)) << "acknowledged is not drawn less";
  EXPECT_TRUE(cluster.Happened("OverageBegan"));
  cluster.agent("r1").slow_to_settle = cluster.agent("r2").slow_to_settle = false;
  cluster.Run(Seconds(2));
  EXPECT_LE(cluster.sum("meter"), Watts(20'000));
  EXPECT_TRUE(cluster.Happened("OverageEnded"));
}

TEST(HashingTest, CancelStopsEveryRack) {
  ClusterBuilder builder;
  builder.Rack("r1").Rack("r2");
  CoreHarness cluster(builder.configuration());
  cluster.ConnectAll();
  const uint64_t job = cluster.Submit(HashingJob());
  cluster.Run(Seconds(2));
  ASSERT_TRUE(cluster.Cancel(job).ok());
  cluster.Run(Seconds(2));
  EXPECT_EQ(cluster.state_of(job), v1::CANCELLED);
  EXPECT_TRUE(cluster.allocations_of(job).empty());
  EXPECT_EQ(cluster.sum("meter"), Watts(2 * (500 + 250)));
}

}  // namespace
}  // namespace switchyard::testing
