#include "agent/reconcile/reconcile.h"

#include "gtest/gtest.h"
#include "tests/agent/reconcile/node_under_test.h"

namespace switchyard::agent::reconcile {
namespace {

using Kind = Action::Kind;

bool Has(const std::vector<Action>& actions, Kind kind, uint64_t allocation = 0) {
  return NodeUnderTest::Has(actions, kind, allocation);
}

// ---- whom to follow ----

TEST(ReconcileTest, RefusesAnOlderTermAndAnotherCluster) {
  NodeUnderTest node;
  EXPECT_TRUE(node.reconciler.AcceptSender("moses", 3, 7));
  EXPECT_FALSE(node.reconciler.AcceptSender("moses", 3, 6));
  EXPECT_FALSE(node.reconciler.AcceptSender("moses", 2, 9));
  EXPECT_FALSE(node.reconciler.AcceptSender("other", 4, 9));
  EXPECT_FALSE(node.reconciler.AcceptSender("", 4, 9));
  EXPECT_TRUE(node.reconciler.AcceptSender("moses", 3, 7));
  EXPECT_TRUE(node.reconciler.AcceptSender("moses", 4, 1));
  EXPECT_EQ(node.reconciler.term(), 1u);
}

TEST(ReconcileTest, RefusesByWhatAnEarlierProcessFollowed) {
  NodeUnderTest node;
  node.reconciler.RestoreSender("moses", 3, 7);
  EXPECT_FALSE(node.reconciler.AcceptSender("moses", 3, 6));
  EXPECT_FALSE(node.reconciler.AcceptSender("other", 3, 8));
}

TEST(ReconcileTest, TakesLowerRevisionsOnlyFromANewStore) {
  NodeUnderTest node;
  node.Renew();
  ASSERT_TRUE(node.reconciler.AcceptSender("moses", 1, 1));
  node.ReceiveFull(900, {});
  node.Settle();
  EXPECT_EQ(node.reconciler.applied_revision(), 900u);
  ASSERT_TRUE(node.reconciler.AcceptSender("moses", 2, 1));
  EXPECT_EQ(node.reconciler.applied_revision(), 0u);
  node.ReceiveFull(4, {});
  node.Settle();
  EXPECT_EQ(node.reconciler.applied_revision(), 4u);
}

// ---- lowering before raising, nothing without a lease ----

TEST(ReconcileTest, CarriesOutEveryLoweringAndStopBeforeAnyRaise) {
  NodeUnderTest node;
  node.Renew();
  node.truth.tasks = {Task(1, v1::TASK_RUNNING, 300), Task(2, v1::TASK_RUNNING, 300), Task(3, v1::TASK_RUNNING, 100)};
  node.ReceiveFull(5, {Order(1, v1::RUN, 100), Order(2, v1::STOP, 300), Order(3, v1::RUN, 500), Order(4, v1::RUN, 50)});
  std::vector<Action> actions = node.Decide();
  EXPECT_TRUE(Has(actions, Kind::kSetLimit, 1));
  EXPECT_TRUE(Has(actions, Kind::kStop, 2));
  EXPECT_FALSE(Has(actions, Kind::kSetLimit, 3));
  EXPECT_FALSE(Has(actions, Kind::kPrepare, 4));
  EXPECT_EQ(node.reconciler.applied_revision(), 0u);

  // The limit was set, the stop was not: still no raise, and the revision is not applied.
  node.Find(1)->limit = Milliwatts(100);
  actions = node.Decide();
  EXPECT_FALSE(Has(actions, Kind::kSetLimit, 3));
  EXPECT_EQ(node.reconciler.applied_revision(), 0u);
  EXPECT_EQ(node.Reported(1)->revision(), 5u);
  EXPECT_EQ(node.Reported(2)->revision(), 0u);

  node.Find(2)->phase = v1::TASK_STOPPING;
  actions = node.Decide();
  EXPECT_TRUE(Has(actions, Kind::kSetLimit, 3));
  EXPECT_TRUE(Has(actions, Kind::kPrepare, 4));
  EXPECT_EQ(node.reconciler.applied_revision(), 5u);
}

TEST(ReconcileTest, LowersAndStopsWithoutALease) {
  NodeUnderTest node;
  node.truth.tasks = {Task(1, v1::TASK_RUNNING, 300), Task(2, v1::TASK_RUNNING, 300, v1::TRAINING)};
  node.ReceiveFull(5, {Order(1, v1::RUN, 100), Order(2, v1::STOP, 300, v1::TRAINING)});
  const std::vector<Action> actions = node.Decide();
  EXPECT_TRUE(Has(actions, Kind::kSetLimit, 1));
  EXPECT_TRUE(Has(actions, Kind::kStop, 2));
}

TEST(ReconcileTest, RaisesPreparesAndReleasesNothingWithoutALease) {
  NodeUnderTest node;
  node.truth.tasks = {Task(1, v1::TASK_RUNNING, 100), Task(2, v1::TASK_PREPARED, 100, v1::TRAINING)};
  node.ReceiveFull(
      5, {Order(1, v1::RUN, 500), Order(2, v1::RUN, 100, v1::TRAINING), Order(3, v1::PREPARE, 50, v1::TRAINING)});
  EXPECT_TRUE(node.Decide().empty());
}

TEST(ReconcileTest, RaisesNothingByASetThatCameWithoutALeaseAndAsksForTheSetAgain) {
  NodeUnderTest node;
  node.truth.tasks = {Task(1, v1::TASK_RUNNING, 100)};
  node.ReceiveFull(5, {Order(1, v1::RUN, 500)});
  EXPECT_NE(node.reconciler.set_hash(node.now), 0u);
  node.Renew();
  EXPECT_FALSE(Has(node.Decide(), Kind::kSetLimit, 1));
  EXPECT_EQ(node.reconciler.set_hash(node.now), 0u);
  node.ReceiveFull(5, {Order(1, v1::RUN, 500)});
  EXPECT_NE(node.reconciler.set_hash(node.now), 0u);
  EXPECT_TRUE(Has(node.Decide(), Kind::kSetLimit, 1));
}

TEST(ReconcileTest, RaisesNothingByASetOfALeaseThatRanOutSince) {
  NodeUnderTest node;
  node.Renew();
  node.ReceiveFull(5, {Order(1, v1::RUN, 500)});
  node.Settle();
  ASSERT_EQ(node.Find(1)->limit, Milliwatts(500));
  node.now = node.now + Seconds(40);
  node.Settle();
  ASSERT_EQ(node.Find(1)->limit, Power());
  node.Renew();
  node.Settle();
  EXPECT_EQ(node.Find(1)->limit, Power());
  EXPECT_EQ(node.reconciler.set_hash(node.now), 0u);
  node.ReceiveFull(5, {Order(1, v1::RUN, 500)});
  node.Settle();
  EXPECT_EQ(node.Find(1)->limit, Milliwatts(500));
}

TEST(ReconcileTest, HoldsALimitToItsFloorAndCountsThatAsCarriedOut) {
  NodeUnderTest node;
  node.Renew();
  node.truth.tasks = {Task(1, v1::TASK_RUNNING, 300)};
  node.truth.tasks[0].floor = Milliwatts(40);
  node.ReceiveFull(5, {Order(1, v1::RUN, 10)});
  const std::vector<Action> actions = node.Decide();
  ASSERT_TRUE(Has(actions, Kind::kSetLimit, 1));
  node.Carry(actions);
  EXPECT_EQ(node.Find(1)->limit, Milliwatts(40));
  node.Decide();
  EXPECT_EQ(node.reconciler.applied_revision(), 5u);
}

// ---- the lease's end ----

TEST(ReconcileTest, FallsBackAtTheEndOfTheLease) {
  NodeUnderTest node;
  node.Renew();
  node.ReceiveFull(5, {Order(1, v1::RUN, 500), Order(2, v1::PREPARE, 90, v1::TRAINING)});
  node.Settle();
  EXPECT_EQ(node.reconciler.NextDeadline(node.now), node.now + Seconds(30));
  node.now = node.now + Milliseconds(29'999);
  EXPECT_TRUE(node.Decide().empty());
  node.now = node.now + Milliseconds(1);
  const std::vector<Action> actions = node.Decide();
  EXPECT_TRUE(Has(actions, Kind::kFallback));
  node.Carry(actions);
  EXPECT_EQ(node.Find(1)->limit, Power());
  EXPECT_EQ(node.Find(2)->phase, v1::TASK_PREPARED);
  EXPECT_TRUE(node.Decide().empty());
  EXPECT_TRUE(node.reconciler.Report(node.now, node.truth).fell_back());
}

TEST(ReconcileTest, FallsBackToItsFallbackAndNoLower) {
  NodeUnderTest node;
  node.Renew();
  node.ReceiveFull(5, {Order(1, v1::RUN, 500), Order(2, v1::RUN, 80)});
  node.Settle();
  // The first may hold 200 of its 500; the second stands below what it might hold already.
  node.Find(1)->floor = node.Find(2)->floor = Milliwatts(20);
  node.Find(1)->fallback = Milliwatts(200);
  node.Find(2)->fallback = Milliwatts(80);
  node.now = node.now + Seconds(30);
  const std::vector<Action> actions = node.Decide();
  EXPECT_TRUE(Has(actions, Kind::kFallback));
  node.Carry(actions);
  EXPECT_EQ(node.Find(1)->limit, Milliwatts(200));
  EXPECT_EQ(node.Find(2)->limit, Milliwatts(80)) << "a fallback raises nothing";
  EXPECT_TRUE(node.Decide().empty()) << "it is there: nothing is asked for again";
  EXPECT_TRUE(node.reconciler.Report(node.now, node.truth).fell_back());
}

TEST(ReconcileTest, LeavesAiAloneWithoutALease) {
  NodeUnderTest node;
  node.truth.tasks = {Task(1, v1::TASK_RUNNING, 500, v1::TRAINING), Task(2, v1::TASK_RUNNING, 500, v1::INFERENCE)};
  node.now = MonoTime(1'000'000);
  EXPECT_TRUE(node.Decide().empty());
}

TEST(ReconcileTest, LeavesDevicesAsFoundForTheStartGrace) {
  NodeUnderTest node;
  node.truth.tasks = {Task(1, v1::TASK_RUNNING, 500)};
  node.now = MonoTime(9'999);
  EXPECT_TRUE(node.Decide().empty());
  node.now = MonoTime(10'000);
  EXPECT_TRUE(Has(node.Decide(), Kind::kFallback));
}

TEST(ReconcileTest, DoesNotFallBackAfterTheGraceWhereALeaseCame) {
  NodeUnderTest node;
  node.truth.tasks = {Task(1, v1::TASK_RUNNING, 500)};
  node.Renew();
  node.now = MonoTime(15'000);
  EXPECT_FALSE(Has(node.Decide(), Kind::kFallback));
}

TEST(ReconcileTest, PassesEachNewEndOfTheLeaseToTheSupervisorsOnce) {
  NodeUnderTest node;
  node.Renew();
  std::vector<Action> actions = node.Decide();
  ASSERT_TRUE(Has(actions, Kind::kRenewFence));
  EXPECT_EQ(actions[0].lease_end, node.now + Seconds(30));
  EXPECT_TRUE(node.Decide().empty());
  node.now = node.now + Seconds(5);
  node.Renew();
  EXPECT_TRUE(Has(node.Decide(), Kind::kRenewFence));
}

// ---- prepare and release ----

TEST(ReconcileTest, ReleasesOnlyInPhaseRun) {
  NodeUnderTest node;
  node.Renew();
  node.ReceiveFull(5, {Order(1, v1::PREPARE, 100, v1::TRAINING)});
  node.Settle();
  ASSERT_EQ(node.Find(1)->phase, v1::TASK_PREPARED);
  node.ReceiveFull(6, {Order(1, v1::RUN, 400, v1::TRAINING)});
  const std::vector<Action> actions = node.Decide();
  ASSERT_EQ(actions.size(), 2u);  // the limit first, then the byte
  EXPECT_EQ(actions[0].kind, Kind::kSetLimit);
  EXPECT_EQ(actions[1].kind, Kind::kRelease);
}

TEST(ReconcileTest, KeepsWhatAnEarlierAgentPrepared) {
  NodeUnderTest node;
  node.truth.tasks = {Task(1, v1::TASK_PREPARED, 100, v1::TRAINING)};
  node.Renew();
  node.ReceiveFull(5, {Order(1, v1::PREPARE, 100, v1::TRAINING)});
  const std::vector<Action> actions = node.Decide();
  EXPECT_FALSE(Has(actions, Kind::kPrepare, 1));
  EXPECT_FALSE(Has(actions, Kind::kStop, 1));
  EXPECT_EQ(node.Reported(1)->phase(), v1::TASK_PREPARED);
}

TEST(ReconcileTest, NeverStartsALostAiMemberAnew) {
  NodeUnderTest node;
  node.Renew();
  node.ReceiveFull(5, {Order(1, v1::RUN, 100, v1::TRAINING), Order(2, v1::RUN, 100)});
  const std::vector<Action> actions = node.Decide();
  EXPECT_FALSE(Has(actions, Kind::kPrepare, 1));
  EXPECT_TRUE(Has(actions, Kind::kPrepare, 2));  // hashing may begin again
  ASSERT_NE(node.Reported(1), nullptr);
  EXPECT_EQ(node.Reported(1)->phase(), v1::TASK_ENDED);
  EXPECT_NE(node.Reported(1)->exit_code(), 0);
}

TEST(ReconcileTest, TakesNoDeviceOfATaskThatHasNotEnded) {
  NodeUnderTest node;
  node.Renew();
  node.truth.tasks = {Task(1, v1::TASK_STOPPING, 100)};
  v1::DesiredAllocation next = Order(2, v1::PREPARE, 100, v1::TRAINING);
  next.set_devices(0, "device-1");
  next.set_device_share_milli(1000);
  node.ReceiveFull(5, {Order(1, v1::STOP, 100), next});
  EXPECT_FALSE(Has(node.Decide(), Kind::kPrepare, 2));
  node.Find(1)->phase = v1::TASK_ENDED;
  EXPECT_TRUE(Has(node.Decide(), Kind::kPrepare, 2));
}

TEST(ReconcileTest, SharesADeviceAmongSharesOnly) {
  NodeUnderTest node;
  node.Renew();
  node.truth.tasks = {Task(1, v1::TASK_RUNNING, 100, v1::INFERENCE)};
  v1::DesiredAllocation first = Order(1, v1::RUN, 100, v1::INFERENCE),
                        second = Order(2, v1::PREPARE, 100, v1::INFERENCE);
  first.set_device_share_milli(500);
  second.set_device_share_milli(500);
  second.set_devices(0, "device-1");
  node.ReceiveFull(5, {first, second});
  EXPECT_TRUE(Has(node.Decide(), Kind::kPrepare, 2));
}

TEST(ReconcileTest, DecidesNothingAboutTasksWhileTheMachineIsScanned) {
  NodeUnderTest node;
  node.Renew();
  node.truth.scanning = true;
  node.ReceiveFull(5, {Order(1, v1::RUN, 100), Order(2, v1::STOP, 100)});
  for (const Action& action : node.Decide()) EXPECT_EQ(action.kind, Kind::kRenewFence);
  EXPECT_EQ(node.reconciler.applied_revision(), 0u);
}

TEST(ReconcileTest, AssertsLimitsOnceAfterItsStart) {
  NodeUnderTest node;
  node.Renew();
  node.truth.tasks = {Task(1, v1::TASK_RUNNING, 100)};
  node.ReceiveFull(5, {Order(1, v1::RUN, 100)});
  EXPECT_TRUE(Has(node.Decide(), Kind::kSetLimit, 1));
  EXPECT_FALSE(Has(node.Decide(), Kind::kSetLimit, 1));
}

TEST(ReconcileTest, SetsTheLimitAnewWhenTheSameGrantGoesToOtherDevices) {
  NodeUnderTest node;
  node.Renew();
  node.ReceiveFull(5, {Order(1, v1::RUN, 100)});
  node.Settle();
  ASSERT_TRUE(node.Decide().empty());
  v1::DesiredAllocation moved = Order(1, v1::RUN, 100);
  moved.add_segments()->set_count(1);
  node.ReceiveFull(6, {moved});
  EXPECT_TRUE(Has(node.Decide(), Kind::kSetLimit, 1));
}

// ---- stop, end, forget ----

TEST(ReconcileTest, OrdersAShorterGraceForAStopThatGoesOn) {
  NodeUnderTest node;
  node.Renew();
  node.truth.tasks = {Task(1, v1::TASK_RUNNING, 100, v1::TRAINING)};
  v1::DesiredAllocation order = Order(1, v1::STOP, 100, v1::TRAINING);
  node.ReceiveFull(5, {order});
  node.Settle();
  EXPECT_TRUE(node.Decide().empty());
  order.set_grace_ms(100);
  node.ReceiveFull(6, {order});
  const std::vector<Action> actions = node.Decide();
  ASSERT_TRUE(Has(actions, Kind::kStop, 1));
  EXPECT_EQ(actions[0].grace, Milliseconds(100));
}

TEST(ReconcileTest, ReportsAnEndUntilItIsRemovedAndThenForgetsIt) {
  NodeUnderTest node;
  node.Renew();
  node.truth.tasks = {Task(1, v1::TASK_ENDED, 0, v1::TRAINING)};
  node.truth.tasks[0].exit_code = 3;
  node.ReceiveFull(5, {Order(1, v1::RUN, 100, v1::TRAINING)});
  EXPECT_FALSE(Has(node.Decide(), Kind::kForget, 1));
  ASSERT_NE(node.Reported(1), nullptr);
  EXPECT_EQ(node.Reported(1)->exit_code(), 3);
  EXPECT_EQ(node.Reported(1)->confirmed_mw(), 0);
  v1::DesiredSet removal = FullSet(6, {});
  removal.set_base_revision(5);
  removal.add_removed(1);
  ASSERT_TRUE(node.reconciler.ReceiveSet(node.now, removal).ok());
  EXPECT_TRUE(Has(node.Decide(), Kind::kForget, 1));
  node.Settle();
  EXPECT_EQ(node.Reported(1), nullptr);
}

TEST(ReconcileTest, ForgetsNothingByASetThatCameWithoutALease) {
  NodeUnderTest node;
  node.truth.tasks = {Task(1, v1::TASK_ENDED, 0, v1::TRAINING)};
  node.ReceiveFull(5, {});
  EXPECT_FALSE(Has(node.Decide(), Kind::kForget, 1));
}

// ---- epochs ----

TEST(ReconcileTest, EndsAnOlderEpochBeforeItPreparesTheNewOne) {
  NodeUnderTest node;
  node.Renew();
  node.truth.tasks = {Task(1, v1::TASK_RUNNING, 100, v1::TRAINING, 1)};
  node.ReceiveFull(5, {Order(1, v1::PREPARE, 100, v1::TRAINING, 2)});
  EXPECT_TRUE(Has(node.Decide(), Kind::kStop, 1));
  EXPECT_EQ(node.reconciler.applied_revision(), 0u);
  EXPECT_EQ(node.Reported(1)->epoch(), 1u);
  node.Find(1)->phase = v1::TASK_ENDED;
  node.Carry(node.Decide());
  ASSERT_EQ(node.Find(1), nullptr);
  node.Settle();
  ASSERT_NE(node.Find(1), nullptr);
  EXPECT_EQ(node.Find(1)->epoch, 2u);
}

TEST(ReconcileTest, LeavesANewerEpochThanAnOlderStoreKnows) {
  NodeUnderTest node;
  node.Renew();
  node.truth.tasks = {Task(1, v1::TASK_RUNNING, 300, v1::TRAINING, 4)};
  node.ReceiveFull(5, {Order(1, v1::STOP, 100, v1::TRAINING, 3)});
  for (const Action& action : node.Decide()) EXPECT_EQ(action.kind, Kind::kRenewFence);
  EXPECT_EQ(node.Reported(1)->epoch(), 4u);
  EXPECT_EQ(node.Reported(1)->devices_size(), 1);  // for its adoption
}

// ---- orphans ----

TEST(ReconcileTest, StopsHashingOrphansOnlyByAFullSetUnderARunningLease) {
  NodeUnderTest node;
  node.truth.tasks = {Task(9, v1::TASK_RUNNING, 100)};
  EXPECT_FALSE(Has(node.Decide(), Kind::kStop, 9));  // no set at all
  node.ReceiveFull(5, {});
  EXPECT_FALSE(Has(node.Decide(), Kind::kStop, 9));  // no lease
  node.Renew();
  EXPECT_FALSE(Has(node.Decide(), Kind::kStop, 9));  // the set came before the lease
  node.ReceiveFull(5, {});
  EXPECT_TRUE(Has(node.Decide(), Kind::kStop, 9));
}

TEST(ReconcileTest, StopsHashingOrphansBeforeItRaisesAnything) {
  NodeUnderTest node;
  node.Renew();
  node.truth.tasks = {Task(9, v1::TASK_RUNNING, 100)};
  node.ReceiveFull(5, {Order(1, v1::RUN, 100)});
  std::vector<Kind> kinds;
  for (const Action& action : node.Decide()) {
    if (action.kind == Kind::kStop || action.kind == Kind::kPrepare) kinds.push_back(action.kind);
  }
  EXPECT_EQ(kinds, (std::vector<Kind>{Kind::kStop, Kind::kPrepare}));
}

TEST(ReconcileTest, ReportsAndLeavesAiOrphans) {
  NodeUnderTest node;
  node.Renew();
  node.truth.tasks = {Task(9, v1::TASK_RUNNING, 100, v1::TRAINING)};
  node.truth.tasks[0].job = 77;
  node.ReceiveFull(5, {});
  EXPECT_FALSE(Has(node.Decide(), Kind::kStop, 9));
  const v1::AllocationReport* report = node.Reported(9);
  ASSERT_NE(report, nullptr);
  EXPECT_EQ(report->job(), 77u);
  EXPECT_EQ(report->devices_size(), 1);
  EXPECT_EQ(report->revision(), 0u);
}

TEST(ReconcileTest, TakesWhatRunsButIsMissingFromAFullSetForAnOrphan) {
  NodeUnderTest node;
  node.Renew();
  node.ReceiveFull(5, {Order(1, v1::RUN, 100), Order(2, v1::PREPARE, 100, v1::TRAINING)});
  node.Settle();
  node.ReceiveFull(6, {});
  const std::vector<Action> actions = node.Decide();
  EXPECT_TRUE(Has(actions, Kind::kStop, 1));
  EXPECT_FALSE(Has(actions, Kind::kStop, 2));
  EXPECT_NE(node.Reported(2), nullptr);
}

}  // namespace
}  // namespace switchyard::agent::reconcile
