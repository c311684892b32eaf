#include "simulation/checkers/sessions.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/simulation/checkers/hand_made_state.h"

namespace switchyard::simulation {
namespace {

using ::testing::HasSubstr;

class SessionsTest : public ::testing::Test {
 protected:
  SessionsTest() : state_(MakeState(testing::ClusterBuilder().Server("s").configuration())) {
    checker_.OnStart(At(0), 1, state_);
  }

  void Hear(uint64_t incarnation, uint64_t term, bool accepted) {
    v1::SchedulerMessage message;
    message.set_node("site/s");
    message.set_store_incarnation(incarnation);
    message.set_term(term);
    checker_.OnDown(At(10), message, accepted);
  }
  void Say(int64_t ms, uint64_t applied, std::vector<uint64_t> allocations) {
    v1::AgentMessage message;
    message.set_node("site/s");
    message.mutable_report()->set_applied_revision(applied);
    for (const uint64_t id : allocations) message.mutable_report()->add_allocations()->set_allocation(id);
    checker_.OnUp(At(ms), 1, message);
  }
  void Decide(uint64_t sequence, uint64_t revision) {
    core::Effects effects = WithRows({AllocationRow(1)});
    core::NodeOrder order;
    order.node = "site/s";
    order.revision = revision;
    effects.orders.push_back(order);
    checker_.Decided(At(20), 1, StampAt(20, sequence), {}, effects, state_);
  }

  core::State state_;
  Sessions checker_;
};

TEST_F(SessionsTest, ALowerTermThatIsRefusedHoldsAndOneThatIsFollowedFails) {
  Hear(1, 5, true);
  Hear(1, 4, false);
  Hear(2, 1, true);
  EXPECT_TRUE(checker_.verdict().ok()) << checker_.verdict();
  Hear(1, 9, true);
  EXPECT_THAT(checker_.verdict().message(), HasSubstr("follows term 9 of store 1 after term 1 of store 2"));
}

TEST_F(SessionsTest, ARevisionThatFallsFails) {
  Decide(7, 7);
  Decide(8, 6);
  EXPECT_THAT(checker_.verdict().message(), HasSubstr("from revision 7 to 6"));
}

TEST_F(SessionsTest, ABatchThatBecomesDurableTwiceFails) {
  checker_.OnDurable(At(1), 1, 7, {});
  checker_.OnDurable(At(2), 1, 7, {});
  EXPECT_THAT(checker_.verdict().message(), HasSubstr("after batch 7"));
}

TEST_F(SessionsTest, ABatchOfAStaleLeaderThatBecomesDurableFails) {
  checker_.OnStart(At(5), 2, state_);
  checker_.OnDurable(At(6), 1, 9, {});
  EXPECT_THAT(checker_.verdict().message(), HasSubstr("stale leader 1"));
}

TEST_F(SessionsTest, WhatAnAgentHasAppliedIsDurable) {
  Decide(7, 7);
  checker_.OnDurable(At(30), 1, 7, {});
  Say(40, 7, {});
  EXPECT_TRUE(checker_.verdict().ok()) << checker_.verdict();
  Decide(8, 8);
  Say(50, 8, {});
  EXPECT_THAT(checker_.verdict().message(), HasSubstr("decided and not durable"));
}

TEST_F(SessionsTest, AReportNamesEverythingThatItsMachineHolds) {
  Hear(1, 1, true);
  checker_.OnPrepared(At(100'000), "site/s", Desired(4, v1::TRAINING, {"gpu-1"}));
  Say(105'000, 0, {});  // it may have been made before
  Say(120'000, 0, {4});
  EXPECT_TRUE(checker_.verdict().ok()) << checker_.verdict();
  Say(121'000, 0, {});
  EXPECT_THAT(checker_.verdict().message(), HasSubstr("leaves out allocation 4"));
}

}  // namespace
}  // namespace switchyard::simulation
