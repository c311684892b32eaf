#include <gtest/gtest.h>

#include "tests/support/cluster_builder.h"
#include "tests/support/core_harness.h"

namespace switchyard::testing {
namespace {

TEST(DependencyTest, WaitsForSuccessAndFailsWithTheJobThatItComesAfter) {
  ClusterBuilder builder;
  builder.Server("s1");
  CoreHarness cluster(builder.configuration());
  cluster.ConnectAll();
  v1::JobSpec first = TrainingJob("first", 1, 1);
  first.set_max_retries(0);
  const uint64_t good = cluster.Submit(first), bad = cluster.Submit(first);
  v1::JobSpec second = TrainingJob("second", 1, 1);
  second.add_after(good);
  const uint64_t after_good = cluster.Submit(second);
  second.set_after(0, bad);
  const uint64_t after_bad = cluster.Submit(second);
  second.set_after(0, after_bad);
  const uint64_t after_that = cluster.Submit(second);
  cluster.Settle();
  EXPECT_EQ(cluster.state_of(after_good), v1::PENDING);
  cluster.Exit(good, 0);
  EXPECT_EQ(cluster.state_of(after_good), v1::RUNNING);
  cluster.Exit(bad, 1);
  EXPECT_EQ(cluster.state_of(after_bad), v1::FAILED);
  EXPECT_EQ(cluster.state_of(after_that), v1::FAILED) << "the chain ends with its first link";
  EXPECT_NE(cluster.job(after_bad).row.job().reason().find("has not succeeded"), std::string::npos);
}

// A failure is noticed though the job waits for another one at that time.
TEST(DependencyTest, FailsWithTheSecondJobThatItComesAfterWhenTheFirstSucceedsLater) {
  ClusterBuilder builder;
  builder.Server("s1");
  CoreHarness cluster(builder.configuration());
  cluster.ConnectAll();
  v1::JobSpec spec = TrainingJob("first", 1, 1);
  spec.set_max_retries(0);
  const uint64_t good = cluster.Submit(spec), bad = cluster.Submit(spec);
  spec.add_after(good);
  spec.add_after(bad);
  const uint64_t last = cluster.Submit(spec);
  cluster.Settle();
  cluster.Exit(bad, 1);
  EXPECT_EQ(cluster.state_of(last), v1::PENDING);
  cluster.Exit(good, 0);
  EXPECT_EQ(cluster.state_of(last), v1::FAILED);
}

TEST(DependencyTest, HistoryKeepsWhatAnotherJobComesAfterUntilThatHasEnded) {
  ClusterBuilder builder;
  builder.Server("s1");
  builder.timing().set_history_ms(60'000);
  CoreHarness cluster(builder.configuration());
  cluster.ConnectAll();
  const auto prune = [&] {
    pb::Command command;
    command.mutable_prune();
    cluster.Batch({command});
  };
  const uint64_t early = cluster.Submit(TrainingJob("early", 1, 1)), late = cluster.Submit(TrainingJob("late", 1, 1));
  const uint64_t unnamed = cluster.Submit(TrainingJob("unnamed", 1, 1));
  v1::JobSpec spec = TrainingJob("last", 1, 1);
  spec.add_after(late);
  spec.add_after(early);
  const uint64_t last = cluster.Submit(spec);
  cluster.Settle();
  cluster.Exit(early, 0);
  cluster.Exit(unnamed, 0);
  cluster.Run(Seconds(120));
  prune();
  EXPECT_FALSE(cluster.state().jobs.contains(unnamed));
  ASSERT_TRUE(cluster.state().jobs.contains(early)) << "the last one still waits for it, though for another one first";
  cluster.Exit(late, 0);
  EXPECT_EQ(cluster.state_of(last), v1::RUNNING);
  cluster.Run(Seconds(120));
  prune();
  EXPECT_TRUE(cluster.state().jobs.contains(early)) << "it may be started again";
  cluster.Exit(last, 0);
  prune();
  EXPECT_FALSE(cluster.state().jobs.contains(early));
  EXPECT_FALSE(cluster.state().jobs.contains(late));
  EXPECT_TRUE(cluster.state().jobs.contains(last));
}

}  // namespace
}  // namespace switchyard::testing
