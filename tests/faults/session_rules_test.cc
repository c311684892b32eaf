// What each field of an agent's words is worth to the core, where no golden scenario says so. Run once as it is, and
// with the mutation that ignores the field (seen.py), when it has to fail.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <string>

#include "scheduler/core/state.h"
#include "tests/support/cluster_builder.h"
#include "tests/support/core_harness.h"

namespace switchyard::testing {
namespace {

class SessionRules : public ::testing::Test {
 protected:
  void Start() {
    cluster_ = std::make_unique<CoreHarness>(builder_.configuration());
    cluster_->ConnectAll();
  }
  void Cap(Power cap) {
    builder_.MeterCap(cap);
    ASSERT_TRUE(cluster_->Load(builder_.configuration()).ok());
    cluster_->Settle();
  }
  const core::Node& node(const std::string& name) const {
    return cluster_->state().nodes[cluster_->state().node_index.at("site/" + name)];
  }
  // Hashing on a rack whose devices need four seconds to come down, ordered down and acknowledged, and drawing on.
  uint64_t OrderHashingDown() {
    builder_.Rack("r1");
    builder_.Device("asic").set_ramp_down_ms(4000);
    Start();
    const uint64_t job = cluster_->Submit(HashingJob());
    cluster_->Run(Seconds(2));
    cluster_->agent("r1").slow_to_settle = true;
    Cap(Watts(6'500));
    return job;
  }
  // A report that the lowering is done, but for what the test says of its reading.
  void Claim(uint64_t job, int64_t reading_mw, bool modelled) {
    pb::Command report = cluster_->NextReport("r1");
    v1::AllocationReport* task = report.mutable_report()->mutable_report()->mutable_allocations(0);
    task->set_confirmed_mw(cluster_->grant(job).count());
    task->set_reading_mw(reading_mw);
    task->set_modelled(modelled);
    cluster_->Batch({report});
  }

  ClusterBuilder builder_;
  std::unique_ptr<CoreHarness> cluster_;
};

TEST_F(SessionRules, WhatIsToldToEndCountsNoMoreThanBefore) {
  builder_.MeterCap(Watts(40'000)).Rack("r1").Rack("r2");
  Start();
  const uint64_t job = cluster_->Submit(HashingJob());
  cluster_->Run(Seconds(2));
  cluster_->agent("r1").silent = cluster_->agent("r2").silent = true;
  const Power before = cluster_->sum("meter");
  ASSERT_TRUE(cluster_->Cancel(job).ok());
  EXPECT_LE(cluster_->sum("meter"), before);
}

TEST_F(SessionRules, WattsThatOnePlanWaitsForArePromisedToNoOther) {
  builder_.MeterCap(Watts(10'350)).Rack("r1").Server("s1").Server("s2");
  Start();
  cluster_->Submit(HashingJob());
  cluster_->Run(Seconds(2));
  cluster_->agent("r1").slow_to_settle = true;
  cluster_->Submit(TrainingJob("first", 1, 8));
  cluster_->Submit(TrainingJob("second", 1, 8));
  cluster_->Settle();
  EXPECT_EQ(cluster_->state().plans.size(), 1u) << "6 kW of hashing do not make room for twice 4.8 kW";
}

TEST_F(SessionRules, ATermOfAnotherStoreSaysNothing) {
  builder_.Server("s1");
  Start();
  FakeAgent& agent = cluster_->agent("s1");
  agent.hello.set_store_incarnation(cluster_->state().meta.store_incarnation() + 1);
  agent.hello.set_term(cluster_->state().meta.term() + 5);
  cluster_->Connect("s1");
  EXPECT_EQ(agent.refusal, "") << "a restored backup begins a new incarnation with lower terms";
}

TEST_F(SessionRules, ANodeWithOtherDevicesIsRefused) {
  builder_.Server("s1");
  Start();
  FakeAgent& agent = cluster_->agent("s1");
  agent.hello.mutable_groups(0)->set_devices(0, "a-stranger");
  cluster_->Connect("s1");
  EXPECT_THAT(agent.refusal, ::testing::HasSubstr("other devices"));
}

TEST_F(SessionRules, ALoweringIsOwedUntilItsOwnRevisionIsApplied) {
  builder_.Rack("r1");
  Start();
  cluster_->Submit(HashingJob());
  cluster_->Run(Seconds(2));
  cluster_->agent("r1").ignores_lowering = true;
  Cap(Watts(6'500));
  ASSERT_FALSE(node("r1").lowerings.empty());
  cluster_->Tell("r1");
  EXPECT_FALSE(node("r1").lowerings.empty());
}

TEST_F(SessionRules, AReportThatWasOvertakenIsNotTaken) {
  builder_.Server("s1");
  Start();
  const pb::Command empty = cluster_->NextReport("s1");
  const uint64_t job = cluster_->Submit(TrainingJob("train", 1, 8));
  cluster_->Settle();
  ASSERT_EQ(cluster_->state_of(job), v1::RUNNING);
  cluster_->Batch({empty});
  EXPECT_EQ(cluster_->state_of(job), v1::RUNNING) << "from before its start: its task was not there yet";
}

TEST_F(SessionRules, AConfirmationWithoutAReadingWaitsForTheWorstRamp) {
  const uint64_t job = OrderHashingDown();
  ASSERT_LT(cluster_->grant(job), cluster_->bound(job));
  Claim(job, -1, false);
  EXPECT_LT(cluster_->grant(job), cluster_->bound(job));
}

TEST_F(SessionRules, AModelledConfirmationWaitsForTheWorstRamp) {
  const uint64_t job = OrderHashingDown();
  ASSERT_LT(cluster_->grant(job), cluster_->bound(job));
  Claim(job, cluster_->grant(job).count(), true);
  EXPECT_LT(cluster_->grant(job), cluster_->bound(job));
}

TEST_F(SessionRules, TheNumberOfAnOrphansJobIsNotGivenAgain) {
  builder_.Server("s1");
  Start();
  FakeTask task;
  task.phase = v1::TASK_RUNNING;
  task.draw = Watts(700);
  task.unknown = true;
  task.order.set_allocation(999);
  task.order.set_epoch(1);
  task.order.set_phase(v1::RUN);
  task.order.set_job(777);
  task.order.set_kind(v1::TRAINING);
  task.order.set_group(node("s1").groups[0].name);
  task.order.add_devices(node("s1").groups[0].devices[0]);
  cluster_->agent("s1").tasks[999] = task;
  cluster_->Tell("s1");
  EXPECT_GT(cluster_->Submit(TrainingJob("train", 1, 1)), 777u);
}

TEST_F(SessionRules, UnallocatedDevicesThatKeepTheirSettingCountWhatIsReported) {
  builder_.Rack("r1");
  Start();
  pb::Command report = cluster_->NextReport("r1");
  report.mutable_report()->mutable_report()->mutable_groups(0)->set_unallocated_mw(Watts(5'000).count());
  cluster_->Batch({report});
  EXPECT_EQ(cluster_->sum("meter"), Watts(5'500));
}

TEST_F(SessionRules, ASumOverOtherDevicesConfirmsNothing) {
  builder_.Rack("r1");
  Start();
  ASSERT_EQ(cluster_->sum("meter"), Watts(750));
  pb::Command report = cluster_->NextReport("r1");
  report.mutable_report()->mutable_report()->mutable_groups(0)->set_unallocated_devices(3);
  report.mutable_report()->mutable_report()->mutable_groups(0)->set_unallocated_mw(Watts(75).count());
  cluster_->Batch({report});
  EXPECT_EQ(cluster_->sum("meter"), Watts(750));
}

TEST_F(SessionRules, ANodesOwnReadingIsNotedAndAMeterIsAsOldAsItSays) {
  builder_.Rack("r1");
  Start();
  cluster_->Run(Seconds(30));
  pb::Command command;
  command.mutable_telemetry()->set_session(cluster_->agent("r1").session);
  command.mutable_telemetry()->set_node("site/r1");
  v1::Telemetry* telemetry = command.mutable_telemetry()->mutable_telemetry();
  telemetry->set_draw_mw(Watts(740).count());
  v1::MeterReading* reading = telemetry->add_meters();
  reading->set_budget("site/meter");
  reading->set_draw_mw(Watts(741).count());
  reading->set_age_ms(4'000);
  cluster_->Batch({command});
  EXPECT_EQ(node("r1").draw, Watts(740));
  EXPECT_EQ(cluster_->state().budgets[0].meter.last_at(), cluster_->now() - Seconds(4));
}

}  // namespace
}  // namespace switchyard::testing
