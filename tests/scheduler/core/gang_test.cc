#include <gtest/gtest.h>

#include "tests/support/cluster_builder.h"
#include "tests/support/core_harness.h"

namespace switchyard::testing {
namespace {

TEST(GangTest, StartsWhenAllMembersArePrepared) {
  ClusterBuilder builder;
  builder.Server("s1").Server("s2");
  CoreHarness cluster(builder.configuration());
  cluster.ConnectAll();
  cluster.agent("s2").holds_prepare = true;
  const uint64_t job = cluster.Submit(TrainingJob("train", 2, 8));
  cluster.Settle();
  EXPECT_EQ(cluster.state_of(job), v1::PREPARING);
  for (const core::Allocation* allocation : cluster.allocations_of(job)) EXPECT_EQ(allocation->phase, v1::PREPARE);
  cluster.agent("s2").holds_prepare = false;
  cluster.Settle();
  EXPECT_EQ(cluster.state_of(job), v1::RUNNING);
  cluster.Exit(job, 0);
  EXPECT_EQ(cluster.state_of(job), v1::SUCCEEDED);
  EXPECT_EQ(cluster.sum("meter"), Watts(2 * (1000 + 800)));
}

TEST(GangTest, ANodeThatDiesWhilePreparingRollsTheGangBack) {
  ClusterBuilder builder;
  builder.Server("s1").Server("s2");
  CoreHarness cluster(builder.configuration());
  cluster.ConnectAll();
  cluster.agent("s2").holds_prepare = true;
  const uint64_t job = cluster.Submit(TrainingJob("train", 2, 8));
  cluster.Settle();
  cluster.agent("s2").silent = true;
  cluster.Run(Minutes(3));
  EXPECT_TRUE(cluster.agent("s1").tasks.empty()) << "the reachable member was stopped and forgotten";
  EXPECT_EQ(cluster.allocations_of(job).size(), 1u) << "the silent one keeps its devices and watts";
  cluster.agent("s2").silent = false;
  cluster.agent("s2").holds_prepare = false;
  cluster.Run(Minutes(2));
  EXPECT_EQ(cluster.state_of(job), v1::RUNNING);
  EXPECT_GE(cluster.job(job).row.job().attempt(), 2);
}

TEST(GangTest, AFailedMemberEndsTheAttemptAndTheNextOneBeginsOnTheSameDevices) {
  ClusterBuilder builder;
  builder.Server("s1").Server("s2");
  CoreHarness cluster(builder.configuration());
  cluster.ConnectAll();
  const uint64_t job = cluster.Submit(TrainingJob("train", 2, 4));
  cluster.Settle();
  ASSERT_EQ(cluster.state_of(job), v1::RUNNING);
  const Power running = cluster.sum("meter");
  cluster.Exit(job, 3);
  EXPECT_EQ(cluster.state_of(job), v1::PENDING);
  EXPECT_EQ(cluster.sum("meter"), running) << "devices and watts are held through the back-off";
  cluster.Run(Seconds(3));
  EXPECT_EQ(cluster.state_of(job), v1::RUNNING);
  EXPECT_EQ(cluster.job(job).row.job().attempt(), 2);
}

TEST(GangTest, GivesUpAfterItsRetries) {
  ClusterBuilder builder;
  builder.Server("s1");
  CoreHarness cluster(builder.configuration());
  cluster.ConnectAll();
  v1::JobSpec spec = TrainingJob("train", 1, 1);
  spec.set_max_retries(1);
  const uint64_t job = cluster.Submit(spec);
  cluster.Settle();
  cluster.Exit(job, 1);
  cluster.Run(Seconds(5));
  ASSERT_EQ(cluster.state_of(job), v1::RUNNING);
  cluster.Exit(job, 1);
  EXPECT_EQ(cluster.state_of(job), v1::FAILED);
  EXPECT_EQ(cluster.sum("meter"), Watts(1000 + 800));
}

TEST(GangTest, RunningTasksSurviveTheSchedulersDeath) {
  ClusterBuilder builder;
  builder.Server("s1").Server("s2");
  CoreHarness cluster(builder.configuration());
  cluster.ConnectAll();
  const uint64_t job = cluster.Submit(TrainingJob("train", 2, 8));
  cluster.Settle();
  const Power before = cluster.sum("meter");
  cluster.Restart();
  EXPECT_EQ(cluster.state_of(job), v1::RUNNING);
  EXPECT_EQ(cluster.sum("meter"), before);
  cluster.Connect("s1");
  cluster.Connect("s2");
  cluster.Run(Seconds(2));
  EXPECT_EQ(cluster.state_of(job), v1::RUNNING);
  EXPECT_EQ(cluster.job(job).row.job().attempt(), 1);
}

TEST(GangTest, AHigherPriorityPreemptsWithGraceAndTheVictimComesBack) {
  ClusterBuilder builder;
  builder.Server("s1");
  CoreHarness cluster(builder.configuration());
  cluster.ConnectAll();
  const uint64_t low = cluster.Submit(TrainingJob("low", 1, 8, 10));
  cluster.Settle();
  ASSERT_EQ(cluster.state_of(low), v1::RUNNING);
  const uint64_t high = cluster.Submit(TrainingJob("high", 1, 8, 500));
  cluster.Run(Seconds(1));
  EXPECT_EQ(cluster.state_of(high), v1::RUNNING);
  EXPECT_EQ(cluster.state_of(low), v1::PENDING);
  EXPECT_EQ(cluster.job(low).row.job().requeues(), 1);
  cluster.Exit(high, 0);
  cluster.Run(Seconds(1));
  EXPECT_EQ(cluster.state_of(low), v1::RUNNING);
}

TEST(GangTest, AServiceIsKeptAtItsReplicaCount) {
  ClusterBuilder builder;
  builder.Server("s1");
  CoreHarness cluster(builder.configuration());
  cluster.ConnectAll();
  const uint64_t job = cluster.Submit(ServiceJob("serve", 3, 1));
  cluster.Run(Seconds(1));
  EXPECT_EQ(cluster.state_of(job), v1::RUNNING);
  EXPECT_EQ(cluster.allocations_of(job).size(), 3u);
}

}  // namespace
}  // namespace switchyard::testing
