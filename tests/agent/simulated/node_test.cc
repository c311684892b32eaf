#include "agent/runtime/simulated/node.h"

#include "gtest/gtest.h"
#include "tests/agent/simulated/simulated_models.h"

namespace switchyard::agent::simulated {
namespace {

using Kind = reconcile::Action::Kind;

class NodeTest : public testing::Test {
 protected:
  std::unique_ptr<Node> Open(const std::string& state = "") {
    auto node = Node::Open("site/node", settings_, clock_, state);
    EXPECT_TRUE(node.ok()) << node.status();
    return *std::move(node);
  }
  std::unique_ptr<Node> Configured(const std::string& state = "") {
    std::unique_ptr<Node> node = Open(state);
    node->Configure(NodeWelcome());
    return node;
  }
  Power AsicDraw(Node& node) { return node.GroupDraw(0, clock_.Mono()); }
  static const reconcile::TaskTruth& Only(const reconcile::MachineTruth& truth) {
    EXPECT_EQ(truth.tasks.size(), 1u);
    return truth.tasks.front();
  }
  // Time goes by as the session lets it: looked at whenever something changes.
  void Pass(Node& node, Duration span) {
    const MonoTime end = clock_.Mono() + span;
    while (clock_.Mono() < end) {
      const MonoTime next = std::min(std::max(node.NextChange(), clock_.Mono() + Milliseconds(1)), end);
      clock_.Advance(next - clock_.Mono());
      (void)node.Observe();
    }
  }

