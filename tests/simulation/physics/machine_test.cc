#include "simulation/physics/machine.h"

#include <algorithm>
#include <memory>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/cluster_builder.h"

namespace switchyard::simulation {
namespace {

using agent::reconcile::Action;
using agent::reconcile::TaskTruth;

constexpr MonoTime At(int64_t ms) { return MonoTime(ms); }

class Witness : public MachineObserver {
 public:
  void OnInstruction(MonoTime now, const std::string&, const v1::DesiredAllocation& order) override {
    log.push_back("runs " + std::to_string(order.allocation()));
    last = now;
  }
  void OnGone(MonoTime now, const std::string&, uint64_t allocation, uint32_t) override {
    log.push_back("gone " + std::to_string(allocation));
    last = now;
  }
  void OnPrepared(MonoTime, const std::string&, const v1::DesiredAllocation& order) override {
    log.push_back("prepared " + std::to_string(order.allocation()));
  }
  std::vector<std::string> log;
  MonoTime last;
};

class MachineTest : public ::testing::Test {
 protected:
  MachineTest() { cluster_.Rack("r").Server("s").Box("c"); }

  Machine& Make(const std::string& node) {
    const v1::ClusterConfiguration& configuration = cluster_.configuration();
    book_.Load(configuration);
    std::map<std::string, v1::DeviceModel> devices;
    for (const v1::DeviceModel& model : configuration.device_models()) devices[model.id()] = model;
    for (const v1::Node& node_of : configuration.nodes()) {
      if (node_of.id() != node) continue;
      for (const v1::NodeModel& model : configuration.node_models()) {
        if (model.id() == node_of.model())
          machine_ = std::make_unique<Machine>("site/" + node, model, devices, 7, &book_, &witness_);
      }
    }
    group_ = machine_->Identify().groups(0).group();
    return *machine_;
  }

  v1::DesiredAllocation Order(uint64_t id, v1::JobKind kind, Power grant, int devices, int first = 0) {
    v1::DesiredAllocation order;
    order.set_allocation(id);
    order.set_epoch(1);
    order.set_job(id);
    order.set_kind(kind);
    order.set_grant_mw(grant.count());
    order.set_group(group_);
    order.set_device_share_milli(1000);
    const std::vector<std::string> ids = machine_->DeviceIds();
    for (int i = first; i < first + devices; ++i) order.add_devices(ids[static_cast<size_t>(i)]);
    return order;
  }

  v1::DesiredAllocation Hashing(uint64_t id, Power grant, int devices, int count, int point) {
    v1::DesiredAllocation order = Order(id, v1::HASHING, grant, devices);
    v1::OperatingSegment* segment = order.add_segments();
    segment->set_count(count);
    segment->set_point(point);
    return order;
  }

  void Do(MonoTime now, Action::Kind kind, const v1::DesiredAllocation& order, Duration grace = {}) {
    Action action;
    action.kind = kind;
    action.allocation = order.allocation();
    action.order = order;
    action.limit = Milliwatts(order.grant_mw());
    action.grace = grace;
    action.lease_end = MonoTime(order.fence_after_ms());
    Run(now);
    machine_->Execute(now, {action});
  }
  void Lease(MonoTime now, MonoTime end) {
    Action action;
    action.kind = Action::Kind::kRenewFence;
    action.lease_end = end;
    machine_->Execute(now, {action});
  }

  // As the world does: Advance at each change.
  void Run(MonoTime until) {
    for (MonoTime next = machine_->NextChange(now_); next <= until; next = machine_->NextChange(now_)) {
      now_ = next;
      machine_->Advance(now_);
    }
    now_ = until;
    machine_->Advance(until);
    book_.Advance(until);
  }
  Power Drawn() { return book_.DrawOf(machine_->node(), group_); }
  const TaskTruth& Task(MonoTime now) { return machine_->Look(now).tasks.at(0); }

