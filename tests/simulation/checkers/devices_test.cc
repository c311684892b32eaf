#include "simulation/checkers/devices.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/simulation/checkers/hand_made_state.h"

namespace switchyard::simulation {
namespace {

using ::testing::HasSubstr;

core::State Server() { return MakeState(testing::ClusterBuilder().Server("s").configuration()); }

TEST(DevicesTest, SharesUpToAWholeDeviceHoldAndMoreFail) {
  Devices checker;
  checker.OnPrepared(At(1), "site/s", Desired(1, v1::INFERENCE, {"gpu-1"}, 600));
  checker.OnPrepared(At(2), "site/s", Desired(2, v1::INFERENCE, {"gpu-1"}, 400));
  EXPECT_TRUE(checker.verdict().ok()) << checker.verdict();
  checker.OnPrepared(At(3), "site/s", Desired(3, v1::INFERENCE, {"gpu-1"}, 1));
  EXPECT_THAT(checker.verdict().message(), HasSubstr("1001 thousandths"));
}

TEST(DevicesTest, ADeviceIsFreeWhenItsTaskIsGone) {
  Devices checker;
  checker.OnPrepared(At(1), "site/s", Desired(1, v1::TRAINING, {"gpu-1"}));
  checker.OnInstruction(At(2), "site/s", Desired(1, v1::TRAINING, {"gpu-1"}));
  checker.OnGone(At(3), "site/s", 1, 1);
  checker.OnPrepared(At(4), "site/s", Desired(2, v1::TRAINING, {"gpu-1"}));
  EXPECT_TRUE(checker.verdict().ok()) << checker.verdict();
}

TEST(DevicesTest, ATaskThatIsPreparedTwiceFails) {
  Devices checker;
  checker.OnPrepared(At(1), "site/s", Desired(1, v1::TRAINING, {"gpu-1"}));
  checker.OnPrepared(At(2), "site/s", Desired(1, v1::TRAINING, {"gpu-1"}));
  EXPECT_THAT(checker.verdict().message(), HasSubstr("a second time"));
}

TEST(DevicesTest, ALeaderThatGivesADeviceTwiceFails) {
  core::State state = Server();
  AddAllocation(&state, 1, 0, {0}, v1::TRAINING, Watts(700), 1);
  AddAllocation(&state, 2, 0, {0}, v1::TRAINING, Watts(700), 1);
  Devices checker;
  checker.Decided(At(1), 1, StampAt(1, 1), {}, WithRows({AllocationRow(2)}), state);
  EXPECT_THAT(checker.verdict().message(), HasSubstr("beyond its 1,000 thousandths"));
}

TEST(DevicesTest, AnAllocationThatIsOverInTheStoreAndLivesOnTheMachineFails) {
  core::State state = Server();
  AddAllocation(&state, 1, 0, {0}, v1::TRAINING, Watts(700), 1);
  for (const bool lives : {false, true}) {
    Devices checker;
    checker.OnStart(At(0), 1, state);
    checker.OnInstruction(At(1), "site/s", Desired(1, v1::TRAINING, {"gpu-1"}));
    if (!lives) checker.OnGone(At(2), "site/s", 1, 1);
    checker.OnDurable(At(3), 1, 2, {Deleted(core::RowKind::kAllocation, 1)});
    EXPECT_EQ(checker.verdict().ok(), !lives) << checker.verdict();
  }
}

}  // namespace
}  // namespace switchyard::simulation
