// A fall of a cap cancels open plans beneath it, youngest first, and only as far as they do not fit any more.
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tests/support/cluster_builder.h"
#include "tests/support/core_harness.h"

namespace switchyard::testing {
namespace {

class PlanCancelTest : public ::testing::Test {
 protected:
  // Three plans, each for the 4.8 kW that a server's GPUs draw above idle; the racks do not fall, so they stay open.
  PlanCancelTest() {
    builder_.MeterCap(Watts(64'000)).Rack("r1").Rack("r2").Server("s1").Server("s2").Server("s3");
    cluster_ = std::make_unique<CoreHarness>(builder_.configuration());
    cluster_->ConnectAll();
    cluster_->Submit(HashingJob());
    cluster_->Run(Seconds(2));
    cluster_->agent("r1").slow_to_settle = cluster_->agent("r2").slow_to_settle = true;
    for (uint64_t& job : jobs_) {
      job = cluster_->Submit(TrainingJob("train" + std::to_string(&job - jobs_), 1, 8));
      cluster_->Settle();
    }
  }
  bool HasPlan(uint64_t job) const {
    for (const auto& [id, plan] : cluster_->state().plans) {
      if (plan.row.job() == job) return true;
    }
    return false;
  }
  // Base of what nobody can give up: platforms, idle GPUs and idle miners.
  Power Firm() const { return Watts(2 * 750 + 3 * 1'800); }
  void Cap(Power cap) {
    builder_.MeterCap(cap);
    ASSERT_TRUE(cluster_->Load(builder_.configuration()).ok());
    cluster_->Settle();
  }
  ClusterBuilder builder_;
  std::unique_ptr<CoreHarness> cluster_;
  uint64_t jobs_[3] = {};
};

TEST_F(PlanCancelTest, TheYoungestGoFirst) {
  ASSERT_EQ(cluster_->state().plans.size(), 3u);
  Cap(Firm() + Watts(2 * 5'000));
  EXPECT_TRUE(HasPlan(jobs_[0]));
  EXPECT_TRUE(HasPlan(jobs_[1]));
  EXPECT_FALSE(HasPlan(jobs_[2])) << "there is room for two";
  Cap(Firm() + Watts(5'000));
  EXPECT_TRUE(HasPlan(jobs_[0]));
  EXPECT_FALSE(HasPlan(jobs_[1]));
  Cap(Firm() + Watts(4'000));
  EXPECT_TRUE(cluster_->state().plans.empty());
  const uint32_t meter = cluster_->state().budget_index.at("site/meter");
  EXPECT_EQ(cluster_->state().ledger.Earmarked(meter), Power()) << "what they had is given back";
}

TEST_F(PlanCancelTest, AFallThatLeavesRoomForAllCancelsNone) {
  Cap(Firm() + Watts(3 * 5'000));
  EXPECT_EQ(cluster_->state().plans.size(), 3u);
}

}  // namespace
}  // namespace switchyard::testing
