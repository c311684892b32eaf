#include "simulation/checkers/coverage.h"

#include "gtest/gtest.h"
#include "simulation/checkers/checkers.h"
#include "tests/simulation/checkers/hand_made_state.h"

namespace switchyard::simulation {
namespace {

core::State TwoRacks() {
  core::State state = MakeState(testing::ClusterBuilder().Rack("r1").Rack("r2").configuration());
  AddAllocation(&state, 1, 0, {0}, v1::HASHING, Watts(1000), 1);
  return state;
}

TEST(CoverageTest, AFaultCountsInTheStatesOfTheNodeThatItStruck) {
  const core::State state = TwoRacks();
  Coverage coverage;
  coverage.OnStart(At(0), 1, state);
  coverage.OnFault(At(10), Fault(FaultKind::kAgentCrash, "site/r1", Seconds(1)));
  coverage.OnFault(At(20), Fault(FaultKind::kDeviceLies, "site/r1/asic/3", Seconds(1)));
  EXPECT_EQ(coverage.table().at(FaultKind::kAgentCrash, ProtocolState::kHashing), 1);
  EXPECT_EQ(coverage.table().at(FaultKind::kDeviceLies, ProtocolState::kHashing), 1);
  EXPECT_EQ(coverage.table().at(FaultKind::kAgentCrash, ProtocolState::kReadyIdle), 0);
}

TEST(CoverageTest, AFaultOfTheSchedulerStrikesEveryNode) {
  const core::State state = TwoRacks();
  Coverage coverage;
  coverage.OnStart(At(0), 1, state);
  coverage.OnFault(At(10), Fault(FaultKind::kSchedulerCrash, "", Seconds(1)));
  EXPECT_EQ(coverage.table().at(FaultKind::kSchedulerCrash, ProtocolState::kHashing), 1);
  EXPECT_EQ(coverage.table().at(FaultKind::kSchedulerCrash, ProtocolState::kReadyIdle), 1);
  EXPECT_EQ(coverage.table().at(FaultKind::kSchedulerCrash, ProtocolState::kReloadPending), 0);
}

TEST(CoverageTest, AReloadIsPendingUntilItIsDurable) {
  const core::State state = TwoRacks();
  Coverage coverage;
  coverage.OnStart(At(0), 1, state);
  coverage.OnFault(At(1000), Fault(FaultKind::kReload, "", Duration()));
  coverage.OnFault(At(1001), Fault(FaultKind::kAgentCrash, "site/r1", Seconds(1)));
  EXPECT_EQ(coverage.table().at(FaultKind::kAgentCrash, ProtocolState::kReloadPending), 1);
  store::v1::Command load;
  load.mutable_load_configuration();
  coverage.Decided(At(1002), 1, StampAt(1002, 2), {load}, WithRows({AllocationRow(1)}), state);
  coverage.OnDurable(At(1003), 1, 2, {});
  coverage.OnFault(At(1004), Fault(FaultKind::kAgentCrash, "site/r1", Seconds(1)));
  EXPECT_EQ(coverage.table().at(FaultKind::kAgentCrash, ProtocolState::kReloadPending), 1);
}

TEST(ProtocolStateTest, EachStateIsSeenWhereItIs) {
  core::State state = TwoRacks();
  const auto has = [&](ProtocolState s, int64_t ms = 0) { return (StatesOf(state, 1, At(ms)) & Bit(s)) != 0; };
  core::Node& node = state.nodes[1];
  EXPECT_TRUE(has(ProtocolState::kReadyIdle));
  node.scanning = node.expired = true;
  EXPECT_TRUE(has(ProtocolState::kScanning) && has(ProtocolState::kExpired));
  node.heard = false;
  EXPECT_TRUE(has(ProtocolState::kRecovery));
  node.reported = false;
  EXPECT_TRUE(has(ProtocolState::kNeverHeard) && has(ProtocolState::kCommissioning) && !has(ProtocolState::kRecovery));
  node.lowerings[3] = At(0);
  EXPECT_TRUE(has(ProtocolState::kLoweringOutstanding) && !has(ProtocolState::kRenewalWithheld));
  EXPECT_TRUE(has(ProtocolState::kRenewalWithheld, 60'000));
  node.groups[0].quarantined[2];
  EXPECT_TRUE(has(ProtocolState::kQuarantined));
  state.orphans[{1, 99}].node = 1;
  EXPECT_TRUE(has(ProtocolState::kOrphanPresent));
  core::Allocation& task = AddAllocation(&state, 5, 1, {1}, v1::TRAINING, Watts(1000), 1);
  EXPECT_TRUE(has(ProtocolState::kRunningAi));
  task.reported = v1::TASK_PREPARED;
  EXPECT_TRUE(has(ProtocolState::kPrepared));
  task.reported = v1::TASK_WAITING;
  task.phase = v1::PREPARE;
  EXPECT_TRUE(has(ProtocolState::kPreparing));
  task.phase = v1::STOP;
  EXPECT_TRUE(has(ProtocolState::kStopping));
  store::v1::PlanRow& plan = state.plans[1].row;
  plan.add_members()->set_node("site/r2");
  plan.add_budgets()->set_needed_mw(5);
  EXPECT_TRUE(has(ProtocolState::kPlanOpen) && !has(ProtocolState::kPlanFull));
  plan.mutable_budgets(0)->set_earmarked_mw(5);
  EXPECT_TRUE(has(ProtocolState::kPlanFull) && !has(ProtocolState::kPlanOpen));
}

TEST(CheckersTest, ThereIsOneOfEach) { EXPECT_EQ(MakeAll(Script()).observers().size(), 11u); }

}  // namespace
}  // namespace switchyard::simulation
