#include "simulation/physics/reach.h"

#include <algorithm>

#include "common/topology/topology.h"
#include "gtest/gtest.h"
#include "tests/support/cluster_builder.h"

namespace switchyard::simulation {
namespace {

// Two feeders behind a meter with overhead, a pair of them, a PDU on both, racks with liquid and air zones, base loads.
v1::ClusterConfiguration Cluster() {
  testing::ClusterBuilder cluster;
  cluster.Budget("a", v1::FEEDER, Watts(90'000))
      .Budget("b", v1::FEEDER, Watts(90'000))
      .Budget("pdu", v1::PDU, Watts(80'000), "a");
  cluster.Budget("air", v1::COOLING_ZONE, Watts(70'000), "").Budget("water", v1::COOLING_ZONE, Watts(70'000), "");
  cluster.Rack("r1", "pdu").Server("s1", "b");
  v1::Site& site = *cluster.configuration().mutable_sites(0);
  site.set_overhead_fixed_mw(1'234'567);
  site.set_overhead_marginal_ppm(250'000);
  for (v1::Budget& budget : *site.mutable_budgets()) {
    if (budget.kind() == v1::COOLING_ZONE) budget.clear_feeds_from();
    if (budget.id() != "pdu") continue;
    budget.set_base_load_mw(1'000'001);
    budget.mutable_feeds_from(0)->set_coefficient_ppm(500'000);
    v1::BudgetEdge& other = *budget.add_feeds_from();
    other.set_budget("b");
    other.set_coefficient_ppm(500'000);
  }
  v1::FeedPair& pair = *site.add_feed_pairs();
  pair.set_id("survivor");
  pair.set_a("a");
  pair.set_b("b");
  pair.set_failover_cap_mw(95'000'000);
  cluster.configuration().mutable_nodes(0)->set_air_zone("air");
  cluster.configuration().mutable_nodes(0)->set_liquid_zone("water");
  cluster.configuration().mutable_node_models(0)->mutable_groups(0)->set_liquid_ppm(300'000);
  return cluster.configuration();
}

TEST(ReachTest, TheJudgeReachesWhatTheTopologyReachesAndNeverHigher) {
  const v1::ClusterConfiguration configuration = Cluster();
  const absl::StatusOr<topology::Topology> topology = topology::Topology::Build(configuration);
  ASSERT_TRUE(topology.ok()) << topology.status();
  const ReachMap map(configuration);
  ASSERT_EQ(map.budgets().size(), topology->budgets().size());
  for (size_t b = 0; b < map.budgets().size(); ++b) {
    EXPECT_EQ(map.budgets()[b].id, topology->budgets()[b].id.str());
    EXPECT_EQ(map.budgets()[b].cap, topology->budgets()[b].cap);
    EXPECT_LE(map.budgets()[b].base, topology->budgets()[b].base) << map.budgets()[b].id;
    EXPECT_GE(map.budgets()[b].base + Power(8), topology->budgets()[b].base) << map.budgets()[b].id;
  }
  for (uint32_t n = 0; n < 2; ++n) {
    const std::string node = "site/" + configuration.nodes(static_cast<int>(n)).id();
    const std::string group = n == 0 ? "asic" : "gpu";
    for (const int g : {topology::kPlatform, 0}) {
      const topology::Chain& chain = topology->ChainFor(n, g);
      const Reach& reach = map.Of(node, g == topology::kPlatform ? "" : group);
      ASSERT_EQ(reach.size(), chain.size()) << node << g;
      for (size_t i = 0; i < chain.size(); ++i) {
        EXPECT_EQ(reach[i].budget, chain[i].budget);
        EXPECT_LE(reach[i].ppm + reach[i].overhead_ppm, chain[i].coefficient.count());
        EXPECT_GE(reach[i].ppm + reach[i].overhead_ppm + 4, chain[i].coefficient.count());
      }
    }
  }
}

TEST(ReachTest, TheSurvivorFeelsBothFeedsWhole) {
  const ReachMap map(Cluster());
  const Reach& reach = map.Of("site/r1", "asic");
  const auto survivor = std::find_if(reach.begin(), reach.end(),
                                     [&](const ReachEdge& e) { return map.budgets()[e.budget].kind == v1::SURVIVOR; });
  ASSERT_NE(survivor, reach.end());
  EXPECT_EQ(survivor->ppm, 1'000'000);
  EXPECT_TRUE(map.Of("site/nobody", "asic").empty());
}

}  // namespace
}  // namespace switchyard::simulation
