#include "simulation/checkers/explains.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/simulation/checkers/hand_made_state.h"

namespace switchyard::simulation {
namespace {

using ::testing::HasSubstr;

// A server that is free, and a job of one task that fits it: no core would let it wait.
class ExplainsTest : public ::testing::Test {
 protected:
  ExplainsTest() : state_(MakeState(testing::ClusterBuilder().Server("s").configuration())) {
    state_.nodes[0].last_sign = At(1'000'000);
    state_.nodes[0].heard = true;
    state_.nodes[0].renewed = At(32'000);
    state_.nodes[0].groups[0].devices.resize(8);
    checker_.OnStart(At(0), 1, state_);
  }
  void Decide(int64_t ms, std::vector<store::v1::Command> commands = {}) {
    checker_.Decided(At(ms), 1, StampAt(ms, 1), commands, {}, state_);
  }

  core::State state_;
  Explains checker_;
};

TEST_F(ExplainsTest, AJobThatIsExplainedAsStartingAndWaitsFails) {
  AddJob(&state_, 4, testing::TrainingJob("t", 1, 1), v1::PENDING);
  state_.pending.insert(4);
  Decide(30'000);
  Decide(31'000);
  EXPECT_TRUE(checker_.verdict().ok()) << checker_.verdict();
  Decide(32'000);
  EXPECT_THAT(checker_.verdict().message(), HasSubstr("starts with the next round"));
}

TEST_F(ExplainsTest, AJobThatStartsAsExplainedHolds) {
  core::Job& job = AddJob(&state_, 4, testing::TrainingJob("t", 1, 1), v1::PENDING);
  state_.pending.insert(4);
  Decide(30'000);
  job.row.mutable_job()->set_state(v1::PREPARING);
  Decide(32'000);
  EXPECT_TRUE(checker_.verdict().ok()) << checker_.verdict();
  EXPECT_EQ(checker_.asked(), 1);
}

TEST_F(ExplainsTest, AJobThatIsHeldBackAndStartsThoughNothingHappensFails) {
  core::Job& job = AddJob(&state_, 4, testing::TrainingJob("t", 1, 99), v1::PENDING);
  state_.pending.insert(4);
  Decide(30'000);
  job.row.mutable_job()->set_state(v1::PREPARING);
  Decide(30'001, {Heartbeat("site/s")});
  EXPECT_THAT(checker_.verdict().message(), HasSubstr("held back"));
}

}  // namespace
}  // namespace switchyard::simulation
