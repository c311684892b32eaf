#include <gtest/gtest.h>

#include "tests/support/cluster_builder.h"
#include "tests/support/core_harness.h"

namespace switchyard::testing {
namespace {

TEST(ReloadNumbersTest, NodesAddedInFrontMoveNobodysAllocationsTimersOrSets) {
  ClusterBuilder builder;
  builder.Rack("r1").Server("s1");
  CoreHarness cluster(builder.configuration());
  cluster.ConnectAll();
  const uint64_t hashing = cluster.Submit(HashingJob());
  const uint64_t job = cluster.Submit(TrainingJob("train", 1, 8));
  cluster.Run(Seconds(3));
  ASSERT_EQ(cluster.state_of(job), v1::RUNNING);
  ClusterBuilder wider;
  wider.Rack("r0").Rack("r1").Server("s0").Server("s1");
  ASSERT_TRUE(cluster.Load(wider.configuration()).ok());
  cluster.Connect("r0");
  cluster.Connect("s0");
  cluster.Run(Seconds(3));
  EXPECT_EQ(cluster.state_of(job), v1::RUNNING);
  EXPECT_EQ(cluster.grant(hashing), Watts(60'000)) << "the new rack hashes too";
  EXPECT_EQ(cluster.allocations_of(job)[0]->node, cluster.state().node_index.at("site/s1"));
  cluster.agent("r1").silent = true;
  cluster.Run(Seconds(10));
  EXPECT_TRUE(cluster.Happened("LeaseExpired")) << "its timer runs under its new number";
}

}  // namespace
}  // namespace switchyard::testing
