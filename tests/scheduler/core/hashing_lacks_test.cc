// Why a hashing job hashes nothing, or less than it could: each reason once, as the round keeps it and as `explain` tells
// it. The rack's ten devices go from 25 W off to 1 kW and 3 kW; 54 USD/PH/day and 40 USD/MWh pay for both.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "scheduler/placement/constraint.h"
#include "tests/support/cluster_builder.h"
#include "tests/support/core_harness.h"

namespace switchyard::testing {
namespace {

using placement::Constraint;
using ::testing::HasSubstr;

class HashingLacksTest : public ::testing::Test {
 protected:
  CoreHarness& Start() {
    cluster_ = std::make_unique<CoreHarness>(builder_.configuration());
    cluster_->ConnectAll();
    return *cluster_;
  }
  v1::ExplainResponse Explain(uint64_t job) {
    pb::Command command;
    command.mutable_query()->mutable_explain()->set_id(job);
    command.set_is_operator(true);
    pb::CommandResult result;
    EXPECT_TRUE(cluster_->Send(command, &result).ok());
    return result.explain();
  }
  // The round's reason and the explained one, which are the same.
  v1::PendingReason Reason(uint64_t job) {
    const v1::ExplainResponse explained = Explain(job);
    const v1::PendingReason& kept = cluster_->job(job).pending;
    EXPECT_EQ(explained.binding().constraint(), kept.constraint());
    EXPECT_EQ(explained.binding().subject(), kept.subject());
    int unmet = 0;
    for (const v1::ConstraintVerdict& verdict : explained.constraints()) unmet += verdict.fits() ? 0 : 1;
    EXPECT_EQ(unmet, explained.nodes_size()) << "every constraint that binds somewhere is told with its nodes";
    return explained.binding();
  }
  static std::string Named(Constraint constraint) { return placement::Name(constraint); }

