#include "tools/referee/power_verdict.h"

#include <gmock/gmock.h>

#include <sstream>

#include "tests/tools/referee/site_fixture.h"

namespace switchyard::tools::referee {
namespace {

using ::testing::ElementsAre;

DrawLog Log(const SitePlan& plan, const std::string& text) {
  DrawLog log;
  std::istringstream lines(text);
  ReadDraws(lines, plan, &log);
  return log;
}

constexpr char kAtRest[] =
    "# t_utc_ms node group milliwatts\n"
    "1000 s/rack-01 platform 100000\n"
    "1000 s/rack-01 asic 3000000\n"
    "1000 s/rack-02 platform 100000\n"
    "1000 s/rack-02 asic 3000000\n"
    "1000 s/gpu platform 200000\n"
    "1000 s/gpu gpu 100000\n";

const BudgetVerdict& Of(const PowerVerdict& verdict, const std::string& id) {
  for (const BudgetVerdict& budget : verdict.budgets) {
    if (budget.id == id) return budget;
  }
  ADD_FAILURE() << id;
  return verdict.budgets.front();
}

TEST(PowerVerdict, SumsEveryBudgetByHand) {
  const SitePlan plan = TestPlan();
  const PowerVerdict verdict = JudgePower(plan, Log(plan, kAtRest), 1000, 2000, 1000);
  EXPECT_EQ(Of(verdict, "s/row-01").worst_mw, 6'200'000 + 400'000);
  EXPECT_EQ(Of(verdict, "s/a").worst_mw, 3'100'000 + 75'000 + 200'000);
  EXPECT_EQ(Of(verdict, "s/both").worst_mw, 6'200'000 + 300'000 + 400'000);
  EXPECT_EQ(Of(verdict, "s/meter").worst_mw, 6'500'000 * 5 / 4 + 1'500'000);
  EXPECT_EQ(Of(verdict, "s/liquid").worst_mw, 80'000);
  EXPECT_EQ(Of(verdict, "s/meter").above_cap_ms, 0);
  EXPECT_TRUE(verdict.nodes_unseen.empty());
}

TEST(PowerVerdict, CountsTheTimeAboveTheCapToTheMillisecond) {
  const SitePlan plan = TestPlan();
  const DrawLog log = Log(plan, std::string(kAtRest) + "1500 s/rack-01 asic 4600000\n1730 s/rack-01 asic 3000000\n");
  const PowerVerdict verdict = JudgePower(plan, log, 1000, 3000, 1000);
  EXPECT_EQ(Of(verdict, "s/row-01").worst_mw, 8'200'000);
  EXPECT_EQ(Of(verdict, "s/row-01").above_cap_ms, 230);
  EXPECT_EQ(Of(verdict, "s/row-01").worst_utc_ms, 1500);
  EXPECT_EQ(Of(verdict, "s/meter").above_cap_ms, 0);
}

TEST(PowerVerdict, ADrawAtTheCapIsNotAboveIt) {
  const SitePlan plan = TestPlan();
  const DrawLog log = Log(plan, std::string(kAtRest) + "1500 s/rack-01 asic 4400000\n");
  EXPECT_EQ(Of(JudgePower(plan, log, 1000, 3000, 1000), "s/row-01").above_cap_ms, 0);
}

TEST(PowerVerdict, LinesOfOneMomentCountTogether) {
  const SitePlan plan = TestPlan();
  const DrawLog log = Log(plan, std::string(kAtRest) + "1500 s/rack-01 asic 4600000\n1500 s/rack-02 asic 1400000\n");
  EXPECT_EQ(Of(JudgePower(plan, log, 1000, 3000, 1000), "s/row-01").worst_mw, 6'600'000);
}

TEST(PowerVerdict, JudgesOnlyItsSpanButKnowsWhatHeldBefore) {
  const SitePlan plan = TestPlan();
  const DrawLog log = Log(plan, std::string(kAtRest) + "1500 s/rack-01 asic 4600000\n1730 s/rack-01 asic 3000000\n");
  const PowerVerdict verdict = JudgePower(plan, log, 2000, 3000, 1000);
  EXPECT_EQ(Of(verdict, "s/row-01").worst_mw, 6'600'000);
  EXPECT_EQ(Of(verdict, "s/row-01").above_cap_ms, 0);
}

TEST(PowerVerdict, NamesNodesThatWereNeverHeardAndTheLongestSilence) {
  const SitePlan plan = TestPlan();
  const DrawLog log = Log(plan, "1000 s/rack-01 asic 1\n1000 s/rack-01 platform 1\n1000 s/gpu gpu 1\n2500 s/rack-01 asic 1\n");
  const PowerVerdict verdict = JudgePower(plan, log, 1000, 5000, 1000);
  EXPECT_THAT(verdict.nodes_unseen, ElementsAre("s/gpu", "s/rack-02"));
  EXPECT_EQ(verdict.longest_silence_ms, 4000);
}

TEST(PowerVerdict, TheTimelineShowsTheWorstMomentOfEveryStep) {
  const SitePlan plan = TestPlan();
  const DrawLog log = Log(plan, std::string(kAtRest) + "2300 s/gpu gpu 900000\n2400 s/gpu gpu 100000\n3100 s/rack-01 asic 0\n");
  const PowerVerdict verdict = JudgePower(plan, log, 1000, 5000, 1000);
  ASSERT_EQ(verdict.timeline.size(), 4u);
  EXPECT_EQ(verdict.timeline[0].ai_mw, 125'000);
  EXPECT_EQ(verdict.timeline[1].ai_mw, 1'125'000);
  EXPECT_EQ(verdict.timeline[2].hashing_mw, 7'500'000);
  EXPECT_EQ(verdict.timeline[3].hashing_mw, 3'750'000);
  EXPECT_EQ(verdict.timeline[0].other_mw, 500'000 + 1'500'000);
}

TEST(DrawLog, PassesOverHalfLinesAndStrangers) {
  const SitePlan plan = TestPlan();
  const DrawLog log = Log(plan, "1000 s/rack-01 asic 5\n1100 s/rack-01\n\n1200 s/stranger asic 5\n1300 s/gpu gpu 12");
  EXPECT_EQ(log.draws.size(), 1u);
  EXPECT_EQ(log.skipped_lines, 3);
  EXPECT_EQ(log.unknown_loads, 1);
}

TEST(DrawLog, OrdersTheLinesOfSeveralFiles) {
  const SitePlan plan = TestPlan();
  const std::string one = ::testing::TempDir() + "/one.draw", two = ::testing::TempDir() + "/two.draw";
  std::ofstream(one) << "1000 s/gpu gpu 1\n3000 s/gpu gpu 3\n";
  std::ofstream(two) << "2000 s/rack-01 asic 2\n";
  const absl::StatusOr<DrawLog> log = ReadDrawFiles({one, two}, plan);
  ASSERT_TRUE(log.ok());
  ASSERT_EQ(log->draws.size(), 3u);
  EXPECT_EQ(log->draws[1].mw, 2);
  EXPECT_FALSE(ReadDrawFiles({one + ".missing"}, plan).ok());
}

}  // namespace
}  // namespace switchyard::tools::referee
