#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/cli/job_view.h"
#include "client/cli/node_view.h"
#include "client/cli/output.h"
#include "client/cli/power_view.h"
#include "client/cli/text.h"
#include "client/cli/top_view.h"
#include "client/cli/waiting.h"
#include "tests/client/fake_scheduler.h"
#include <yaml-cpp/yaml.h>

namespace switchyard::client::cli {
namespace {

using testing::HasSubstr;

constexpr int64_t kNow = 1'795'000'000'000;  // 2026-11-18T11:06:40Z

View Width(int width) {
  View view;
  view.width = width;
  view.now_utc_ms = kNow;
  return view;
}

TEST(JobsViewTest, ShowsStateTasksWattsAgeAndReason) {
  v1::ListJobsResponse response;
  v1::Job* waiting = response.add_jobs();
  *waiting = MakeJob(18, v1::PENDING);
  waiting->set_submitted_utc_ms(kNow - 90'000);
  waiting->mutable_pending()->set_text("budget \"moses-lake/feeder-a\": 900W headroom, 1.4kW needed");
  v1::Job* running = response.add_jobs();
  *running = MakeJob(17, v1::RUNNING);
  running->set_submitted_utc_ms(kNow - 7'200'000);
  for (int i = 0; i < 2; ++i) {
    v1::Task* task = running->add_tasks();
    task->set_phase(v1::TASK_RUNNING);
    task->set_grant_mw(5'600'000);
  }
  EXPECT_EQ(JobsView(response, Width(80)),
            "ID  NAME   KIND      STATE    TENANT    TASKS   GRANT   AGE  REASON\n"
            "18  train  training  pending  research    0/2       -  1.5m  budget \"moses-lake…\n"
            "17  train  training  running  research    2/2  11.2kW    2h  -\n");
}

TEST(JobsViewTest, SaysThatThereAreNone) { EXPECT_EQ(JobsView({}, Width(80)), "no jobs\n"); }

TEST(ExplainViewTest, NamesTheBindingConstraintTheBudgetsAndTheStart) {
  v1::ExplainResponse response;
  response.set_id(18);
  response.set_state(v1::PENDING);
  response.set_summary("waits for watts; hashing yields them in about 40s");
  response.mutable_binding()->set_constraint("budget-headroom");
  response.mutable_binding()->set_text("900W headroom, 1.4kW needed");
  response.mutable_binding()->set_subject("moses-lake/feeder-a");
  response.set_expected_start_utc_ms(kNow + 40'000);
  response.set_earnings_micro_usd_per_hour(12'340'000);
  v1::BudgetUse* use = response.add_budgets();
  use->set_budget("moses-lake/feeder-a");
  use->set_needed_mw(1'400'000);
  use->set_headroom_mw(900'000);
  use->set_cap_mw(9'000'000'000);
  v1::ConstraintVerdict* fits = response.add_constraints();
  fits->set_constraint("quota");
  fits->set_fits(true);
  fits->set_text("tenant \"research\" uses 2MW of 4MW");
  v1::NodeVerdict* excluded = response.add_nodes();
  excluded->set_nodes(150);
  excluded->set_constraint("gpu-count");
  excluded->set_example("moses-lake/rack-001 has no GPU");
  EXPECT_EQ(ExplainView(response, Width(80)),
            "job             18\n"
            "state           pending\n"
            "summary         waits for watts; hashing yields them in about 40s\n"
            "waits for       budget-headroom: 900W headroom, 1.4kW needed\n"
            "bound by        moses-lake/feeder-a\n"
            "expected start  2026-11-18T11:07:20Z (in 40s)\n"
            "its watts       would earn 12.34USD an hour hashing\n"
            "\n"
            "BUDGET               NEEDED  HEADROOM  CAP\n"
            "moses-lake/feeder-a   1.4kW      900W  9MW\n"
            "\n"
            "CONSTRAINT  FITS  WHY\n"
            "quota       yes   tenant \"research\" uses 2MW of 4MW\n"
            "\n"
            "NODES  EXCLUDED BY  FOR EXAMPLE\n"
            "  150  gpu-count    moses-lake/rack-001 has no GPU\n");
}

TEST(AlarmsViewTest, NeverCutsWhatToDo) {
  v1::ListAlarmsResponse response;
  v1::Alarm* alarm = response.add_alarms();
  alarm->set_kind("overage");
  alarm->set_subject("moses-lake/meter");
  alarm->set_since_utc_ms(kNow - 12'000);
  alarm->set_text("bound 18.2MW, the cap is 18MW; shed AI of the lowest tier or raise the cap");
  EXPECT_EQ(AlarmsView(response, Width(40)),
            "overage  moses-lake/meter  for 12s\n"
            "  bound 18.2MW, the cap is 18MW; shed AI\n"
            "  of the lowest tier or raise the cap\n");
}

TEST(BudgetsViewTest, MarksABudgetOverItsCap) {
  v1::ListBudgetsResponse response;
  v1::BudgetStatus* budget = response.add_budgets();
  budget->set_id("moses-lake/meter");
  budget->set_kind(v1::METER);
  budget->set_cap_mw(18'000'000'000);
  budget->set_bound_mw(18'200'000'000);
  budget->set_headroom_mw(-200'000'000);
  budget->set_measured_mw(-1);
  EXPECT_EQ(BudgetsView(response, Width(0)),
            "BUDGET            KIND    CAP   BOUND  HEADROOM  MEASURED  HASHING  TRAINING  INFERENCE  STATE\n"
            "moses-lake/meter  meter  18MW  18.2MW    -200kW         -      0mW       0mW        0mW  over its cap\n");
}

TEST(NodesViewTest, MarksModelledReadingsAndQuarantine) {
  v1::ListNodesResponse response;
  v1::NodeStatus* node = response.add_nodes();
  node->set_id("moses-lake/gpu-01");
  node->set_state(v1::READY);
  node->set_measured_mw(4'000'000);
  node->set_modelled(true);
  v1::GroupStatus* group = node->add_groups();
  group->set_name("gpu");
  group->set_count(8);
  group->set_allocated(4);
  group->set_quarantined(1);
  const std::string text = NodesView(response, Width(0));
  EXPECT_THAT(text, HasSubstr("gpu 4/8 (1 quarantined)"));
  EXPECT_THAT(text, HasSubstr("4kW~"));
}

TEST(TopViewTest, ShowsTheTightestBudgetsFirst) {
  TopFrame frame;
  for (int i = 0; i < 20; ++i) {
    v1::BudgetStatus* budget = frame.budgets.add_budgets();
    budget->set_id("s/rack-" + std::to_string(100 + i));
    budget->set_cap_mw(1'000'000);
    budget->set_headroom_mw(1'000'000 - i * 1'000);
  }
  const std::string text = TopView(frame, Width(120));
  EXPECT_LT(text.find("rack-119"), text.find("rack-118"));
  EXPECT_EQ(text.find("rack-107"), std::string::npos) << "only the twelve tightest fit a screen";
}

TEST(OutputTest, JsonKeepsProtoNamesAndWritesDefaults) {
  const std::string json = ToJson(MakeJob(17, v1::PENDING), false);
  EXPECT_THAT(json, HasSubstr("\"id\":\"17\""));
  EXPECT_THAT(json, HasSubstr("\"state\":\"PENDING\""));
  EXPECT_THAT(json, HasSubstr("\"submitted_utc_ms\":\"0\""));
  EXPECT_THAT(json, HasSubstr("\"tasks\":[]"));
}

TEST(OutputTest, YamlIsTheSameDocumentAndTextsStayTexts) {
  v1::Job job = MakeJob(17, v1::PENDING);
  job.set_reason("yes");
  job.set_principal("a: \"b\" # <c>\nd");
  const YAML::Node node = YAML::Load(JsonToYaml(ToJson(job, true)));
  EXPECT_EQ(node["state"].Scalar(), "PENDING");
  EXPECT_EQ(node["principal"].Scalar(), "a: \"b\" # <c>\nd");
  EXPECT_EQ(node["reason"].Tag(), "!") << "a quoted scalar is a text, not a boolean";
  EXPECT_EQ(node["id"].Tag(), "!");
  EXPECT_NE(node["attempt"].Tag(), "!");
  EXPECT_EQ(node["attempt"].as<int>(), 0);
}

TEST(TextTest, WordsOfEnumsAreLowerCaseAndParsedInAnyCase) {
  EXPECT_EQ(Word(v1::COOLING_ZONE), "cooling-zone");
  EXPECT_EQ(Word(v1::TASK_RUNNING), "running");
  EXPECT_EQ(Word(v1::ENFORCER_SUPERVISOR), "supervisor");
  EXPECT_EQ(Word(v1::JOB_STATE_UNSPECIFIED), "-");
  EXPECT_EQ(Word(static_cast<v1::JobState>(99)), "unknown(99)");
  EXPECT_EQ(*ParseWord<v1::JobState>("state", "RUNNING"), v1::RUNNING);
  const auto unknown = ParseWord<v1::JobState>("state", "runing");
  EXPECT_THAT(std::string(unknown.status().message()),
              HasSubstr("state \"runing\": unknown, allowed are pending, preparing"));
}

TEST(TextTest, JobIdsAreNumbersWithOrWithoutJ) {
  EXPECT_EQ(*ParseJobId("17"), 17U);
  EXPECT_EQ(*ParseJobId("j17"), 17U);
  for (const char* bad : {"", "j", "0", "-1", "17x", "99999999999999999999"}) EXPECT_FALSE(ParseJobId(bad).ok()) << bad;
}

TEST(TextTest, LogTargetsNameAGroupAnIndexOrBoth) {
  const auto both = ParseLogTarget("j17/worker/2");
  ASSERT_TRUE(both.ok()) << both.status();
  EXPECT_EQ(both->id(), 17U);
  EXPECT_EQ(both->group(), "worker");
  EXPECT_EQ(both->index(), 2);
  EXPECT_EQ(ParseLogTarget("17/2")->index(), 2);
  EXPECT_EQ(ParseLogTarget("17/2")->group(), "");
  EXPECT_EQ(ParseLogTarget("17/worker")->group(), "worker");
  for (const char* bad : {"/2", "17/a/b/2", "17/a/x", "17/a/", "17//2"}) EXPECT_FALSE(ParseLogTarget(bad).ok()) << bad;
}

TEST(PlansViewTest, SaysHowManyTasksArePrepared) {
  v1::ListPlansResponse response;
  v1::PlanStatus* plan = response.add_plans();
  plan->set_id(3);
  plan->set_job(18);
  plan->set_tasks(4);
  EXPECT_THAT(PlansView(response, Width(80)), testing::Not(HasSubstr("prepare")));
  plan->set_preparing(4);
  plan->set_prepared(1);
  EXPECT_THAT(PlansView(response, Width(80)), HasSubstr("1 of 4 task(s) are prepared"));
}

TEST(TextTest, SinceIsASpanOrATime) {
  EXPECT_EQ(*ParseSince("2h", kNow), kNow - 7'200'000);
  EXPECT_EQ(*ParseSince("2026-11-18T11:06:40Z", 0), kNow);
  EXPECT_FALSE(ParseSince("yesterday", kNow).ok());
}

TEST(TextTest, GpuSharesAreThousandths) {
  EXPECT_EQ(GpuCount(8'000), "8 GPU");
  EXPECT_EQ(GpuCount(500), "0.5 GPU");
  EXPECT_EQ(GpuCount(0), "0 GPU");
}

TEST(WaitedInVainTest, DependsOnWhatWasWaitedFor) {
  EXPECT_FALSE(WaitedInVain(v1::SUCCEEDED, v1::JOB_STATE_UNSPECIFIED));
  EXPECT_TRUE(WaitedInVain(v1::FAILED, v1::JOB_STATE_UNSPECIFIED));
  EXPECT_TRUE(WaitedInVain(v1::CANCELLED, v1::RUNNING));
  EXPECT_FALSE(WaitedInVain(v1::CANCELLED, v1::CANCELLED));
  EXPECT_TRUE(WaitedInVain(v1::SUCCEEDED, v1::CANCELLED));
  EXPECT_FALSE(WaitedInVain(v1::RUNNING, v1::RUNNING));
}

}  // namespace
}  // namespace switchyard::client::cli
