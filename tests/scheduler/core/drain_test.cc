// Taking a node out: cordon, drain with and without time, and back.
#include <gtest/gtest.h>

#include "scheduler/core/sessions.h"
#include "tests/support/cluster_builder.h"
#include "tests/support/core_harness.h"

namespace switchyard::testing {
namespace {

using Action = v1::NodeActionRequest;

TEST(CordonTest, ACordonedNodeRunsWhatItHasAndTakesNothingNew) {
  ClusterBuilder builder;
  builder.Server("s1");
  CoreHarness cluster(builder.configuration());
  cluster.ConnectAll();
  const uint64_t first = cluster.Submit(TrainingJob("first", 1, 1));
  cluster.Settle();
  ASSERT_TRUE(cluster.Operator("s1", Action::CORDON).ok());
  const uint64_t second = cluster.Submit(TrainingJob("second", 1, 1));
  cluster.Run(Seconds(5));
  EXPECT_EQ(cluster.state_of(first), v1::RUNNING);
  EXPECT_EQ(cluster.state_of(second), v1::PENDING);
  ASSERT_TRUE(cluster.Operator("s1", Action::UNCORDON).ok());
  cluster.Settle();
  EXPECT_EQ(cluster.state_of(second), v1::RUNNING);
}

TEST(DrainTest, HashingLeavesAtOnceAndAiAtTheDeadline) {
  ClusterBuilder builder;
  builder.Server("s1").Box("b1");
  CoreHarness cluster(builder.configuration());
  cluster.ConnectAll();
  const uint64_t hashing = cluster.Submit(HashingJob());
  const uint64_t train = cluster.Submit(TrainingJob("train", 1, 8));
  cluster.Run(Seconds(2));
  ASSERT_EQ(cluster.allocations_of(hashing).size(), 1u);
  ASSERT_TRUE(cluster.Operator("b1", Action::DRAIN, 60'000).ok());
  ASSERT_TRUE(cluster.Operator("s1", Action::DRAIN, 60'000).ok());
  cluster.Run(Seconds(2));
  EXPECT_TRUE(cluster.allocations_of(hashing).empty());
  cluster.Run(Seconds(57));
  EXPECT_EQ(cluster.state_of(train), v1::RUNNING);
  cluster.Run(Seconds(2));
  EXPECT_EQ(cluster.state_of(train), v1::PENDING);
  EXPECT_TRUE(cluster.allocations_of(train).empty());
  ASSERT_TRUE(cluster.Operator("s1", Action::UNDRAIN).ok());
  ASSERT_TRUE(cluster.Operator("b1", Action::UNDRAIN).ok());
  cluster.Run(Seconds(2));
  EXPECT_EQ(cluster.state_of(train), v1::RUNNING);
  EXPECT_EQ(cluster.allocations_of(hashing).size(), 1u);
}

TEST(DrainTest, AJobGoesOnElsewhere) {
  ClusterBuilder builder;
  builder.Server("s1").Server("s2");
  CoreHarness cluster(builder.configuration());
  cluster.ConnectAll();
  const uint64_t train = cluster.Submit(TrainingJob("train", 1, 8));
  cluster.Settle();
  const uint32_t before = cluster.allocations_of(train).at(0)->node;
  ASSERT_TRUE(cluster.Operator(cluster.state().nodes[before].configured.id(), Action::DRAIN).ok());
  cluster.Run(Seconds(2));
  ASSERT_EQ(cluster.state_of(train), v1::RUNNING);
  EXPECT_NE(cluster.allocations_of(train).at(0)->node, before);
}

TEST(DrainTest, AServiceIsMovedReplicaByReplica) {
  ClusterBuilder builder;
  builder.Server("s1").Server("s2");
  CoreHarness cluster(builder.configuration());
  cluster.ConnectAll();
  const uint64_t serve = cluster.Submit(ServiceJob("serve", 3, 1));
  cluster.Settle();
  ASSERT_EQ(cluster.allocations_of(serve).size(), 3u);
  ASSERT_TRUE(cluster.Operator("s1", Action::DRAIN).ok());
  cluster.Run(Seconds(3));
  EXPECT_EQ(cluster.allocations_of(serve).size(), 3u);
  for (const core::Allocation* allocation : cluster.allocations_of(serve)) EXPECT_EQ(cluster.state().nodes[allocation->node].id, "site/s2");
  EXPECT_EQ(cluster.job(serve).row.job().failures(), 0) << "a drain is not its fault";
}

TEST(DrainTest, TheDeadlineSurvivesTheSchedulersDeath) {
  ClusterBuilder builder;
  builder.Server("s1");
  CoreHarness cluster(builder.configuration());
  cluster.ConnectAll();
  const uint64_t train = cluster.Submit(TrainingJob("train", 1, 8));
  cluster.Settle();
  ASSERT_TRUE(cluster.Operator("s1", Action::DRAIN, 30'000).ok());
  cluster.Restart();
  cluster.Connect("s1");
  EXPECT_EQ(core::StateOf(cluster.state().nodes[0]), v1::DRAINING);
  cluster.Run(Seconds(25));
  EXPECT_EQ(cluster.state_of(train), v1::RUNNING);
  cluster.Run(Seconds(10));
  EXPECT_EQ(cluster.state_of(train), v1::PENDING);
}

}  // namespace
}  // namespace switchyard::testing
