#include "tools/referee/site_plan.h"

#include <gmock/gmock.h>

#include "tests/tools/referee/site_fixture.h"

namespace switchyard::tools::referee {
namespace {

using ::testing::HasSubstr;

TEST(SitePlan, ReadsCapsInWattsAndInApparentPower) {
  const SitePlan plan = TestPlan();
  ASSERT_EQ(plan.budgets.size(), 7u);
  EXPECT_EQ(plan.budgets[0].cap_mw, 20'000'000);
  EXPECT_EQ(plan.budgets[1].cap_mw, 9'000'000);
  EXPECT_EQ(plan.budgets[6].id, "s/both");
  EXPECT_EQ(plan.budgets[6].cap_mw, 12'000'000);
  EXPECT_EQ(plan.meter, 0u);
}

TEST(SitePlan, ExpandsRangesOfNodes) {
  const SitePlan plan = TestPlan();
  EXPECT_EQ(plan.node_count, 3u);
  EXPECT_TRUE(plan.load_index.contains({"s/rack-01", "asic"}));
  EXPECT_TRUE(plan.load_index.contains({"s/rack-02", "platform"}));
}

TEST(SitePlan, MultipliesSharesUpwardsAndOverheadAtTheMeter) {
  const SitePlan plan = TestPlan();
  EXPECT_EQ(Seen(plan, "s/rack-01", "asic", "s/row-01"), 1'000'000'000);
  EXPECT_EQ(Seen(plan, "s/rack-01", "asic", "s/a"), 500'000'000);
  EXPECT_EQ(Seen(plan, "s/rack-01", "asic", "s/b"), 500'000'000);
  EXPECT_EQ(Seen(plan, "s/rack-01", "asic", "s/meter"), 1'250'000'000);
  EXPECT_EQ(Seen(plan, "s/gpu", "gpu", "s/a"), 250'000'000);
  EXPECT_EQ(Seen(plan, "s/gpu", "gpu", "s/b"), 750'000'000);
}

TEST(SitePlan, ChargesTheSurvivorWithBothFeedsAndNoOverhead) {
  EXPECT_EQ(Seen(TestPlan(), "s/gpu", "gpu", "s/both"), 1'000'000'000);
}

TEST(SitePlan, SplitsHeatBetweenAirAndLiquid) {
  const SitePlan plan = TestPlan();
  EXPECT_EQ(Seen(plan, "s/gpu", "gpu", "s/liquid"), 800'000'000);
  EXPECT_EQ(Seen(plan, "s/gpu", "gpu", "s/air"), 200'000'000);
  EXPECT_EQ(Seen(plan, "s/gpu", "platform", "s/air"), 1'000'000'000);
  EXPECT_EQ(Seen(plan, "s/gpu", "platform", "s/liquid"), 0);
}

TEST(SitePlan, PutsBaseLoadsOnEverythingAboveThem) {
  const SitePlan plan = TestPlan();
  EXPECT_EQ(plan.budgets[0].base_mw, 1'000'000 + 500'000);  // fixed overhead, and 400 W with a quarter more
  EXPECT_EQ(plan.budgets[1].base_mw, 200'000);
  EXPECT_EQ(plan.budgets[3].base_mw, 400'000);
  EXPECT_EQ(plan.budgets[6].base_mw, 400'000);
}

TEST(SitePlan, NamesABudgetThatIsNotThere) {
  const absl::StatusOr<SitePlan> plan = ReadSitePlan(WriteSite(
      "catalogue: catalogue.yaml\nsites: [{id: s, budgets: [{id: meter, kind: meter, cap: 1kW}]}]\n"
      "nodes: [{id: x, site: s, model: rack, feeds_from: metre}]\n"));
  EXPECT_EQ(plan.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(plan.status().message()), HasSubstr("\"metre\""));
}

TEST(SitePlan, RefusesABudgetThatFeedsFromItself) {
  const absl::StatusOr<SitePlan> plan = ReadSitePlan(WriteSite(
      "catalogue: catalogue.yaml\nsites: [{id: s, budgets: [{id: meter, kind: meter, cap: 1kW, feeds_from: pdu}, "
      "{id: pdu, kind: pdu, cap: 1kW, feeds_from: meter}]}]\nnodes: [{id: x, site: s, model: rack, feeds_from: pdu}]\n"));
  EXPECT_THAT(std::string(plan.status().message()), HasSubstr("cycle"));
}

TEST(SitePlan, RefusesAPowerWithoutItsUnit) {
  const absl::StatusOr<SitePlan> plan =
      ReadSitePlan(WriteSite("sites: [{id: s, budgets: [{id: meter, kind: meter, cap: 18}]}]\nnodes: []\n"));
  EXPECT_THAT(std::string(plan.status().message()), HasSubstr("unknown unit"));
}

TEST(SitePlan, ReadsTheDemonstrationsSite) {
  const absl::StatusOr<SitePlan> plan = ReadSitePlan(SWITCHYARD_SOURCE_DIR "/examples/demo/moses-lake.yaml");
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->node_count, 202u);
  int64_t nameplate = 0;
  for (const Load& load : plan->loads) nameplate += load.nameplate_mw;
  // More than the meter carries: the caps must bind, or the demonstration shows nothing.
  EXPECT_GT(nameplate, plan->budgets[plan->meter].cap_mw * 5 / 4);
}

}  // namespace
}  // namespace switchyard::tools::referee
