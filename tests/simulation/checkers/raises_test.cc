#include "simulation/checkers/raises.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/simulation/checkers/hand_made_state.h"

namespace switchyard::simulation {
namespace {

using ::testing::HasSubstr;

class RaisesTest : public ::testing::Test {
 protected:
  RaisesTest() {
    testing::ClusterBuilder cluster;
    cluster.Budget("pdu", v1::PDU, Watts(20'000)).Rack("r", "pdu");
    cluster.configuration().mutable_sites(0)->set_overhead_marginal_ppm(200'000);
    cluster.configuration().mutable_sites(0)->set_overhead_lag_ms(10'000);
    state_ = MakeState(cluster.configuration());
    book_.Load(state_.configuration);
    AddAllocation(&state_, 1, 0, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, v1::HASHING, Watts(10'000), 5);
    checker_.OnBegin(&book_);
    checker_.OnStart(At(0), 1, state_);
  }

  // Allocation 1 counts so much from now on, ordered or confirmed as a test has done.
  void Count(Power watts) {
    core::Allocation& allocation = state_.allocations.at(1);
    state_.ledger.Move(state_.nodes[0].groups[0].chain, allocation.charged, watts, At(0));
    allocation.charged = watts;
  }
  void Decide(int64_t ms, uint64_t sequence, std::vector<store::v1::Command> commands) {
    checker_.Decided(At(ms), 1, StampAt(ms, sequence), commands, WithRows({AllocationRow(1)}), state_);
  }
  power::Bound& bound() { return state_.allocations.at(1).bound; }

  core::State state_;
  DrawBook book_;
  Raises checker_;
};

TEST_F(RaisesTest, ARaiseWithinTheCapHolds) {
  bound().Order(6, Watts(15'000));
  Count(Watts(15'000));
  Decide(1000, 6, {});
  EXPECT_TRUE(checker_.verdict().ok()) << checker_.verdict();
}

TEST_F(RaisesTest, ARaiseAboveTheCapFails) {
  bound().Order(6, Watts(20'000));
  Count(Watts(20'000));  // and the platform beside it
  Decide(1000, 6, {});
  EXPECT_THAT(checker_.verdict().message(), HasSubstr("rises by 10000000 mW"));
}

TEST_F(RaisesTest, ARaiseIntoOverheadThatIsStillReleasedFails) {
  bound().Order(6, Watts(1000));
  bound().Confirm(6, Watts(1000));
  Count(Watts(1000));
  Decide(1000, 6, {Report("site/r", 1, 6, Watts(1000))});
  // Nine kilowatts less at the rack are 1.8 kW of overhead that run on; the meter's cap is what counts now and 10 kW.
  const Power now_counts = state_.ledger.Sum(0);
  auto configuration = state_.configuration;
  configuration.mutable_sites(0)->mutable_budgets(0)->set_cap_mw((now_counts + Watts(10'000)).count());
  core::State capped = MakeState(configuration);
  AddAllocation(&capped, 1, 0, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, v1::HASHING, Watts(1000), 6);
  std::swap(state_, capped);
  bound().Order(7, Watts(8800));
  Count(Watts(8800));
  Decide(2000, 7, {});
  EXPECT_THAT(checker_.verdict().message(), HasSubstr("released overhead"));
}

TEST_F(RaisesTest, ABoundThatFallsByAConfirmationHolds) {
  bound().Order(6, Watts(2000));
  Decide(1000, 6, {});
  bound().Confirm(6, Watts(2000));
  Decide(2000, 7, {Report("site/r", 1, 6, Watts(2000))});
  EXPECT_TRUE(checker_.verdict().ok()) << checker_.verdict();
}

TEST_F(RaisesTest, ABoundThatFallsWithItsOrderFails) {
  bound() = power::Bound::FromRow(6, Watts(2000), {{6, Watts(2000)}});
  Decide(1000, 6, {});
  EXPECT_THAT(checker_.verdict().message(), HasSubstr("falls from 10kW to 2kW"));
}

TEST_F(RaisesTest, ABoundThatFallsBelowWhatWasConfirmedFails) {
  bound().Order(6, Watts(2000));
  Decide(1000, 6, {});
  bound().Confirm(6, Watts(2000));
  Decide(2000, 7, {Report("site/r", 1, 6, Watts(6000))});
  EXPECT_THAT(checker_.verdict().message(), HasSubstr("allow 6kW"));
}

TEST_F(RaisesTest, AConfirmationOfAnOlderRevisionFreesNothingThatANewerOneTook) {
  bound().Order(6, Watts(2000));
  Decide(1000, 6, {});
  bound().Order(7, Watts(9000));
  Decide(2000, 7, {});
  bound() = power::Bound::FromRow(7, Watts(2000), {{7, Watts(2000)}});
  Decide(3000, 8, {Report("site/r", 1, 6, Watts(2000))});
  EXPECT_FALSE(checker_.verdict().ok());
}

TEST_F(RaisesTest, AnExpiryFreesOnlyUnderAnEnforcerThatCounts) {
  state_.nodes[0].expired = true;
  bound() = power::Bound::FromRow(6, Watts(250), {{6, Watts(250)}});
  Decide(1000, 6, {});
  EXPECT_TRUE(checker_.verdict().ok()) << checker_.verdict();
  state_.nodes[0].groups[0].enforcer = v1::ENFORCER_AGENT;
  bound() = power::Bound::FromRow(7, Watts(100), {{7, Watts(100)}});
  Decide(2000, 7, {});
  EXPECT_THAT(checker_.verdict().message(), HasSubstr("ENFORCER_AGENT"));
}

TEST_F(RaisesTest, ABoundThatFallsWithoutARowFails) {
  bound() = power::Bound::FromRow(6, Watts(250), {{6, Watts(250)}});
  for (int i = 0; i < 256; ++i) checker_.Decided(At(1000 + i), 1, StampAt(1000 + i, 6), {}, {}, state_);
  EXPECT_THAT(checker_.verdict().message(), HasSubstr("its newest row"));
}

}  // namespace
}  // namespace switchyard::simulation
