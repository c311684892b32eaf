// Witnesses beyond the golden scenarios: what a stale meter, a new session and a short spike are worth.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tests/support/cluster_builder.h"
#include "tests/support/core_harness.h"

namespace switchyard::testing {
namespace {

class EvidenceTest : public ::testing::Test {
 protected:
  EvidenceTest() : cluster_(builder_.Budget("f", v1::FEEDER, Watts(100'000)).Rack("r1", "f").configuration()) {
    cluster_.ConnectAll();
    job_ = cluster_.Submit(HashingJob());
    cluster_.Run(Seconds(2));
  }
  void Meter(Power draw, int seconds) {
    for (int i = 0; i < seconds; ++i) {
      cluster_.Run(Seconds(1));
      pb::Command command;
      command.mutable_telemetry()->set_session(cluster_.agent("r1").session);
      command.mutable_telemetry()->set_node("site/r1");
      v1::MeterReading* reading = command.mutable_telemetry()->mutable_telemetry()->add_meters();
      reading->set_budget("site/f");
      reading->set_draw_mw((draw + Watts(i % 2 == 0 ? 20 : -20)).count());
      cluster_.Batch({command});
    }
  }
  void Cap(Power cap) {
    builder_.configuration().mutable_sites(0)->mutable_budgets(1)->set_cap_mw(cap.count());
    ASSERT_TRUE(cluster_.Load(builder_.configuration()).ok());
    cluster_.Settle();
  }
  const core::Allocation& allocation() const { return *cluster_.allocations_of(job_).at(0); }

  ClusterBuilder builder_;
  CoreHarness cluster_;
  uint64_t job_ = 0;
};

// A rack whose start may draw 10 kW more than its grant, started and not yet heard of.
class TransientTest : public ::testing::Test {
 protected:
  TransientTest() {
    builder_.Rack("r1");
    builder_.Device("asic").set_transient_mw(4'000'000);
    cluster_ = std::make_unique<CoreHarness>(builder_.configuration());
    cluster_->ConnectAll();
    job_ = cluster_->Submit(HashingJob());
  }
  const core::Allocation& allocation() const { return *cluster_->allocations_of(job_).at(0); }
  void Report(Power draw) {
    pb::Command report = cluster_->NextReport("r1");
    v1::AllocationReport* task = report.mutable_report()->mutable_report()->add_allocations();
    task->set_allocation(allocation().id);
    task->set_epoch(1);
    task->set_kind(v1::HASHING);
    task->set_phase(v1::TASK_RUNNING);
    task->set_revision(allocation().ordered_revision);
    task->set_confirmed_mw(draw.count());
    task->set_reading_mw(draw.count());
    report.mutable_report()->mutable_report()->clear_groups();
    cluster_->Batch({report});
  }
  ClusterBuilder builder_;
  std::unique_ptr<CoreHarness> cluster_;
  uint64_t job_ = 0;
};

TEST_F(TransientTest, ADrawWithinTheTransientIsNoNewsAndNotItsEnd) {
  ASSERT_EQ(allocation().bound.value(), Watts(30'000));
  ASSERT_EQ(allocation().charged, Watts(40'000));
  Report(Watts(40'000));
  EXPECT_EQ(allocation().bound.value(), Watts(30'000));
  EXPECT_EQ(allocation().charged, Watts(40'000)) << "the transition goes on";
  EXPECT_FALSE(cluster_->Happened("BoundRaised"));
  Report(Watts(30'000));
  EXPECT_EQ(allocation().charged, Watts(30'000)) << "it is over when the task says what it draws from now on";
}

TEST_F(TransientTest, ADrawAboveBoundAndTransientCountsAtOnce) {
  Report(Watts(40'001));
  EXPECT_EQ(allocation().bound.value(), Watts(40'001));
  EXPECT_TRUE(cluster_->Happened("BoundRaised"));
  Report(Watts(30'000));
  EXPECT_EQ(allocation().charged, Watts(30'000));
}

TEST_F(EvidenceTest, AMeterThatFellSilentNeitherProvesNorVetoes) {
  Meter(Watts(30'500), 10);
  cluster_.Run(Seconds(11));
  Cap(Watts(10'500));
  EXPECT_EQ(allocation().bound.value(), Watts(10'000));
  EXPECT_EQ(allocation().witness, "reading");
}

TEST_F(EvidenceTest, AMeterThatFallsSilentAfterTheOrderDoesNotHoldItForEver) {
  Meter(Watts(30'500), 10);
  Cap(Watts(10'500));
  ASSERT_EQ(allocation().bound.value(), Watts(30'000)) << "it waits for the meter";
  cluster_.Run(Seconds(11));
  cluster_.Tell("r1");
  EXPECT_EQ(allocation().bound.value(), Watts(10'000));
}

TEST_F(EvidenceTest, WitnessWindowsStartAnewWithASession) {
  Meter(Watts(30'500), 10);
  Cap(Watts(10'500));
  ASSERT_TRUE(allocation().claimed.has_value());
  ASSERT_TRUE(allocation().watch.has_value());
  cluster_.agent("r1").holds_prepare = false;
  pb::Command hello;
  hello.mutable_hello()->set_session(77'777);
  hello.mutable_hello()->set_node("site/r1");
  *hello.mutable_hello()->mutable_hello() = cluster_.agent("r1").hello;
  cluster_.Batch({hello});
  EXPECT_FALSE(allocation().claimed.has_value());
  EXPECT_FALSE(allocation().watch.has_value());
  EXPECT_EQ(allocation().bound.value(), Watts(30'000));
}

TEST_F(EvidenceTest, AShortSpikeIsNoUnknownLoad) {
  Meter(Watts(30'500), 10);
  Meter(Watts(40'000), 2);
  EXPECT_FALSE(cluster_.Happened("UnknownLoad"));
  Meter(Watts(40'000), 5);
  EXPECT_TRUE(cluster_.Happened("UnknownLoad"));
}

// What ended is known at once; what the meter shows for another second is of the past.
TEST_F(EvidenceTest, AReadingFromBeforeALoweringIsNoUnknownLoad) {
  Meter(Watts(30'500), 10);
  ASSERT_TRUE(cluster_.Cancel(job_).ok());
  cluster_.Settle();
  ASSERT_LT(cluster_.sum("f"), Watts(5000));
  Meter(Watts(30'500), 2);
  Meter(Watts(750), 10);
  EXPECT_FALSE(cluster_.Happened("UnknownLoad"));
}

TEST_F(EvidenceTest, AMeterBelowTheLedgerWidensNothing) {
  const Power before = cluster_.headroom("f");
  Meter(Watts(5000), 20);
  EXPECT_EQ(cluster_.headroom("f"), before);
}

TEST_F(EvidenceTest, QuarantineSurvivesTheSchedulersDeathAndIsClearedOnce) {
  pb::Command report = cluster_.NextReport("r1");
  v1::DeviceFault* fault = report.mutable_report()->mutable_report()->mutable_groups(0)->add_faults();
  fault->set_device("r1-asic-2");
  fault->set_reading_mw(3'500'000);
  fault->set_reason("sticks");
  cluster_.Batch({report, report});
  cluster_.Restart();
  const core::Group& group = cluster_.state().nodes[0].groups[0];
  ASSERT_EQ(group.quarantined.size(), 1u);
  EXPECT_EQ(group.quarantined.begin()->second.counted_mw(), 3'500'000) << "the reading, where it is above the nameplate";
  pb::Command clear;
  clear.mutable_clear_quarantine()->set_device("r1-asic-2");
  clear.mutable_clear_quarantine()->set_idempotency_key("a");
  EXPECT_TRUE(cluster_.Send(clear).ok());
  clear.mutable_clear_quarantine()->set_idempotency_key("b");
  EXPECT_EQ(cluster_.Send(clear).code(), absl::StatusCode::kFailedPrecondition);
  clear.mutable_clear_quarantine()->set_device("nobody");
  clear.mutable_clear_quarantine()->set_idempotency_key("c");
  EXPECT_EQ(cluster_.Send(clear).code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace switchyard::testing