  testing::ClusterBuilder cluster_;
  DrawBook book_;
  Witness witness_;
  std::unique_ptr<Machine> machine_;
  std::string group_;
  MonoTime now_;
};

TEST_F(MachineTest, ARackCompliesStepByStepAndSaysSo) {
  Make("r");
  Do(At(1000), Action::Kind::kPrepare, Hashing(1, Watts(30'000), 10, 10, 1));
  Do(At(1000), Action::Kind::kRelease, Hashing(1, Watts(30'000), 10, 10, 1));
  Run(At(20'000));
  EXPECT_EQ(Drawn(), Watts(30'000));
  Do(At(20'000), Action::Kind::kSetLimit, Hashing(1, Watts(10'000), 10, 10, 0));
  EXPECT_EQ(Task(At(20'000)).limit, Watts(10'000));
  EXPECT_EQ(Task(At(20'000)).settled, Watts(30'000));
  Run(At(20'800));
  const Power between = *Task(At(20'800)).settled;
  EXPECT_LT(between, Watts(30'000));
  EXPECT_GT(between, Watts(10'000));
  EXPECT_GE(between, Drawn());
  Run(At(21'250));
  EXPECT_EQ(Task(At(21'250)).settled, Watts(10'000));
  EXPECT_EQ(Drawn(), Watts(10'000));
}

TEST_F(MachineTest, AStartGoesOverItsTransientAndNoHigher) {
  cluster_.Device("asic").set_transient_mw(3'600'000);
  Make("r");
  Run(At(999));
  Power highest;
  book_.OnPeak([&](MonoTime, uint32_t, Power draw) { highest = std::max(highest, draw); });
  book_.Watch(0, Watts(0));
  Do(At(60'000), Action::Kind::kPrepare, Hashing(1, Watts(3025 + 8 * 25), 10, 1, 1));
  Do(At(60'000), Action::Kind::kSetLimit, Hashing(1, Watts(3025 + 8 * 25), 10, 1, 1));
  const bool hot = Drawn() > Watts(10'000);
  Do(At(60'000), Action::Kind::kRelease, Hashing(1, Watts(3000 + 9 * 25), 10, 1, 1));
  Run(At(90'000));
  EXPECT_EQ(Drawn(), Watts(3000 + 9 * 25));
  if (!hot) {
    EXPECT_GT(highest, Watts(425 + 3000 + 9 * 25));
    EXPECT_LE(highest, Watts(500 + 3600 + 9 * 25));
  }
}

TEST_F(MachineTest, AiStaysBelowItsLimitAndSwings) {
  Make("s");
  const v1::DesiredAllocation order = Order(5, v1::TRAINING, Watts(1400), 2);
  Do(At(1000), Action::Kind::kPrepare, order);
  EXPECT_EQ(Drawn(), Watts(800));
  Do(At(2000), Action::Kind::kRelease, order);
  Power least = Watts(100'000), most;
  for (int64_t t = 10'000; t < 60'000; t += 100) {
    Run(At(t));
    least = std::min(least, Drawn());
    most = std::max(most, Drawn());
  }
  EXPECT_LE(most, Watts(600 + 1400));
  EXPECT_EQ(most, Watts(600) + Watts(1400) / 100 * 95);
  EXPECT_EQ(least, Watts(600) + Watts(1400) / 100 * 55);
  EXPECT_THAT(witness_.log, ::testing::ElementsAre("prepared 5", "runs 5"));
}

TEST_F(MachineTest, HashingUnderADeviceEnforcerFallsBackByItselfAtTheEndOfTheLease) {
  Make("r");
  Do(At(1000), Action::Kind::kPrepare, Hashing(1, Watts(30'000), 10, 10, 1));
  Lease(At(1000), At(31'000));
  Do(At(1000), Action::Kind::kRelease, Hashing(1, Watts(30'000), 10, 10, 1));
  Run(At(30'999));
  EXPECT_EQ(Drawn(), Watts(30'000));
  EXPECT_EQ(machine_->NextChange(now_), At(31'000));
  Run(At(32'000));
  EXPECT_EQ(Drawn(), Watts(250));
  EXPECT_EQ(Task(At(32'000)).limit, Task(At(32'000)).floor);
  // Lease and order again: it hashes again.
  Lease(At(40'000), At(80'000));
  Do(At(40'000), Action::Kind::kSetLimit, Hashing(1, Watts(30'000), 10, 10, 1));
  Run(At(50'000));
  EXPECT_EQ(Drawn(), Watts(30'000));
}

TEST_F(MachineTest, HashingThatOnlyItsAgentEnforcesGoesOn) {
  cluster_.Device("asic").set_enforcer(v1::ENFORCER_AGENT);
  Make("r");
  Do(At(1000), Action::Kind::kPrepare, Hashing(1, Watts(30'000), 10, 10, 1));
  Lease(At(1000), At(31'000));
  Do(At(1000), Action::Kind::kRelease, Hashing(1, Watts(30'000), 10, 10, 1));
  Run(At(90'000));
  EXPECT_EQ(Drawn(), Watts(30'000));
}

TEST_F(MachineTest, FallbackHoldsThePointThatTheOrderNamesAndNeverRaises) {
  Make("r");
  v1::DesiredAllocation order = Hashing(1, Watts(3000 + 9 * 25), 10, 1, 1);
  order.set_fallback_mw(1'000'000);
  Do(At(1000), Action::Kind::kPrepare, order);
  Lease(At(1000), At(31'000));
  Do(At(1000), Action::Kind::kRelease, order);
  Run(At(40'000));
  EXPECT_EQ(Drawn(), Watts(1000 + 9 * 25));
}

TEST_F(MachineTest, AiIsFencedOnlyWhereItsOrderSaysSo) {
  Make("s");
  v1::DesiredAllocation fenced = Order(5, v1::INFERENCE, Watts(700), 1);
  fenced.set_fence_after_ms(20'000);
  for (const auto& order : {fenced, Order(6, v1::TRAINING, Watts(700), 1, 1)}) {
    Do(At(1000), Action::Kind::kPrepare, order);
    Do(At(1000), Action::Kind::kRelease, order);
  }
  Lease(At(1000), At(11'000));
  Run(At(30'999));
  EXPECT_EQ(witness_.log.size(), 4u);
  Run(At(60'000));
  EXPECT_EQ(witness_.log.back(), "gone 5");
  EXPECT_EQ(witness_.last, At(31'000));
  EXPECT_EQ(machine_->tasks().at(6).phase, v1::TASK_RUNNING);
}

TEST_F(MachineTest, ATaskEndsByItselfWithItsCode) {
  Make("s");
  machine_->SetRun(5, Seconds(10), 3);
  Do(At(1000), Action::Kind::kPrepare, Order(5, v1::TRAINING, Watts(700), 1));
  Do(At(2000), Action::Kind::kRelease, Order(5, v1::TRAINING, Watts(700), 1));
  Run(At(20'000));
  EXPECT_EQ(witness_.last, At(12'000));
  EXPECT_EQ(Task(At(20'000)).phase, v1::TASK_ENDED);
  EXPECT_EQ(Task(At(20'000)).exit_code, 3);
  Do(At(20'000), Action::Kind::kForget, Order(5, v1::TRAINING, Watts(700), 1));
  EXPECT_TRUE(machine_->Look(At(20'000)).tasks.empty());
}

TEST_F(MachineTest, AStopIsOverWithinItsGraceAndIsNeverPutOff) {
  Make("s");
  const v1::DesiredAllocation order = Order(5, v1::TRAINING, Watts(700), 1);
  Do(At(1000), Action::Kind::kPrepare, order);
  Do(At(1000), Action::Kind::kRelease, order);
  Do(At(10'000), Action::Kind::kStop, order, Seconds(4));
  Do(At(11'000), Action::Kind::kStop, order, Seconds(60));
  Run(At(14'000));
  EXPECT_EQ(witness_.log.back(), "gone 5");
  EXPECT_LE(witness_.last, At(14'000));
}

TEST_F(MachineTest, ALiarStaysUpReadsLowAndHasAnAllowance) {
  Make("r");
  Do(At(1000), Action::Kind::kPrepare, Hashing(1, Watts(30'000), 10, 10, 1));
  Do(At(1000), Action::Kind::kRelease, Hashing(1, Watts(30'000), 10, 10, 1));
  Run(At(20'000));
  machine_->Break(At(20'000), FaultKind::kDeviceLies, "site/r/asic/3", Seconds(60), 0);
  Do(At(20'000), Action::Kind::kSetLimit, Hashing(1, Watts(10'000), 10, 10, 0));
  Run(At(30'000));
  EXPECT_EQ(Drawn(), Watts(12'000));
  EXPECT_EQ(Task(At(30'000)).settled, Watts(10'000));
  EXPECT_TRUE(Task(At(30'000)).faults.empty());
  ASSERT_EQ(book_.allowances().size(), 1u);
  EXPECT_EQ(book_.allowances()[0].cause, Name(FaultKind::kDeviceLies));
  Run(At(90'000));
  EXPECT_EQ(Drawn(), Watts(10'000));
  EXPECT_EQ(book_.allowances()[0].until, At(81'000));
}

TEST_F(MachineTest, AStuckDeviceIsNamedAfterItsWorstRamp) {
  Make("r");
  Do(At(1000), Action::Kind::kPrepare, Hashing(1, Watts(30'000), 10, 10, 1));
  Do(At(1000), Action::Kind::kRelease, Hashing(1, Watts(30'000), 10, 10, 1));
  Run(At(20'000));
  machine_->Break(At(20'000), FaultKind::kDeviceSticks, "asic/3", Duration(), 0);
  Do(At(20'000), Action::Kind::kSetLimit, Hashing(1, Watts(10'000), 10, 10, 0));
  Run(At(21'100));
  EXPECT_TRUE(Task(At(21'100)).faults.empty());
  Run(At(22'000));
  ASSERT_EQ(Task(At(22'000)).faults.size(), 1u);
  EXPECT_EQ(Task(At(22'000)).faults[0].device(), machine_->DeviceIds()[3]);
  EXPECT_EQ(Task(At(22'000)).settled, Watts(12'000));
}

TEST_F(MachineTest, PowerComesBackAsTheClassSays) {
  Make("r");
  Do(At(1000), Action::Kind::kPrepare, Hashing(1, Watts(30'000), 10, 10, 1));
  Do(At(1000), Action::Kind::kRelease, Hashing(1, Watts(30'000), 10, 10, 1));
  Run(At(20'000));
  const std::string boot = machine_->Identify().boot_id();
  machine_->LosePower(At(20'000), Seconds(30));
  book_.Advance(At(20'000));
  EXPECT_EQ(Drawn(), Watts(0));
  EXPECT_EQ(book_.DrawOf("site/r", ""), Watts(0));
  EXPECT_FALSE(machine_->powered(At(20'000)));
  Run(At(60'000));
  EXPECT_EQ(Drawn(), Watts(30'000));  // PERSISTENT: the last setting
  EXPECT_NE(machine_->Identify().boot_id(), boot);

  Make("s");
  now_ = At(60'000);
  Do(At(61'000), Action::Kind::kPrepare, Order(5, v1::TRAINING, Watts(700), 1));
  Do(At(61'000), Action::Kind::kRelease, Order(5, v1::TRAINING, Watts(700), 1));
  Run(At(70'000));
  machine_->LosePower(At(70'000), Seconds(30));
  EXPECT_EQ(witness_.log.back(), "gone 5");
  Run(At(110'000));
  EXPECT_EQ(Drawn(), Watts(800));
  EXPECT_TRUE(machine_->Look(At(110'000)).tasks.empty());
}

TEST_F(MachineTest, ARebootOfTheHostLeavesMinersHashing) {
  Make("r");
  Do(At(1000), Action::Kind::kPrepare, Hashing(1, Watts(30'000), 10, 10, 1));
  Do(At(1000), Action::Kind::kRelease, Hashing(1, Watts(30'000), 10, 10, 1));
  Run(At(20'000));
  machine_->Reboot(At(20'000), Seconds(30));
  EXPECT_TRUE(machine_->Look(At(21'000)).scanning);
  book_.Advance(At(21'000));
  EXPECT_EQ(Drawn(), Watts(30'000));
  Run(At(60'000));
  EXPECT_FALSE(machine_->Look(At(60'000)).scanning);
  EXPECT_EQ(Task(At(60'000)).limit, Watts(30'000));
}

TEST_F(MachineTest, ASleepingHostIsFencedBeforeItGoesOn) {
  Make("c");
  Do(At(1000), Action::Kind::kPrepare, Hashing(1, Watts(100), 4, 4, 0));
  Lease(At(1000), At(31'000));
  Do(At(1000), Action::Kind::kRelease, Hashing(1, Watts(100), 4, 4, 0));
  Run(At(20'000));
  EXPECT_EQ(Drawn(), Watts(100));
  machine_->Suspend(At(20'000));
  Run(At(25'000));
  EXPECT_EQ(Drawn(), Watts(20));
  Run(At(50'000));
  Power highest;
  book_.OnPeak([&](MonoTime, uint32_t, Power draw) { highest = std::max(highest, draw); });
  book_.Watch(0, book_.Draw(0, At(50'000)));
  machine_->Resume(At(50'000));
  Run(At(70'000));
  EXPECT_EQ(Drawn(), Watts(20));
  EXPECT_EQ(highest, Power());
}

TEST_F(MachineTest, WhatRisesWaitsForWhatFallsUnderTheLimit) {
  Make("r");
  Do(At(1000), Action::Kind::kPrepare, Hashing(1, Watts(12'175), 10, 3, 1));
  Do(At(1000), Action::Kind::kRelease, Hashing(1, Watts(12'175), 10, 3, 1));
  Run(At(20'000));
  EXPECT_EQ(Drawn(), Watts(9175));
  book_.OnPeak([](MonoTime at, uint32_t, Power draw) { ADD_FAILURE() << at << " " << draw; });
  book_.Watch(0, book_.Draw(0, At(20'000)));
  // Three off and three others on, at the same watts.
  v1::DesiredAllocation order = Order(1, v1::HASHING, Watts(9175), 10);
  for (const auto& [count, point] : std::vector<std::pair<int, int>>{{3, -1}, {3, 1}}) {
    v1::OperatingSegment* segment = order.add_segments();
    segment->set_count(count);
    segment->set_point(point);
  }
  Do(At(20'000), Action::Kind::kSetLimit, order);
  Run(At(40'000));
  EXPECT_EQ(Drawn(), Watts(9175));
}

TEST_F(MachineTest, LimitsAndTasksOutliveTheAgent) {
  Make("s");
  const v1::DesiredAllocation order = Order(5, v1::TRAINING, Watts(700), 1);
  Do(At(1000), Action::Kind::kPrepare, order);
  machine_->AgentExited(At(2000));
  machine_->AgentStarted(At(5000));
  EXPECT_TRUE(machine_->Look(At(5000)).scanning);
  Run(At(8000));
  EXPECT_FALSE(machine_->Look(At(8000)).scanning);
  EXPECT_EQ(Task(At(8000)).phase, v1::TASK_PREPARED);
  EXPECT_EQ(Task(At(8000)).limit, Watts(700));
}

TEST_F(MachineTest, AWipedAgentIsTheSameMachineAndReplacedHardwareIsNot) {
  Make("s");
  const v1::NodeHello before = machine_->Identify();
  machine_->WipeAgent(At(1000));
  EXPECT_NE(machine_->Identify().agent_incarnation(), before.agent_incarnation());
  EXPECT_EQ(machine_->Identify().hardware_id(), before.hardware_id());
  machine_->ReplaceHardware(At(2000));
  EXPECT_NE(machine_->Identify().hardware_id(), before.hardware_id());
  EXPECT_NE(machine_->Identify().groups(0).devices(0), before.groups(0).devices(0));
}

}  // namespace
}  // namespace switchyard::simulation
