#include "common/topology/topology.h"

#include <map>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/common/topology/sample.h"

namespace switchyard::topology {
namespace {

using testing::ElementsAre;
using testing::Pair;

std::map<std::string, int64_t> Named(const Topology& topology, const Chain& chain) {
  std::map<std::string, int64_t> named;
  for (const ChainEdge& edge : chain) named[topology.budgets()[edge.budget].id.str()] = edge.coefficient.count();
  return named;
}

Topology Built(const v1::ClusterConfiguration& configuration) {
  absl::StatusOr<Topology> topology = Topology::Build(configuration);
  EXPECT_TRUE(topology.ok()) << topology.status();
  return *std::move(topology);
}

TEST(TopologyTest, AGroupLoadsEveryBudgetAboveItWithItsShareTheMeterWithOverheadAndZonesWithHeat) {
  const Topology topology = Built(Sample());
  EXPECT_THAT(Named(topology, topology.ChainFor(0, 0)),
              ElementsAre(Pair("s/a", 500'000), Pair("s/air", 60'000), Pair("s/b", 500'000), Pair("s/meter", 1'250'000), Pair("s/pair", 1'000'000),
                          Pair("s/pdu", 1'000'000), Pair("s/rack", 1'000'000), Pair("s/water", 940'000)));
}

TEST(TopologyTest, PlatformWattsAreAirHeat) {
  const Topology topology = Built(Sample());
  const auto named = Named(topology, topology.ChainFor(0, kPlatform));
  EXPECT_EQ(named.at("s/air"), 1'000'000);
  EXPECT_FALSE(named.contains("s/water"));
}

TEST(TopologyTest, ASurvivorTakesWholeWhatHangsOnOneFeedAlone) {
  v1::ClusterConfiguration configuration = Sample();
  configuration.mutable_nodes(1)->clear_feeds_from();
  AddFeed(configuration.mutable_nodes(1), "a");
  const Topology topology = Built(configuration);
  const auto named = Named(topology, topology.ChainFor(1, 0));
  EXPECT_EQ(named.at("s/a"), 1'000'000);
  EXPECT_FALSE(named.contains("s/b"));
  EXPECT_EQ(named.at("s/pair"), 1'000'000);
}

TEST(TopologyTest, SharesOverSeveralPathsAreSummedAndRoundedUp) {
  v1::ClusterConfiguration configuration = Sample();
  v1::Budget* pdu = configuration.mutable_sites(0)->mutable_budgets(3);
  pdu->mutable_feeds_from(0)->set_coefficient_ppm(333'333);
  pdu->mutable_feeds_from(1)->set_coefficient_ppm(666'667);
  v1::Node* node = configuration.mutable_nodes(0);
  node->clear_feeds_from();
  AddFeed(node, "rack", 500'001);
  AddFeed(node, "a", 499'999);
  const Topology topology = Built(configuration);
  const auto named = Named(topology, topology.ChainFor(0, 0));
  EXPECT_EQ(named.at("s/a"), 499'999 + 166'667);  // 0.500001 x 0.333333 is 0.166666833
  EXPECT_EQ(named.at("s/b"), 333'335);            // 0.500001 x 0.666667 is 0.333334167
  EXPECT_EQ(named.at("s/meter"), 1'250'002);      // the millionth that rounding added, times 1.25, rounded up
}

TEST(TopologyTest, IdenticalChainsAreOne) {
  const Topology topology = Built(Sample());
  EXPECT_EQ(topology.ChainOf(0, 0), topology.ChainOf(1, 0));
  EXPECT_EQ(topology.ChainOf(0, kPlatform), topology.ChainOf(1, kPlatform));
  EXPECT_EQ(topology.chains().size(), 2u);
}

TEST(TopologyTest, ChainsAscendByBudget) {
  const Topology topology = Built(Sample());
  for (const Chain& chain : topology.chains()) {
    for (size_t i = 1; i < chain.size(); ++i) EXPECT_LT(chain[i - 1].budget, chain[i].budget);
  }
}

TEST(TopologyTest, BaseLoadsCountInEveryBudgetAboveThem) {
  const Topology topology = Built(Sample());
  std::map<std::string, Power> base;
  for (const BudgetInfo& budget : topology.budgets()) base[budget.id.str()] = budget.base;
  EXPECT_EQ(base.at("s/pdu"), Watts(1'000));
  EXPECT_EQ(base.at("s/a"), Watts(500));
  EXPECT_EQ(base.at("s/pair"), Watts(1'000));
  EXPECT_EQ(base.at("s/meter"), Watts(5'000 + 1'250));
  EXPECT_EQ(base.at("s/rack"), Watts(0));
  EXPECT_EQ(base.at("s/air"), Watts(0));
}

TEST(TopologyTest, AnOpenFaultReserveIsTheLargestSingleDeviceBeneath) {
  v1::ClusterConfiguration configuration = Sample();
  configuration.mutable_sites(0)->mutable_budgets(4)->set_fault_reserve_mw(0);
  const Topology topology = Built(configuration);
  std::map<std::string, Power> reserve;
  for (const BudgetInfo& budget : topology.budgets()) reserve[budget.id.str()] = budget.fault_reserve;
  EXPECT_EQ(reserve.at("s/meter"), Watts(875));
  EXPECT_EQ(reserve.at("s/a"), Watts(350));
  EXPECT_EQ(reserve.at("s/pair"), Watts(700));
  EXPECT_EQ(reserve.at("s/water"), Watts(658));
  EXPECT_EQ(reserve.at("s/rack"), Watts(0)) << "zero was configured";
}

TEST(TopologyTest, ACapInVoltAmperesCountsInWatts) {
  v1::ClusterConfiguration configuration = Sample();
  configuration.mutable_sites(0)->mutable_budgets(1)->set_power_factor_ppm(950'000);
  EXPECT_EQ(Built(configuration).budgets()[1].cap, Watts(57'000));
}

TEST(TopologyTest, NamesAndNodesUnderABudgetAreFound) {
  v1::ClusterConfiguration configuration = Sample();
  configuration.mutable_nodes(1)->clear_feeds_from();
  AddFeed(configuration.mutable_nodes(1), "a");
  const Topology topology = Built(configuration);
  EXPECT_EQ(topology.FindNode("s/n2"), 1u);
  EXPECT_EQ(topology.FindNode("n2"), std::nullopt);
  EXPECT_EQ(topology.FindBudget("s/pair"), 7u);
  EXPECT_EQ(topology.MeterOf(0), 0u);
  EXPECT_THAT(topology.NodesUnder(*topology.FindBudget("s/rack")), ElementsAre(0u));
  EXPECT_THAT(topology.NodesUnder(*topology.FindBudget("s/a")), ElementsAre(0u, 1u));
  EXPECT_THAT(topology.NodesUnder(*topology.FindBudget("s/air")), ElementsAre(0u, 1u));
}

TEST(TopologyTest, SitesDoNotTouchEachOther) {
  v1::ClusterConfiguration configuration = Sample();
  *configuration.add_sites() = configuration.sites(0);
  configuration.mutable_sites(1)->set_id("z");
  configuration.mutable_nodes(1)->set_site("z");
  const Topology topology = Built(configuration);
  EXPECT_EQ(topology.MeterOf(1), 8u);
  for (const ChainEdge& edge : topology.ChainFor(1, 0)) EXPECT_EQ(topology.budgets()[edge.budget].site, 1u);
  EXPECT_EQ(Named(topology, topology.ChainFor(1, 0)).at("z/meter"), 1'250'000);
}

TEST(TopologyTest, AnUnsoundConfigurationGivesItsProblemsInsteadOfATopology) {
  v1::ClusterConfiguration configuration = Sample();
  configuration.mutable_nodes(0)->set_model("other");
  const absl::Status status = Topology::Build(configuration).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(std::string(status.message()),
            "nodes[0].model: node \"s/n1\": model \"other\" is not known; define it under node_models or correct the name");
}

}  // namespace
}  // namespace switchyard::topology
