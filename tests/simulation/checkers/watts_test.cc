#include <array>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "simulation/checkers/ledger_watts.h"
#include "simulation/checkers/true_watts.h"
#include "tests/simulation/checkers/hand_made_state.h"

namespace switchyard::simulation {
namespace {

using ::testing::HasSubstr;

// One rack of ten miners of at most 3 kW under a PDU of 20 kW.
v1::ClusterConfiguration Cluster() {
  return testing::ClusterBuilder().Budget("pdu", v1::PDU, Watts(20'000)).Rack("r", "pdu").configuration();
}
std::vector<int32_t> All() { return {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}; }

TEST(LedgerWattsTest, ABudgetOverItsCapWithoutACauseFails) {
  core::State state = MakeState(Cluster());
  LedgerWatts checker;
  checker.OnStart(At(0), 1, state);
  EXPECT_TRUE(checker.verdict().ok()) << checker.verdict();
  Charge(&state, 0, 0, Watts(25'000));
  store::v1::Command submit;
  submit.mutable_submit();
  checker.Decided(At(1000), 1, StampAt(1000, 2), {submit}, {}, state);
  EXPECT_THAT(checker.verdict().message(), HasSubstr("neither a cap nor evidence"));
}

TEST(LedgerWattsTest, EvidenceMayRaiseABudgetOverItsCapAndTheTimeIsCounted) {
  core::State state = MakeState(Cluster());
  LedgerWatts checker;
  checker.OnStart(At(0), 1, state);
  Charge(&state, 0, 0, Watts(25'000));
  checker.Decided(At(1000), 1, StampAt(1000, 2), {Report("site/r", 1, 1, Watts(1))}, {}, state);
  Charge(&state, 0, 0, -Watts(25'000));
  checker.Decided(At(5000), 1, StampAt(5000, 3), {Report("site/r", 1, 1, Watts(1))}, {}, state);
  EXPECT_TRUE(checker.verdict().ok()) << checker.verdict();
  EXPECT_EQ(checker.in_exception(), Seconds(4));
}

TEST(LedgerWattsTest, HashingThatIsNotOrderedLowerWithinTheShedDeadlineFails) {
  core::State state = MakeState(Cluster());
  AddAllocation(&state, 1, 0, All(), v1::HASHING, Watts(30'000), 1);
  LedgerWatts checker;
  checker.OnStart(At(0), 1, state);
  for (int64_t at = 1000; at < 10'000; at += 1000)
    checker.Decided(At(at), 1, StampAt(at, 2), {Heartbeat("site/r")}, {}, state);
  EXPECT_TRUE(checker.verdict().ok()) << checker.verdict();
  for (int64_t at = 10'000; at < 20'000; at += 1000)
    checker.Decided(At(at), 1, StampAt(at, 2), {Heartbeat("site/r")}, {}, state);
  EXPECT_THAT(checker.verdict().message(), HasSubstr("hashing allocation 1 is not ordered lower"));
}

TEST(LedgerWattsTest, HashingThatIsOrderedLowerAndNotConfirmedIsWaitedFor) {
  core::State state = MakeState(Cluster());
  AddAllocation(&state, 1, 0, All(), v1::HASHING, Watts(30'000), 1).bound.Order(2, Watts(10'000));
  LedgerWatts checker;
  checker.OnStart(At(0), 1, state);
  for (int64_t at = 1000; at < 60'000; at += 1000)
    checker.Decided(At(at), 1, StampAt(at, 2), {Heartbeat("site/r")}, {}, state);
  EXPECT_TRUE(checker.verdict().ok()) << checker.verdict();
}

TEST(LedgerWattsTest, AChargeThatIsLessThanWhatTheEntitiesCountFails) {
  core::State state = MakeState(Cluster());
  Charge(&state, 0, 0, -Watts(1));
  LedgerWatts checker;
  checker.OnStart(At(0), 1, state);
  EXPECT_THAT(checker.verdict().message(), HasSubstr("its entities 1000 mW more"));
}

TEST(LedgerWattsTest, AnUnreportedRackThatCountsAsleepFails) {
  core::State state = MakeState(Cluster());
  state.nodes[0].groups[0].pool.reset();  // never confirmed: it counts its nameplate
  LedgerWatts checker;
  checker.OnStart(At(0), 1, state);
  EXPECT_FALSE(checker.verdict().ok());
}

class TrueWattsTest : public ::testing::Test {
 protected:
  TrueWattsTest() : state_(MakeState(Cluster())) {
    book_.Load(state_.configuration);
    checker_.OnBegin(&book_);
    checker_.OnStart(At(0), 1, state_);
    Draw(At(0), Watts(250));
  }
  void Draw(MonoTime now, Power draw) { book_.Follow(now, "site/r", "asic", 0, {{now, now, draw, draw}}); }
  void Durable(MonoTime now, uint64_t sequence) {
    checker_.Decided(now, 1, StampAt(now.milliseconds(), sequence), {}, WithRows({AllocationRow(1)}), state_);
    checker_.OnDurable(now, 1, sequence, {});
  }

  core::State state_;
  DrawBook book_;
  TrueWatts checker_;
};

TEST_F(TrueWattsTest, WattsWithinTheLedgerHold) {
  Draw(At(1000), Watts(750));  // the idle watts and the platform's
  book_.Advance(At(5000));
  EXPECT_TRUE(checker_.verdict().ok()) << checker_.verdict();
}

TEST_F(TrueWattsTest, WattsAboveTheDurableLedgerFail) {
  AddAllocation(&state_, 1, 0, All(), v1::HASHING, Watts(5000), 2);
  checker_.Decided(At(1000), 1, StampAt(1000, 2), {}, WithRows({AllocationRow(1)}), state_);
  Draw(At(1500), Watts(3000));  // decided, and not yet durable
  EXPECT_THAT(checker_.verdict().message(), HasSubstr("above the durable ledger"));
}

TEST_F(TrueWattsTest, WhatIsDurableMayBeDrawnAndWhatWasReleasedMayNot) {
  AddAllocation(&state_, 1, 0, All(), v1::HASHING, Watts(5000), 2);
  Durable(At(1000), 2);
  Draw(At(1500), Watts(5000));
  EXPECT_TRUE(checker_.verdict().ok()) << checker_.verdict();
  state_.ledger.Move(state_.nodes[0].groups[0].chain, Watts(5000), Watts(250), At(2000));
  Durable(At(2000), 3);
  EXPECT_FALSE(checker_.verdict().ok());
}

TEST_F(TrueWattsTest, AnAllowanceExcusesAndIsCountedOnlyWhileItLasts) {
  book_.Allow({.node = "site/r",
               .cause = Name(FaultKind::kDeviceLies),
               .most = Watts(3000),
               .from = At(1000),
               .until = At(9000)});
  Draw(At(2000), Watts(3000));
  EXPECT_TRUE(checker_.verdict().ok()) << checker_.verdict();
  EXPECT_GE(checker_.used().at(Name(FaultKind::kDeviceLies)).times, 1);
  Draw(At(9000), Watts(2999));
  EXPECT_TRUE(checker_.verdict().ok());
  Draw(At(9001), Watts(3000));
  EXPECT_FALSE(checker_.verdict().ok());
}

TEST_F(TrueWattsTest, ABudgetAboveItsCapForLongerThanHalfOfWhatItsBreakerBearsFails) {
  AddAllocation(&state_, 1, 0, All(), v1::HASHING, Watts(30'000), 2);
  Durable(At(1000), 2);
  constexpr int64_t kLater = 300'000;
  Draw(At(kLater), Watts(22'000));
  book_.Advance(At(kLater + 30'000));
  book_.Sweep();
  EXPECT_TRUE(checker_.verdict().ok()) << checker_.verdict();
  book_.Advance(At(kLater + 30'001));
  book_.Sweep();
  EXPECT_THAT(checker_.verdict().message(), HasSubstr("half of what its breaker bears"));
}

}  // namespace
}  // namespace switchyard::simulation
