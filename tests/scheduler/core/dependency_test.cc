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

}  // namespace
}  // namespace switchyard::testing
