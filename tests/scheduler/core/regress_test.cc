// Faults that whole clusters showed, each reduced to the core.
#include <gtest/gtest.h>

#include "tests/support/cluster_builder.h"
#include "tests/support/core_harness.h"

namespace switchyard::testing {
namespace {

TEST(RegressTest, AReplicaThatEndedComesBackAfterItsBackOffThoughNothingElseHappens) {
  ClusterBuilder builder;
  builder.Server("s1").Server("s2");
  CoreHarness cluster(builder.configuration());
  cluster.ConnectAll();
  v1::JobSpec spec = ServiceJob("serve", 2, 4);
  spec.mutable_groups(0)->set_spread_over("node");
  const uint64_t job = cluster.Submit(spec);
  cluster.Settle();
  ASSERT_EQ(cluster.allocations_of(job).size(), 2u);
  FakeTask& replica = cluster.agent("s1").tasks.begin()->second;
  replica.phase = v1::TASK_ENDED;
  replica.exit_code = 128 + 9;
  replica.draw = Power();
  cluster.Tell("s1");
  cluster.Settle();
  ASSERT_EQ(cluster.allocations_of(job).size(), 1u) << "it waits for its back-off";
  cluster.Run(Seconds(3));
  ASSERT_EQ(cluster.allocations_of(job).size(), 2u);
  EXPECT_EQ(cluster.agent("s1").tasks.begin()->second.phase, v1::TASK_RUNNING);
  EXPECT_EQ(cluster.state_of(job), v1::RUNNING);
}

}  // namespace
}  // namespace switchyard::testing
