#include "agent/session/report_digest.h"

#include "gtest/gtest.h"

namespace switchyard::agent::session {
namespace {

v1::NodeReport Report() {
  v1::NodeReport report;
  report.set_applied_revision(4);
  v1::AllocationReport* task = report.add_allocations();
  task->set_allocation(1);
  task->set_phase(v1::TASK_RUNNING);
  task->set_confirmed_mw(300);
  task->set_reading_mw(290);
  report.add_groups()->set_unallocated_mw(40);
  return report;
}

TEST(ReportDigestTest, TellsFactsFromStepsFromCounters) {
  const ReportDigest before = Digest(Report());

  v1::NodeReport counter = Report();
  counter.mutable_allocations(0)->set_energy_mj(99);
  counter.mutable_allocations(0)->set_reading_mw(200);
  counter.set_sequence(12);
  EXPECT_EQ(Digest(counter).steps, before.steps);
  EXPECT_NE(Digest(counter).all, before.all);

  v1::NodeReport step = Report();
  step.mutable_allocations(0)->set_confirmed_mw(200);
  step.mutable_groups(0)->set_unallocated_mw(30);
  EXPECT_EQ(Digest(step).facts, before.facts);
  EXPECT_NE(Digest(step).steps, before.steps);

  v1::NodeReport unknown = Report();
  unknown.mutable_allocations(0)->set_confirmed_mw(-1);
  EXPECT_NE(Digest(unknown).facts, before.facts);
  v1::NodeReport phase = Report();
  phase.mutable_allocations(0)->set_phase(v1::TASK_ENDED);
  EXPECT_NE(Digest(phase).facts, before.facts);
  v1::NodeReport fault = Report();
  fault.mutable_allocations(0)->add_faults()->set_device("d");
  EXPECT_NE(Digest(fault).facts, before.facts);

  v1::NodeReport sequence = Report();
  sequence.set_sequence(77);
  EXPECT_EQ(Digest(sequence).all, before.all);
}

TEST(ReportDigestTest, LetsADeadBandPassWhatMovedFurther) {
  EXPECT_FALSE(OutsideDeadBand(1000, 1020, 20'000));
  EXPECT_TRUE(OutsideDeadBand(1000, 1021, 20'000));
  EXPECT_TRUE(OutsideDeadBand(-1, 0, 20'000));
  EXPECT_TRUE(OutsideDeadBand(0, 1, 20'000));
  EXPECT_FALSE(OutsideDeadBand(0, 0, 0));
}

TEST(ReportDigestTest, AlwaysSaysAMetersValue) {
  v1::Telemetry said, now;
  said.set_draw_mw(1000);
  now.set_draw_mw(1001);
  EXPECT_FALSE(WorthSaying(said, now, 20'000));
  now.add_meters()->set_budget("site/feeder");
  EXPECT_TRUE(WorthSaying(said, now, 20'000));
}

}  // namespace
}  // namespace switchyard::agent::session
