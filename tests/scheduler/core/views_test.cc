// What the core answers: explain, budgets, why-not-rising, nodes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/support/cluster_builder.h"
#include "tests/support/core_harness.h"

namespace switchyard::testing {
namespace {

using ::testing::HasSubstr;

pb::CommandResult Ask(CoreHarness& cluster, const pb::Query& query) {
  pb::Command command;
  *command.mutable_query() = query;
  pb::CommandResult result;
  EXPECT_TRUE(cluster.Send(command, &result).ok());
  return result;
}

v1::ExplainResponse Explain(CoreHarness& cluster, uint64_t job) {
  pb::Query query;
  query.mutable_explain()->set_id(job);
  return Ask(cluster, query).explain();
}

// The verdict of explain is the reason that the round stored, and it is the one constraint that does not fit.
void ExpectTheDecision(CoreHarness& cluster, uint64_t job, const std::string& constraint) {
  ASSERT_EQ(cluster.state_of(job), v1::PENDING);
  const v1::ExplainResponse response = Explain(cluster, job);
  EXPECT_EQ(cluster.job(job).pending.constraint(), constraint);
  EXPECT_EQ(response.binding().constraint(), constraint);
  EXPECT_EQ(response.binding().text(), cluster.job(job).pending.text());
  EXPECT_EQ(response.binding().shortfall(), cluster.job(job).pending.shortfall());
  int misfits = 0;
  for (const v1::ConstraintVerdict& verdict : response.constraints()) {
    if (verdict.fits()) continue;
    ++misfits;
    EXPECT_EQ(verdict.constraint(), constraint);
  }
  EXPECT_EQ(misfits, 1);
  EXPECT_THAT(response.summary(), HasSubstr(response.binding().text()));
}

TEST(ExplainTest, TheVerdictIsTheDecision) {
  ClusterBuilder builder;
  builder.MeterCap(Watts(8000)).Server("s1").Server("s2");
  builder.Tenant("poor").add_members("*");
  builder.Tenant("poor").set_quota_mw(Watts(100).count());
  CoreHarness cluster(builder.configuration());
  cluster.ConnectAll();
  const uint64_t large = cluster.Submit(TrainingJob("large", 1, 9));
  const uint64_t huge = cluster.Submit(TrainingJob("huge", 2, 8));
  const uint64_t running = cluster.Submit(TrainingJob("running", 1, 4));
  cluster.Settle();
  ASSERT_EQ(cluster.state_of(running), v1::RUNNING);
  const uint64_t tight = cluster.Submit(TrainingJob("tight", 1, 8));
  v1::JobSpec quota = TrainingJob("quota", 1, 1);
  quota.set_tenant("poor");
  const uint64_t poor = cluster.Submit(quota);
  v1::JobSpec later = TrainingJob("later", 1, 1);
  later.add_after(running);
  const uint64_t after = cluster.Submit(later);
  cluster.Settle();
  ExpectTheDecision(cluster, large, "device-count");
  ExpectTheDecision(cluster, huge, cluster.job(huge).pending.constraint());
  ExpectTheDecision(cluster, tight, "budget-headroom");
  ExpectTheDecision(cluster, poor, "quota-watts");
  ExpectTheDecision(cluster, after, "dependency");
}

TEST(ExplainTest, SaysWhereARunningJobRunsAndWhatItHolds) {
  ClusterBuilder builder;
  builder.Server("s1");
  CoreHarness cluster(builder.configuration());
  cluster.ConnectAll();
  const uint64_t job = cluster.Submit(TrainingJob("train", 1, 2));
  cluster.Settle();
  const v1::ExplainResponse response = Explain(cluster, job);
  ASSERT_EQ(response.tasks_size(), 1);
  EXPECT_EQ(response.tasks(0).node(), "site/s1");
  EXPECT_EQ(response.tasks(0).devices_size(), 2);
  ASSERT_EQ(response.budgets_size(), 1);
  EXPECT_EQ(response.budgets(0).needed_mw(), Watts(1400).count());
}

TEST(ExplainTest, NamesThePlanThatAJobWaitsFor) {
  ClusterBuilder builder;
  builder.MeterCap(Watts(32'500)).Rack("r1").Server("s1");
  CoreHarness cluster(builder.configuration());
  cluster.ConnectAll();
  cluster.Submit(HashingJob());
  cluster.Run(Seconds(2));
  cluster.agent("r1").slow_to_settle = true;
  const uint64_t job = cluster.Submit(TrainingJob("train", 1, 8));
  cluster.Settle();
  const v1::ExplainResponse response = Explain(cluster, job);
  EXPECT_EQ(response.binding().constraint(), "yield-pending");
  EXPECT_THAT(response.yield(), HasSubstr("1 of 1 task(s) prepared, at idle + prepare_watts until their release"));
  EXPECT_THAT(response.yield(), HasSubstr("site/meter"));
  EXPECT_GT(response.expected_start_utc_ms(), 0);
}

TEST(ExplainTest, ATenantsJobsAreForItsMembers) {
  ClusterBuilder builder;
  builder.Server("s1");
  builder.Tenant("closed").add_members("user:alice");
  CoreHarness cluster(builder.configuration());
  cluster.ConnectAll();
  v1::JobSpec spec = TrainingJob("train", 1, 1);
  spec.set_tenant("closed");
  const uint64_t job = cluster.Submit(spec);
  pb::Command command;
  command.mutable_query()->mutable_explain()->set_id(job);
  command.set_principal("user:bob");
  EXPECT_EQ(cluster.Send(command).code(), absl::StatusCode::kPermissionDenied);
  command.set_principal("user:alice");
  EXPECT_TRUE(cluster.Send(command).ok());
}

TEST(BudgetsTest, TheShareOfEachKindAddsUpToWhatCounts) {
  ClusterBuilder builder;
  builder.MeterCap(Watts(60'000)).Budget("f", v1::FEEDER, Watts(40'000)).Rack("r1", "f").Server("s1", "f").Server("s2");
  builder.configuration().mutable_sites(0)->set_overhead_marginal_ppm(123'456);
  builder.configuration().mutable_sites(0)->set_overhead_fixed_mw(Watts(700).count());
  CoreHarness cluster(builder.configuration());
  cluster.ConnectAll();
  cluster.Submit(HashingJob());
  cluster.Submit(TrainingJob("train", 1, 3));
  cluster.Submit(ServiceJob("serve", 2, 1));
  cluster.Run(Seconds(40));
  pb::Query query;
  query.mutable_budgets();
  const pb::CommandResult result = Ask(cluster, query);
  ASSERT_EQ(result.budgets().budgets_size(), 2);
  for (const v1::BudgetStatus& budget : result.budgets().budgets()) {
    EXPECT_EQ(budget.bound_mw(), budget.base_mw() + budget.hashing_mw() + budget.training_mw() + budget.inference_mw() + budget.idle_mw());
    EXPECT_GT(budget.hashing_mw(), 0);
    EXPECT_EQ(Milliwatts(budget.bound_mw()), cluster.sum(budget.id().substr(5)));
  }
}

TEST(WhyTest, NamesWhatBlocksAndNothingElse) {
  ClusterBuilder builder;
  builder.Budget("a", v1::FEEDER, Watts(50'000)).Budget("b", v1::FEEDER, Watts(50'000)).Server("s1", "a").Server("s2", "b");
  CoreHarness cluster(builder.configuration());
  cluster.ConnectAll();
  // A task whose watts an expiry cannot free keeps its node in doubt.
  builder.Rack("r1", "a");
  builder.Device("asic").set_enforcer(v1::ENFORCER_AGENT);
  ASSERT_TRUE(cluster.Load(builder.configuration()).ok());
  cluster.Connect("r1");
  cluster.Submit(HashingJob());
  cluster.Run(Seconds(2));
  pb::Query all;
  all.mutable_why();
  EXPECT_EQ(Ask(cluster, all).why().entries_size(), 0) << "nothing is blocked";
  cluster.agent("r1").silent = true;
  cluster.Run(Seconds(20));
  const pb::CommandResult result = Ask(cluster, all);
  ASSERT_EQ(result.why().entries_size(), 2);
  EXPECT_EQ(result.why().entries(0).budget(), "site/meter");
  EXPECT_EQ(result.why().entries(1).budget(), "site/a");
  for (const auto& entry : result.why().entries()) EXPECT_THAT(entry.blocked_by(0), HasSubstr("site/r1"));
  pb::Command unknown;
  unknown.mutable_query()->mutable_why()->set_budget("site/c");
  EXPECT_EQ(cluster.Send(unknown).code(), absl::StatusCode::kNotFound);
}

TEST(AlarmsTest, AQuietClusterHasNone) {
  ClusterBuilder builder;
  builder.Rack("r1").Server("s1");
  CoreHarness cluster(builder.configuration());
  cluster.ConnectAll();
  cluster.Submit(HashingJob());
  cluster.Run(Seconds(5));
  pb::Query query;
  query.mutable_alarms();
  EXPECT_EQ(Ask(cluster, query).alarms().alarms_size(), 0);
}

TEST(NodesTest, PagesFollowTheOrderOfNames) {
  ClusterBuilder builder;
  for (const char* name : {"s3", "s1", "s5", "s2", "s4"}) builder.Server(name);
  CoreHarness cluster(builder.configuration());
  std::string seen, token;
  do {
    pb::Query query;
    query.mutable_nodes()->set_page_size(2);
    query.mutable_nodes()->set_page_token(token);
    const pb::CommandResult result = Ask(cluster, query);
    EXPECT_LE(result.nodes().nodes_size(), 2);
    for (const v1::NodeStatus& node : result.nodes().nodes()) seen += node.id().substr(5) + " ";
    token = result.nodes().next_page_token();
  } while (!token.empty());
  EXPECT_EQ(seen, "s1 s2 s3 s4 s5 ");
}

TEST(QueryTest, AQuestionChangesNothing) {
  ClusterBuilder builder;
  builder.MeterCap(Watts(20'000)).Rack("r1").Server("s1");
  CoreHarness cluster(builder.configuration());
  cluster.ConnectAll();
  cluster.Submit(HashingJob());
  const uint64_t job = cluster.Submit(TrainingJob("train", 1, 8));
  cluster.Run(Seconds(2));
  const uint64_t digest = cluster.machine().Digest();
  const size_t rows = cluster.rows().size();
  Explain(cluster, job);
  for (int i = 0; i < 6; ++i) {
    pb::Query query;
    switch (i) {
      case 0: query.mutable_budgets(); break;
      case 1: query.mutable_sites(); break;
      case 2: query.mutable_tenants(); break;
      case 3: query.mutable_alarms(); break;
      case 4: query.mutable_plans(); break;
      default: query.mutable_nodes(); break;
    }
    Ask(cluster, query);
  }
  EXPECT_EQ(cluster.machine().Digest(), digest);
  EXPECT_EQ(cluster.rows().size(), rows);
}

}  // namespace
}  // namespace switchyard::testing
