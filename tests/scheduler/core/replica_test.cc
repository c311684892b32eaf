// A replica that is started while its service runs has its time to prepare like any other.
#include <gtest/gtest.h>

#include <memory>

#include "tests/support/cluster_builder.h"
#include "tests/support/core_harness.h"

namespace switchyard::testing {
namespace {

class ReplicaTest : public ::testing::Test {
 protected:
  // Two replicas that fill a server each; the one on s2 ends and is started anew, on a node that does not get it ready.
  ReplicaTest() {
    builder_.Server("s1").Server("s2").Server("s3");
    builder_.timing().set_prepare_timeout_ms(20'000);
    cluster_ = std::make_unique<CoreHarness>(builder_.configuration());
    cluster_->ConnectAll();
    service_ = cluster_->Submit(ServiceJob("service", 2, 8));
    cluster_->Settle();
    for (const char* node : {"s1", "s2", "s3"}) cluster_->agent(node).holds_prepare = true;
    const core::Allocation* victim = cluster_->allocations_of(service_).at(1);
    FakeAgent& agent = cluster_->AnyAgent(cluster_->state().nodes[victim->node].configured.id());
    FakeTask& task = agent.tasks.at(victim->id);
    task.phase = v1::TASK_ENDED;
    task.exit_code = 1;
    task.draw = Power();
    cluster_->Tell(cluster_->state().nodes[victim->node].configured.id());
    cluster_->Run(Seconds(2));
  }
  int Running() const {
    int running = 0;
    for (const core::Allocation* allocation : cluster_->allocations_of(service_))
      running += allocation->phase == v1::RUN ? 1 : 0;
    return running;
  }
  ClusterBuilder builder_;
  std::unique_ptr<CoreHarness> cluster_;
  uint64_t service_ = 0;
};

TEST_F(ReplicaTest, OneThatDoesNotPrepareIsStoppedAndPlacedAnewWhileTheOthersRun) {
  ASSERT_EQ(cluster_->state_of(service_), v1::RUNNING);
  ASSERT_EQ(cluster_->allocations_of(service_).size(), 2u);
  ASSERT_EQ(Running(), 1);
  cluster_->Run(Seconds(17));
  EXPECT_FALSE(cluster_->Happened("ReplicaLate"));
  cluster_->Run(Seconds(3));
  EXPECT_TRUE(cluster_->Happened("ReplicaLate"));
  EXPECT_EQ(cluster_->state_of(service_), v1::RUNNING) << "the other replica is not touched";
  EXPECT_EQ(Running(), 1);
  EXPECT_EQ(cluster_->job(service_).row.job().failures(), 1) << "its machine was late, not its program";
  for (const char* node : {"s1", "s2", "s3"}) cluster_->agent(node).holds_prepare = false;
  cluster_->Run(Seconds(30));
  EXPECT_EQ(Running(), 2);
}

TEST_F(ReplicaTest, ARestartGivesItItsTimeAgain) {
  cluster_->Run(Seconds(10));
  cluster_->Restart();
  for (const char* node : {"s1", "s2", "s3"}) cluster_->Connect(node);
  for (const char* node : {"s1", "s2", "s3"}) cluster_->agent(node).holds_prepare = true;
  cluster_->Run(Seconds(15));
  EXPECT_FALSE(cluster_->Happened("ReplicaLate"));
  cluster_->Run(Seconds(10));
  EXPECT_TRUE(cluster_->Happened("ReplicaLate"));
}

}  // namespace
}  // namespace switchyard::testing