  ClusterBuilder builder_;
  std::unique_ptr<CoreHarness> cluster_;
};

TEST_F(HashingLacksTest, AJobThatHashesAllThatItCouldHasNoReason) {
  builder_.Rack("r1");
  CoreHarness& cluster = Start();
  const uint64_t job = cluster.Submit(HashingJob());
  cluster.Run(Seconds(3));
  ASSERT_EQ(cluster.grant(job), Watts(30'000));
  EXPECT_EQ(Reason(job).constraint(), "");
}

TEST_F(HashingLacksTest, BelowBreakEvenWithTheFiguresThatItComesFrom) {
  builder_.Rack("r1");
  builder_.configuration().mutable_sites(0)->mutable_hashprice(0)->set_value_micro_usd(1'000'000);
  CoreHarness& cluster = Start();
  const uint64_t job = cluster.Submit(HashingJob());
  cluster.Run(Seconds(2));
  const v1::PendingReason reason = Reason(job);
  EXPECT_EQ(reason.constraint(), Named(Constraint::kBreakEven));
  EXPECT_EQ(reason.subject(), "site");
  // 80 TH/s of 975 W at 1 USD/PH/day: 80e-3 / 24 / 975e-6 USD/MWh, rounded down to a millionth.
  EXPECT_EQ(reason.shortfall(), 40'000'000 - 3'418'803);
  EXPECT_THAT(reason.text(), HasSubstr("earns 3.41USD/MWh and costs 40.00USD/MWh x 1.000 overhead = 40.00USD/MWh"));
  EXPECT_EQ(cluster.job(job).row.job().pending().constraint(), Named(Constraint::kBreakEven)) << "and in its row";
}

TEST_F(HashingLacksTest, APriceThatIsTooOldIsNamed) {
  builder_.Rack("r1");
  builder_.configuration().mutable_sites(0)->clear_hashprice();
  CoreHarness& cluster = Start();
  const uint64_t job = cluster.Submit(HashingJob());
  cluster.Run(Seconds(2));
  EXPECT_EQ(Reason(job).constraint(), Named(Constraint::kStalePrices));
}

TEST_F(HashingLacksTest, ASelectorThatNoNodeMatches) {
  builder_.Rack("r1").Rack("r2");
  CoreHarness& cluster = Start();
  v1::JobSpec spec = HashingJob();
  v1::Label* label = (spec.groups_size() > 0 ? spec.mutable_groups(0) : spec.add_groups())->add_selector();
  label->set_key("hall");
  label->set_value("north");
  const uint64_t job = cluster.Submit(spec);
  cluster.Run(Seconds(2));
  EXPECT_EQ(Reason(job).constraint(), Named(Constraint::kLabels));
  EXPECT_EQ(Explain(job).nodes(0).nodes(), 2);
}

TEST_F(HashingLacksTest, TheSiteTheOwnerAndTheTaintsOfTheOnlyNode) {
  for (const Constraint bar : {Constraint::kSite, Constraint::kOwner, Constraint::kTaints}) {
    builder_ = ClusterBuilder();
    builder_.Rack("r1");
    builder_.Tenant("guest").add_members("*");
    v1::Node& node = *builder_.configuration().mutable_nodes(0);
    if (bar == Constraint::kOwner) node.set_owner("guest");
    if (bar == Constraint::kTaints) node.add_taints("hot");
    v1::JobSpec spec = HashingJob();
    if (bar == Constraint::kSite) spec.set_site("elsewhere");
    CoreHarness& cluster = Start();
    const uint64_t job = cluster.Submit(spec);
    cluster.Run(Seconds(2));
    EXPECT_EQ(Reason(job).constraint(), Named(bar));
    EXPECT_EQ(Reason(job).subject(), "site/r1");
  }
}

TEST_F(HashingLacksTest, WhereNothingHasOperatingPointsNothingCanHash) {
  builder_.Server("s1");
  CoreHarness& cluster = Start();
  const uint64_t job = cluster.Submit(HashingJob());
  cluster.Run(Seconds(2));
  EXPECT_EQ(Reason(job).constraint(), Named(Constraint::kOperatingPoints));
}

TEST_F(HashingLacksTest, ACordonedNode) {
  builder_.Rack("r1");
  CoreHarness& cluster = Start();
  ASSERT_TRUE(cluster.Operator("r1", v1::NodeActionRequest::CORDON).ok());
  const uint64_t job = cluster.Submit(HashingJob());
  cluster.Run(Seconds(2));
  EXPECT_EQ(Reason(job).constraint(), Named(Constraint::kNodeState));
  EXPECT_EQ(Reason(job).subject(), "site/r1");
}

TEST_F(HashingLacksTest, ANodeThatWasNeverHeard) {
  builder_.Rack("r1");
  cluster_ = std::make_unique<CoreHarness>(builder_.configuration());
  const uint64_t job = cluster_->Submit(HashingJob());
  cluster_->Run(Seconds(2));
  EXPECT_EQ(Reason(job).constraint(), Named(Constraint::kNodeState));
}

TEST_F(HashingLacksTest, ASilentNodeBlocksTheBudgetOfTheOthers) {
  builder_.MeterCap(Watts(200'000)).Rack("r1").Rack("r2");
  CoreHarness& cluster = Start();
  cluster.agent("r2").silent = true;
  cluster.Run(Seconds(4));
  const uint64_t job = cluster.Submit(HashingJob());
  cluster.Settle();
  const v1::PendingReason reason = Reason(job);
  EXPECT_EQ(reason.constraint(), Named(Constraint::kBudgetBlocked));
  EXPECT_EQ(reason.subject(), "site/meter");
}

TEST_F(HashingLacksTest, NoHeadroomForTheFirstDevice) {
  builder_.MeterCap(Watts(1000)).Rack("r1");
  CoreHarness& cluster = Start();
  const uint64_t job = cluster.Submit(HashingJob());
  cluster.Run(Seconds(2));
  const v1::PendingReason reason = Reason(job);
  EXPECT_EQ(reason.constraint(), Named(Constraint::kHashingHeadroom));
  EXPECT_EQ(reason.subject(), "site/meter");
  // 500 W of platform, 250 W off; one device at 1 kW takes 975 W more of the 250 W that are left.
  EXPECT_EQ(reason.shortfall(), Watts(725).count());
}

TEST_F(HashingLacksTest, AJobThatHashesLessThanItCouldNamesTheBudgetToo) {
  builder_.MeterCap(Watts(20'000)).Rack("r1");
  CoreHarness& cluster = Start();
  const uint64_t job = cluster.Submit(HashingJob());
  cluster.Run(Seconds(3));
  ASSERT_EQ(cluster.state_of(job), v1::RUNNING);
  ASSERT_EQ(cluster.grant(job), Watts(18'000));
  const v1::PendingReason reason = Reason(job);
  EXPECT_EQ(reason.constraint(), Named(Constraint::kHashingHeadroom));
  EXPECT_EQ(reason.shortfall(), Watts(500).count()) << "2 kW a step, 1.5 kW are left";
  EXPECT_THAT(Explain(job).summary(), HasSubstr("could draw 12kW more"));
  builder_.MeterCap(Watts(40'000));
  ASSERT_TRUE(cluster.Load(builder_.configuration()).ok());
  cluster.Run(Seconds(1));
  ASSERT_EQ(cluster.grant(job), Watts(30'000));
  EXPECT_EQ(cluster.reasons().back().reason.constraint(), "") << "readers are told that nothing lacks any more";
}

TEST_F(HashingLacksTest, DevicesThatFirmLoadHolds) {
  builder_.Box("b1");
  CoreHarness& cluster = Start();
  v1::JobSpec training = TrainingJob("train", 1, 0);
  training.mutable_groups(0)->mutable_resources()->set_cpu_devices(4);
  const uint64_t firm = cluster.Submit(training);
  cluster.Run(Seconds(2));
  ASSERT_EQ(cluster.state_of(firm), v1::RUNNING);
  const uint64_t job = cluster.Submit(HashingJob());
  cluster.Run(Seconds(2));
  const v1::PendingReason reason = Reason(job);
  EXPECT_EQ(reason.constraint(), Named(Constraint::kDevices));
  EXPECT_EQ(reason.shortfall(), 4);
  cluster.Exit(firm, 0);
  cluster.Run(Seconds(2));
  EXPECT_EQ(cluster.state_of(job), v1::RUNNING);
  EXPECT_EQ(Reason(job).constraint(), "");
}

TEST_F(HashingLacksTest, HashingThatEndedByItselfIsTriedAgainLater) {
  builder_.Rack("r1");
  CoreHarness& cluster = Start();
  const uint64_t job = cluster.Submit(HashingJob());
  cluster.Run(Seconds(2));
  ASSERT_EQ(cluster.state_of(job), v1::RUNNING);
  cluster.Exit(job, 1);
  ASSERT_EQ(cluster.grant(job), Power());
  const v1::PendingReason reason = Reason(job);
  EXPECT_EQ(reason.constraint(), Named(Constraint::kHashingBackoff));
  EXPECT_GT(reason.shortfall(), 0);
  EXPECT_EQ(cluster.state_of(job), v1::PENDING);
  EXPECT_EQ(cluster.job(job).row.job().pending().constraint(), Named(Constraint::kHashingBackoff));
}

TEST_F(HashingLacksTest, DwellAfterAChange) {
  builder_.MeterCap(Watts(20'000)).Rack("r1");
  builder_.timing().set_dwell_ms(60'000);
  CoreHarness& cluster = Start();
  const uint64_t job = cluster.Submit(HashingJob());
  cluster.Run(Seconds(2));
  builder_.MeterCap(Watts(40'000));
  ASSERT_TRUE(cluster.Load(builder_.configuration()).ok());
  cluster.Run(Seconds(1));
  ASSERT_EQ(cluster.grant(job), Watts(18'000));
  const v1::PendingReason reason = Reason(job);
  EXPECT_EQ(reason.constraint(), Named(Constraint::kDwell));
  EXPECT_GT(reason.shortfall(), 0);
  EXPECT_LE(reason.shortfall(), 60'000);
}

TEST_F(HashingLacksTest, ALoweringThatIsNotAcknowledged) {
  builder_.MeterCap(Watts(40'000)).Rack("r1");
  CoreHarness& cluster = Start();
  const uint64_t job = cluster.Submit(HashingJob());
  cluster.Run(Seconds(2));
  ASSERT_EQ(cluster.grant(job), Watts(30'000));
  cluster.agent("r1").ignores_lowering = true;
  builder_.MeterCap(Watts(20'000));
  ASSERT_TRUE(cluster.Load(builder_.configuration()).ok());
  builder_.MeterCap(Watts(40'000));
  ASSERT_TRUE(cluster.Load(builder_.configuration()).ok());
  const v1::PendingReason reason = Reason(job);
  EXPECT_EQ(reason.constraint(), Named(Constraint::kLowering));
  EXPECT_EQ(reason.subject(), "site/r1");
}

TEST_F(HashingLacksTest, ARampThatLetsNothingRiseNow) {
  builder_.Rack("r1");
  builder_.configuration().mutable_sites(0)->mutable_budgets(0)->set_ramp_up_mw(Watts(5000).count());
  CoreHarness& cluster = Start();
  const uint64_t job = cluster.Submit(HashingJob());
  cluster.Run(Seconds(2));
  const v1::PendingReason reason = Reason(job);
  EXPECT_EQ(reason.constraint(), Named(Constraint::kRampUp));
  EXPECT_EQ(reason.subject(), "site/meter");
}

// What a job waits for is looked up when it is asked for; no row is written for it.
TEST_F(HashingLacksTest, AReasonThatChangesWritesNoRow) {
  builder_.MeterCap(Watts(1000)).Rack("r1");
  CoreHarness& cluster = Start();
  const uint64_t job = cluster.Submit(HashingJob());
  cluster.Run(Seconds(2));
  ASSERT_EQ(Reason(job).constraint(), Named(Constraint::kHashingHeadroom));
  const auto row = [&] { return cluster.rows().at({static_cast<int>(core::RowKind::kJob), core::NumberKey(job)}); };
  const std::string before = row();
  ASSERT_TRUE(cluster.Operator("r1", v1::NodeActionRequest::CORDON).ok());
  cluster.Run(Seconds(1));
  EXPECT_EQ(Reason(job).constraint(), Named(Constraint::kNodeState));
  EXPECT_EQ(row(), before);
  ASSERT_FALSE(cluster.reasons().empty());
  EXPECT_EQ(cluster.reasons().back().job, job);
  EXPECT_EQ(cluster.reasons().back().reason.constraint(), Named(Constraint::kNodeState)) << "readers are told";
  const size_t told = cluster.reasons().size();
  cluster.Run(Seconds(5));
  EXPECT_EQ(cluster.reasons().size(), told) << "once";
}

}  // namespace
}  // namespace switchyard::testing
