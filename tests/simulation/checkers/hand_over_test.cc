#include "simulation/checkers/hand_over.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/simulation/checkers/hand_made_state.h"

namespace switchyard::simulation {
namespace {

using ::testing::HasSubstr;

class HandOverTest : public ::testing::Test {
 protected:
  HandOverTest() : state_(MakeState(testing::ClusterBuilder().Server("s").configuration())) {
    checker_.OnStart(At(0), 1, state_);
  }
  void LookUntil(int64_t from_s, int64_t to_s) {
    for (int64_t s = from_s; s <= to_s; s += 5) checker_.Decided(At(s * 1000), 1, StampAt(s * 1000, 1), {}, {}, state_);
  }

  core::State state_;
  HandOver checker_;
};

TEST_F(HandOverTest, APlanThatNeverEndsFailsAfterTheBound) {
  state_.plans[1].row.set_id(1);
  LookUntil(300, 360);
  EXPECT_TRUE(checker_.verdict().ok()) << checker_.verdict();
  LookUntil(365, 600);
  EXPECT_THAT(checker_.verdict().message(), HasSubstr("plan 1 has waited"));
}

TEST_F(HandOverTest, AFaultPutsTheBoundOff) {
  state_.plans[1].row.set_id(1);
  for (int64_t s = 300; s <= 900; s += 100) {
    checker_.OnFault(At(s * 1000), Fault(FaultKind::kPartition, "site/s", Seconds(30)));
    LookUntil(s, s + 95);
  }
  EXPECT_TRUE(checker_.verdict().ok()) << checker_.verdict();
}

TEST_F(HandOverTest, AJobThatPreparesForEverFails) {
  AddJob(&state_, 4, testing::TrainingJob("t", 1, 1), v1::PREPARING);
  LookUntil(300, 700);
  EXPECT_THAT(checker_.verdict().message(), HasSubstr("preparing job 4 has waited"));
}

TEST_F(HandOverTest, ALoweringThatIsOutstandingAtTheEndOfAQuietStretchFails) {
  state_.nodes[0].lowerings[5] = At(1000);
  state_.nodes[0].renewed = At(1000);
  checker_.OnEnd(At(100'000), state_, false);
  EXPECT_TRUE(checker_.verdict().ok()) << checker_.verdict();
  checker_.OnEnd(At(100'000), state_, true);
  EXPECT_THAT(checker_.verdict().message(), HasSubstr("1 lowering(s)"));
}

}  // namespace
}  // namespace switchyard::simulation
