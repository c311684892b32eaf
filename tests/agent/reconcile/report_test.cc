#include "gtest/gtest.h"
#include "tests/agent/reconcile/node_under_test.h"

namespace switchyard::agent::reconcile {
namespace {

TEST(ReportTest, LowersTheConfirmationStepByStepAsDevicesComply) {
  NodeUnderTest node;
  node.Renew();
  node.ReceiveFull(5, {Order(1, v1::RUN, 300)});
  node.Settle();
  node.ReceiveFull(6, {Order(1, v1::RUN, 100)});
  node.Settle();
  EXPECT_EQ(node.Reported(1)->confirmed_mw(), -1);  // acknowledged, and not known how far it has come
  for (const int64_t settled : {300, 200, 100}) {
    node.Find(1)->settled = Milliwatts(settled);
    node.Find(1)->reading = Milliwatts(settled);
    node.Decide();
    EXPECT_EQ(node.Reported(1)->revision(), 6u);
    EXPECT_EQ(node.Reported(1)->confirmed_mw(), settled);
    EXPECT_EQ(node.Reported(1)->reading_mw(), settled);
  }
}

TEST(ReportTest, KeepsTheRevisionOfAnAllocationWhoseLoweringIsNotCarriedOut) {
  NodeUnderTest node;
  node.Renew();
  node.ReceiveFull(5, {Order(1, v1::RUN, 300)});
  node.Settle();
  node.ReceiveFull(6, {Order(1, v1::RUN, 100)});
  node.Find(1)->settled = Milliwatts(300);
  node.Decide();  // ordered, and the machine has not done it
  EXPECT_EQ(node.Reported(1)->revision(), 5u);
  EXPECT_EQ(node.report.applied_revision(), 5u);
}

TEST(ReportTest, SaysNothingOfTasksWhileItScans) {
  NodeUnderTest node;
  node.truth.scanning = true;
  node.truth.tasks = {Task(1, v1::TASK_RUNNING, 100)};
  const v1::NodeReport report = node.reconciler.Report(node.now, node.truth);
  EXPECT_TRUE(report.scanning());
  EXPECT_EQ(report.allocations_size(), 0);
}

TEST(ReportTest, NamesWhatWaitsForItsTurnAndWhatIsOver) {
  NodeUnderTest node;
  node.ReceiveFull(5, {Order(1, v1::PREPARE, 100, v1::TRAINING), Order(2, v1::STOP, 100, v1::TRAINING)});
  node.Decide();
  EXPECT_EQ(node.Reported(1)->phase(), v1::TASK_PREPARING);
  EXPECT_EQ(node.Reported(1)->confirmed_mw(), -1);
  EXPECT_EQ(node.Reported(2)->phase(), v1::TASK_ENDED);
  EXPECT_EQ(node.Reported(2)->confirmed_mw(), 0);
}

TEST(ReportTest, GivesTheHashOfTheSetThatItHolds) {
  NodeUnderTest node;
  node.Renew();
  const v1::DesiredSet set = FullSet(5, {Order(1, v1::RUN, 100), Order(7, v1::STOP, 20)});
  ASSERT_TRUE(node.reconciler.ReceiveSet(node.now, set).ok());
  node.Decide();
  EXPECT_EQ(node.reconciler.Report(node.now, node.truth).set_hash(), set.set_hash());
}

TEST(ReportTest, NamesDevicesUntilTheSchedulerOfThisStreamHasShownThatItKnowsTheTask) {
  NodeUnderTest node;
  node.Renew();
  node.ReceiveFull(5, {Order(1, v1::RUN, 100, v1::TRAINING)});
  node.truth.tasks = {Task(1, v1::TASK_RUNNING, 100, v1::TRAINING)};
  node.Decide();
  EXPECT_EQ(node.Reported(1)->devices_size(), 0);
  node.reconciler.SessionStarted();  // its store may be an empty one: to it the task is an orphan that holds these devices
  node.Decide();
  ASSERT_EQ(node.Reported(1)->devices_size(), 1);
  EXPECT_EQ(node.Reported(1)->devices(0), "device-1");
  node.Renew();
  node.ReceiveFull(6, {Order(1, v1::RUN, 100, v1::TRAINING)});
  node.Decide();
  EXPECT_EQ(node.Reported(1)->devices_size(), 0);
}

TEST(ReportTest, CutsReasonsToTheBoundOfTheWire) {
  NodeUnderTest node;
  node.truth.tasks = {Task(1, v1::TASK_RUNNING, 100)};
  node.truth.tasks[0].reason.assign(2000, 'x');
  v1::DeviceFault fault;
  fault.set_device("device-1");
  fault.set_reason(std::string(2000, 'y'));
  node.truth.tasks[0].faults = {fault};
  node.truth.groups = {{"asic", Milliwatts(40), 3, {fault}}};
  node.Decide();
  EXPECT_EQ(node.Reported(1)->reason().size(), 512u);
  EXPECT_EQ(node.Reported(1)->faults(0).reason().size(), 256u);
  ASSERT_EQ(node.report.groups_size(), 1);
  EXPECT_EQ(node.report.groups(0).unallocated_mw(), 40);
  EXPECT_EQ(node.report.groups(0).unallocated_devices(), 3);
}

TEST(ReportTest, LetsTheLiveEpochSpeakWhereTwoAreOnTheMachine) {
  NodeUnderTest node;
  node.truth.tasks = {Task(1, v1::TASK_RUNNING, 100, v1::TRAINING, 1), Task(1, v1::TASK_ENDED, 0, v1::TRAINING, 2)};
  node.Decide();
  EXPECT_EQ(node.Reported(1)->epoch(), 1u);
  EXPECT_EQ(node.report.allocations_size(), 1);
}

}  // namespace
}  // namespace switchyard::agent::reconcile
