#include "simulation/checkers/plans.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/simulation/checkers/hand_made_state.h"

namespace switchyard::simulation {
namespace {

using ::testing::HasSubstr;

class PlansTest : public ::testing::Test {
 protected:
  PlansTest() : state_(MakeState(testing::ClusterBuilder().Server("s").configuration())) {
    core::Plan& plan = state_.plans[1];
    plan.row.set_id(1);
    store::v1::PlanBudget* need = plan.row.add_budgets();
    need->set_budget("site/meter");
    need->set_needed_mw(5000);
    need->set_earmarked_mw(3000);
    state_.ledger.Earmark(0, Power(3000));
    checker_.OnStart(At(0), 1, state_);
    checker_.Decided(At(0), 1, StampAt(0, 1), {}, {}, state_);
  }
  static core::Row PlanRow() { return {core::RowKind::kPlan, core::NumberKey(1), std::string()}; }
  void Decide(core::Effects effects) { checker_.Decided(At(10), 1, StampAt(10, 2), {}, effects, state_); }

  core::State state_;
  Plans checker_;
};

TEST_F(PlansTest, EarmarksOfOpenPlansAreThoseOfTheLedger) {
  Decide(WithRows({PlanRow()}));
  EXPECT_TRUE(checker_.verdict().ok()) << checker_.verdict();
}

TEST_F(PlansTest, AClosedPlanThatKeepsItsEarmarksFails) {
  state_.plans.clear();
  Decide(WithRows({Deleted(core::RowKind::kPlan, 1)}));
  EXPECT_THAT(checker_.verdict().message(), HasSubstr("has 3000 mW earmarked, its open plans hold 0 mW"));
}

TEST_F(PlansTest, AnEarmarkAboveTheNeedFails) {
  state_.plans[1].row.mutable_budgets(0)->set_earmarked_mw(6000);
  Decide(WithRows({PlanRow()}));
  EXPECT_THAT(checker_.verdict().message(), HasSubstr("plan 1 holds 6000 mW of 5000 mW"));
}

TEST_F(PlansTest, ADurablePlanThatTheNextLeaderDoesNotKnowFails) {
  checker_.OnDurable(At(5), 1, 1, {PlanRow()});
  state_.plans.clear();
  state_.ledger.Earmark(0, Power(-3000));
  checker_.OnStart(At(20), 2, state_);
  checker_.Decided(At(20), 2, StampAt(20, 3), {}, {}, state_);
  EXPECT_THAT(checker_.verdict().message(), HasSubstr("plan 1 is durable, and leader 2 does not know it"));
}

TEST_F(PlansTest, APlanThatTheNextLeaderClosesAtOnceHolds) {
  checker_.OnDurable(At(5), 1, 1, {PlanRow()});
  state_.plans.clear();
  state_.ledger.Earmark(0, Power(-3000));
  checker_.OnStart(At(20), 2, state_);
  checker_.Decided(At(20), 2, StampAt(20, 3), {}, WithRows({Deleted(core::RowKind::kPlan, 1)}), state_);
  EXPECT_TRUE(checker_.verdict().ok()) << checker_.verdict();
}

}  // namespace
}  // namespace switchyard::simulation
