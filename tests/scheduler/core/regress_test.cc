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

TEST(RegressTest, HashingReturnsAfterASilenceBeyondTheLeaseThatKeptItsSession) {
  ClusterBuilder builder;
  builder.Rack("r1");
  CoreHarness cluster(builder.configuration());
  cluster.ConnectAll();
  cluster.Submit(HashingJob());
  cluster.Run(Seconds(3));
  const Power full = cluster.sum("meter");
  cluster.agent("r1").silent = true;
  cluster.Run(Seconds(60));
  ASSERT_TRUE(cluster.Happened("LeaseExpired"));
  ASSERT_LT(cluster.sum("meter"), full);
  cluster.agent("r1").silent = false;  // as after a pause of the agent or the network: nobody has closed the stream
  cluster.Run(Seconds(5));
  EXPECT_EQ(cluster.sum("meter"), full);
}

TEST(RegressTest, AnAdoptedReplicaMakesItsServiceRun) {
  ClusterBuilder builder;
  builder.Server("s1");
  CoreHarness cluster(builder.configuration());
  cluster.ConnectAll();
  ASSERT_TRUE(cluster.Operator("s1", v1::NodeActionRequest::CORDON).ok());
  const uint64_t job = cluster.Submit(ServiceJob("serve", 1, 1));
  cluster.Settle();
  ASSERT_EQ(cluster.state_of(job), v1::PENDING);
  FakeTask orphan;
  orphan.unknown = true;
  orphan.phase = v1::TASK_RUNNING;
  orphan.draw = Watts(700);
  orphan.order.set_allocation(50);
  orphan.order.set_epoch(1);
  orphan.order.set_job(job);
  orphan.order.set_kind(v1::INFERENCE);
  orphan.order.set_group("gpu");
  orphan.order.add_devices("s1-gpu-7");
  cluster.agent("s1").tasks[50] = orphan;
  cluster.Tell("s1");
  pb::Command adopt;
  adopt.mutable_orphan_action()->set_allocation(50);
  adopt.mutable_orphan_action()->set_action(v1::OrphanActionRequest::ADOPT);
  adopt.set_is_operator(true);
  ASSERT_TRUE(cluster.Send(adopt).ok());
  cluster.agent("s1").tasks[50].unknown = false;
  ASSERT_TRUE(cluster.Operator("s1", v1::NodeActionRequest::UNCORDON).ok());
  cluster.Run(Seconds(3));
  EXPECT_EQ(cluster.state_of(job), v1::RUNNING);
  ASSERT_EQ(cluster.allocations_of(job).size(), 1u) << "the service has one replica";
  EXPECT_EQ(cluster.allocations_of(job)[0]->id, 50u);
}

}  // namespace
}  // namespace switchyard::testing