  platform::ManualClock clock_{MonoTime(1'000), UtcTime(1'795'000'000'000)};
  configuration::SimulatedSettings settings_;
};

TEST_F(NodeTest, KnowsItsDevicesOnlyOnceItWasWelcomed) {
  const std::unique_ptr<Node> node = Open();
  EXPECT_EQ(node->Identify().groups_size(), 0);
  EXPECT_TRUE(node->Observe().scanning);
  node->Configure(NodeWelcome());
  ASSERT_EQ(node->Identify().groups_size(), 2);
  EXPECT_EQ(node->Identify().groups(0).devices_size(), 4);
  EXPECT_EQ(node->Identify().groups(0).enforcer(), v1::ENFORCER_AGENT);
  EXPECT_FALSE(node->Observe().scanning);
  EXPECT_EQ(node->Observe().groups[0].unallocated, Watts(40));
  EXPECT_EQ(node->Observe().groups[0].unallocated_devices, 4);
}

TEST_F(NodeTest, RampsHashingUpAndConfirmsItsWayDown) {
  const std::unique_ptr<Node> node = Configured();
  Start(node.get(), HashingOrder(4, 0, 800'000));
  EXPECT_EQ(AsicDraw(*node), Watts(40));
  Pass(*node, Seconds(20));
  EXPECT_EQ(AsicDraw(*node), Watts(800));
  node->Execute({Act(Kind::kSetLimit, HashingOrder(0, 4, 400'000))});
  EXPECT_EQ(Only(node->Observe()).limit, Watts(400));
  Power last = *Only(node->Observe()).settled;
  EXPECT_EQ(last, Watts(800));
  for (int i = 0; i < 10; ++i) {
    Pass(*node, Seconds(1));
    const reconcile::MachineTruth truth = node->Observe();
    EXPECT_LE(*Only(truth).settled, last);
    EXPECT_GE(*Only(truth).settled, AsicDraw(*node));
    last = *Only(truth).settled;
  }
  EXPECT_EQ(last, Watts(400));
  EXPECT_EQ(AsicDraw(*node), Watts(400));
}

TEST_F(NodeTest, RaisesDevicesOfARackOnlyIntoWhatOthersHaveLeft) {
  const std::unique_ptr<Node> node = Configured();
  Start(node.get(), HashingOrder(2, 0, 420'000));
  Pass(*node, Seconds(20));
  // The same grant on other devices.
  v1::DesiredAllocation moved = HashingOrder(0, 0, 420'000);
  moved.clear_segments();
  for (const auto& [count, point] : {std::pair(2, -1), std::pair(2, 1)}) {
    v1::OperatingSegment* segment = moved.add_segments();
    segment->set_count(count);
    segment->set_point(point);
  }
  node->Execute({Act(Kind::kSetLimit, moved)});
  for (int i = 0; i < 400; ++i) {
    Pass(*node, Milliseconds(100));
    EXPECT_LE(AsicDraw(*node), Watts(420));
  }
  EXPECT_EQ(AsicDraw(*node), Watts(420));
}

TEST_F(NodeTest, HoldsAnOrderWhosePointsExceedItsGrantToTheGrant) {
  const std::unique_ptr<Node> node = Configured();
  Start(node.get(), HashingOrder(4, 0, 450'000));
  Pass(*node, Seconds(30));
  EXPECT_EQ(AsicDraw(*node), Watts(420));
}

TEST_F(NodeTest, NamesAStuckDeviceAndCountsItApartOnceItIsTakenAway) {
  const std::unique_ptr<Node> node = Configured();
  Start(node.get(), HashingOrder(4, 0, 800'000));
  Pass(*node, Seconds(20));
  ASSERT_TRUE(node->SetDefect(DeviceName("asic", 2), Defect::kStuck));
  EXPECT_FALSE(node->SetDefect("nobody", Defect::kStuck));
  node->Execute({Act(Kind::kSetLimit, HashingOrder(0, 4, 400'000))});
  Pass(*node, Seconds(10));
  EXPECT_TRUE(Only(node->Observe()).faults.empty());
  Pass(*node, Seconds(2));
  const reconcile::MachineTruth truth = node->Observe();
  ASSERT_EQ(Only(truth).faults.size(), 1u);
  EXPECT_EQ(Only(truth).faults[0].device(), DeviceName("asic", 2));
  EXPECT_EQ(Only(truth).settled, Watts(500));

  v1::DesiredAllocation without = HashingOrder(0, 3, 300'000);
  without.clear_devices();
  for (const int i : {1, 3, 4}) without.add_devices(DeviceName("asic", i));
  node->Execute({Act(Kind::kSetLimit, without)});
  Pass(*node, Seconds(12));
  const reconcile::MachineTruth after = node->Observe();
  EXPECT_EQ(Only(after).settled, Watts(300));
  EXPECT_EQ(after.groups[0].unallocated_devices, 0);
  ASSERT_EQ(after.groups[0].faults.size(), 1u);
}

TEST_F(NodeTest, StopsHashingWhenItsDevicesAreIdle) {
  const std::unique_ptr<Node> node = Configured();
  Start(node.get(), HashingOrder(4, 0, 800'000));
  Pass(*node, Seconds(20));
  node->Execute({Act(Kind::kStop, HashingOrder(4, 0, 800'000))});
  EXPECT_EQ(Only(node->Observe()).phase, v1::TASK_STOPPING);
  Pass(*node, Seconds(10));
  EXPECT_EQ(Only(node->Observe()).phase, v1::TASK_ENDED);
  EXPECT_EQ(node->Observe().groups[0].unallocated, Watts(40));
  node->Execute({Act(Kind::kForget, HashingOrder(4, 0, 800'000))});
  EXPECT_TRUE(node->Observe().tasks.empty());
}

TEST_F(NodeTest, CountsHashesAndEnergy) {
  const std::unique_ptr<Node> node = Configured();
  Start(node.get(), HashingOrder(4, 0, 800'000));
  Pass(*node, Seconds(120));
  const reconcile::MachineTruth truth = node->Observe();
  EXPECT_EQ(Only(truth).hashes_gh, 4 * 8'000 * 120);
  EXPECT_GT(Only(truth).energy.count(), 800'000 * 100);
  EXPECT_LT(Only(truth).energy.count(), 800'000 * 120);
}

TEST_F(NodeTest, RunsAHollowTaskForItsTimeAndExitsWithItsCode) {
  const std::unique_ptr<Node> node = Configured();
  const v1::DesiredAllocation order = GpuOrder(7, 300'000, "2000", "3");
  node->Execute({Act(Kind::kPrepare, order)});
  EXPECT_EQ(Only(node->Observe()).phase, v1::TASK_PREPARED);
  EXPECT_EQ(node->GroupDraw(1, clock_.Mono()), Watts(100));
  node->Execute({Act(Kind::kRelease, order)});
  Pass(*node, Seconds(1));
  EXPECT_EQ(Only(node->Observe()).phase, v1::TASK_RUNNING);
  EXPECT_GT(node->GroupDraw(1, clock_.Mono()), Watts(150));
  EXPECT_LE(node->GroupDraw(1, clock_.Mono()), Watts(350));
  Pass(*node, Milliseconds(1'500));
  EXPECT_EQ(Only(node->Observe()).phase, v1::TASK_ENDED);
  EXPECT_EQ(Only(node->Observe()).exit_code, 3);
}

TEST_F(NodeTest, RunsUntilItIsStoppedWithinItsGrace) {
  const std::unique_ptr<Node> node = Configured();
  const v1::DesiredAllocation order = GpuOrder(7, 300'000);
  Start(node.get(), order);
  Pass(*node, Hours(2));
  EXPECT_EQ(Only(node->Observe()).phase, v1::TASK_RUNNING);
  node->Execute({Act(Kind::kStop, order, Seconds(5))});
  Pass(*node, Seconds(5));
  EXPECT_EQ(Only(node->Observe()).phase, v1::TASK_ENDED);
  EXPECT_EQ(Only(node->Observe()).exit_code, 143);
}

TEST_F(NodeTest, DividesRunTimesByItsSpeed) {
  settings_.speed = 100;
  const std::unique_ptr<Node> node = Configured();
  Start(node.get(), GpuOrder(7, 300'000, "100000"));
  Pass(*node, Seconds(2));
  EXPECT_EQ(Only(node->Observe()).phase, v1::TASK_ENDED);
}

TEST_F(NodeTest, EndsAtOnceWhereADeviceIsNotOnTheNode) {
  const std::unique_ptr<Node> node = Configured();
  v1::DesiredAllocation order = GpuOrder(7, 300'000);
  order.add_devices("elsewhere");
  node->Execute({Act(Kind::kPrepare, order)});
  EXPECT_EQ(Only(node->Observe()).phase, v1::TASK_ENDED);
  EXPECT_NE(Only(node->Observe()).exit_code, 0);
}

TEST_F(NodeTest, FallsBackToItsFloor) {
  const std::unique_ptr<Node> node = Configured();
  Start(node.get(), HashingOrder(4, 0, 800'000));
  Start(node.get(), GpuOrder(7, 300'000));
  Pass(*node, Seconds(20));
  const Power gpus = node->GroupDraw(1, clock_.Mono());
  node->Execute({Act(Kind::kFallback, v1::DesiredAllocation())});
  EXPECT_EQ(node->Observe().tasks[0].limit, node->Observe().tasks[0].floor);
  Pass(*node, Seconds(10));
  EXPECT_EQ(AsicDraw(*node), Watts(40));
  EXPECT_EQ(node->GroupDraw(1, clock_.Mono()), gpus);
}

TEST_F(NodeTest, FallsBackDeviceByDeviceAndRaisesNone) {
  const std::unique_ptr<Node> node = Configured();
  // Two at 200 W, one at 100 W, one off; each may go on at 100 W.
  v1::DesiredAllocation order = HashingOrder(2, 1, 510'000);
  order.set_fallback_mw(100'000);
  Start(node.get(), order);
  Pass(*node, Seconds(20));
  ASSERT_EQ(AsicDraw(*node), Watts(510));
  EXPECT_EQ(Only(node->Observe()).fallback, Watts(310));
  node->Execute({Act(Kind::kFallback, v1::DesiredAllocation())});
  EXPECT_EQ(Only(node->Observe()).limit, Watts(310));
  EXPECT_EQ(Only(node->Observe()).fallback, Watts(310));
  Pass(*node, Seconds(10));
  EXPECT_EQ(AsicDraw(*node), Watts(310)) << "the one that was off stays off";
  // It goes on hashing at its point.
  const int64_t before = Only(node->Observe()).hashes_gh;
  Pass(*node, Seconds(10));
  EXPECT_EQ(Only(node->Observe()).hashes_gh - before, 10 * 3 * 5'000);
}

TEST_F(NodeTest, WhatWaitedToRiseDoesNotRiseByAFallback) {
  const std::unique_ptr<Node> node = Configured();
  v1::DesiredAllocation order = HashingOrder(2, 0, 420'000);
  order.set_fallback_mw(100'000);
  Start(node.get(), order);
  Pass(*node, Seconds(20));
  // The same grant on the other two devices: they wait until the first two have fallen.
  v1::DesiredAllocation moved = order;
  moved.clear_segments();
  for (const auto& [count, point] : {std::pair(2, -1), std::pair(2, 1)}) {
    v1::OperatingSegment* segment = moved.add_segments();
    segment->set_count(count);
    segment->set_point(point);
  }
  node->Execute({Act(Kind::kSetLimit, moved), Act(Kind::kFallback, v1::DesiredAllocation())});
  Pass(*node, Seconds(30));
  EXPECT_EQ(AsicDraw(*node), Watts(40));
}

TEST_F(NodeTest, IsFoundOnItsRampsByTheNextProcess) {
  const TemporaryDirectory directory;
  std::string incarnation, boot;
  {
    const std::unique_ptr<Node> node = Configured(directory / "node");
    incarnation = node->Identify().agent_incarnation();
    boot = node->Identify().boot_id();
    Start(node.get(), HashingOrder(4, 0, 800'000));
    Start(node.get(), GpuOrder(7, 300'000, "60000", "0"));
    Pass(*node, Seconds(5));
  }
  // Nothing is running meanwhile; the devices go on. The next process has another clock.
  platform::ManualClock later(MonoTime(50), UtcTime(clock_.Utc().milliseconds() + 20'000));
  auto node = Node::Open("site/node", settings_, later, directory / "node");
  ASSERT_TRUE(node.ok()) << node.status();
  EXPECT_EQ((*node)->Identify().agent_incarnation(), incarnation);
  EXPECT_EQ((*node)->Identify().boot_id(), boot);
  const reconcile::MachineTruth truth = (*node)->Observe();
  EXPECT_FALSE(truth.scanning);
  ASSERT_EQ(truth.tasks.size(), 2u);
  EXPECT_EQ(truth.tasks[0].phase, v1::TASK_RUNNING);
  EXPECT_EQ((*node)->GroupDraw(0, later.Mono()), Watts(800));
  later.Advance(Seconds(36));
  (void)(*node)->Observe();
  later.Advance(Seconds(1));
  EXPECT_EQ((*node)->Observe().tasks[1].phase, v1::TASK_ENDED);
}

TEST_F(NodeTest, RefusesADamagedStateFile) {
  const TemporaryDirectory directory;
  Configured(directory / "node").reset();
  std::string bytes = ReadAll(directory / "node");
  bytes[bytes.size() / 2] ^= 1;
  std::ofstream(directory / "node", std::ios::trunc) << bytes;
  EXPECT_EQ(Node::Open("site/node", settings_, clock_, directory / "node").status().code(),
            absl::StatusCode::kDataLoss);
}

TEST_F(NodeTest, LosesProcessesAndNotExternalDevicesInAReboot) {
  const std::unique_ptr<Node> node = Configured();
  Start(node.get(), HashingOrder(4, 0, 800'000));
  Start(node.get(), GpuOrder(7, 300'000));
  Pass(*node, Seconds(20));
  const std::string boot = node->Identify().boot_id();
  node->Reboot();
  EXPECT_NE(node->Identify().boot_id(), boot);
  EXPECT_TRUE(node->Observe().scanning);
  EXPECT_EQ(AsicDraw(*node), Watts(800));
  EXPECT_EQ(node->GroupDraw(1, clock_.Mono()), Watts(100));
  Pass(*node, Seconds(1));
  EXPECT_FALSE(node->Observe().scanning);
  EXPECT_EQ(Only(node->Observe()).allocation, 1u);
}

TEST_F(NodeTest, FindsWhatRunsAfterItsStateWasWiped) {
  const std::unique_ptr<Node> node = Configured();
  Start(node.get(), GpuOrder(7, 300'000));
  const std::string incarnation = node->Identify().agent_incarnation(), hardware = node->Identify().hardware_id();
  node->Wipe();
  EXPECT_NE(node->Identify().agent_incarnation(), incarnation);
  EXPECT_EQ(node->Identify().hardware_id(), hardware);
  Pass(*node, Seconds(1));
  EXPECT_EQ(Only(node->Observe()).allocation, 7u);
}

TEST_F(NodeTest, DrawsItsDefectsFromTheSeed) {
  settings_.defects.stuck = PartsPerMillion(1'000'000);
  const std::unique_ptr<Node> node = Configured();
  for (const Device& device : node->groups()[0].devices) EXPECT_EQ(device.defect(), Defect::kStuck);
  settings_.defects = {
      .liars = PartsPerMillion(300'000), .stuck = PartsPerMillion(300'000), .slow = PartsPerMillion(300'000)};
  const std::unique_ptr<Node> first = Configured(), second = Configured();
  for (size_t i = 0; i < 4; ++i)
    EXPECT_EQ(first->groups()[0].devices[i].defect(), second->groups()[0].devices[i].defect());
}

}  // namespace
}  // namespace switchyard::agent::simulated
