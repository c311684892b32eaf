#include "scheduler/placement/place.h"

#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/scheduler/placement/builders.h"

namespace switchyard::placement {
namespace {

using testing::ElementsAre;
using testing::Pair;

// Places a whole job where yields are allowed and watts are no object.
PlaceResult Place(const v1::JobSpec& job, std::vector<NodeView>& nodes) {
  OneBudget power;
  return PlaceGang(job, AllTasks(job), nodes, power, true);
}

TEST(PlaceGang, PutsWholeGpuTasksOnNodesWithExactlyEnough) {
  std::vector<NodeView> nodes = {Node(0, 8), Node(1, 4), Node(2, 8)};
  const PlaceResult result = Place(Job(1, 4), nodes);
  ASSERT_FALSE(result.shortfall.has_value());
  EXPECT_EQ(result.placements[0].node, 1u);
  EXPECT_EQ(result.placements[0].device_group, kGpuGroup);
  EXPECT_THAT(result.placements[0].devices, ElementsAre(0, 1, 2, 3));
  EXPECT_EQ(result.placements[0].share_milli, 1000);
  EXPECT_FALSE(result.placements[0].needs_yield);
  EXPECT_THAT(nodes[1].groups[kGpuGroup].free_milli, ElementsAre(0, 0, 0, 0));
}

TEST(PlaceGang, FillsANodeBeforeItOpensTheNext) {
  std::vector<NodeView> nodes = Nodes(4, 8);
  EXPECT_THAT(TasksByNode(Place(Job(12, 1), nodes)), ElementsAre(Pair(0u, 8), Pair(1u, 4)));
}

TEST(PlaceGang, SharesPackOntoGpusThatAreInUseAlready) {
  std::vector<NodeView> nodes = Nodes(3, 2);
  nodes[2].groups[kGpuGroup].free_milli = {1000, 500};
  v1::JobSpec job = Job(2, 0);
  job.mutable_groups(0)->mutable_resources()->set_gpu_milli(250);
  const PlaceResult result = Place(job, nodes);
  ASSERT_EQ(result.placements.size(), 2u);
  for (const TaskPlacement& placement : result.placements) {
    EXPECT_EQ(placement.node, 2u);
    EXPECT_THAT(placement.devices, ElementsAre(1));
    EXPECT_EQ(placement.share_milli, 250);
  }
  EXPECT_THAT(nodes[2].groups[kGpuGroup].free_milli, ElementsAre(1000, 0));
}

TEST(PlaceGang, PrefersNodesWithoutAYieldToATighterFit) {
  std::vector<NodeView> nodes = {Node(0, 4), Node(1, 8)};
  nodes[0].groups[kGpuGroup].reclaimable.assign(4, true);
  const PlaceResult result = Place(Job(1, 4), nodes);
  EXPECT_EQ(result.placements[0].node, 1u);
  EXPECT_FALSE(result.placements[0].needs_yield);
}

TEST(PlaceGang, ReclaimsDevicesOnlyWhereItMay) {
  std::vector<NodeView> nodes = Nodes(1, 4);
  nodes[0].groups[kGpuGroup].reclaimable.assign(4, true);
  OneBudget power;
  const v1::JobSpec job = Job(1, 4);
  EXPECT_EQ(PlaceGang(job, AllTasks(job), nodes, power, false).shortfall->constraint, Constraint::kDevices);
  const PlaceResult result = PlaceGang(job, AllTasks(job), nodes, power, true);
  ASSERT_FALSE(result.shortfall.has_value());
  EXPECT_TRUE(result.placements[0].needs_yield);
}

TEST(PlaceGang, ASecondShareOfADeviceThatMustYieldNeedsTheYieldToo) {
  std::vector<NodeView> nodes = Nodes(1, 1);
  nodes[0].groups[kGpuGroup].reclaimable = {true};
  v1::JobSpec job = Job(1, 0);
  job.mutable_groups(0)->mutable_resources()->set_gpu_milli(300);
  EXPECT_TRUE(Place(job, nodes).placements[0].needs_yield);
  EXPECT_TRUE(Place(job, nodes).placements[0].needs_yield);
  EXPECT_THAT(nodes[0].groups[kGpuGroup].free_milli, ElementsAre(400));
}

TEST(PlaceGang, OfEqualFitsTheNodeWhoseHashingEarnsLeastYields) {
  std::vector<NodeView> nodes = Nodes(3, 4);
  for (NodeView& node : nodes) node.groups[kGpuGroup].reclaimable.assign(4, true);
  nodes[0].hashing_value = 900;
  nodes[1].hashing_value = 100;
  nodes[2].hashing_value = 100;
  EXPECT_EQ(Place(Job(1, 4), nodes).placements[0].node, 1u);
}

TEST(PlaceGang, TasksWithoutDevicesLeaveGpuNodesAlone) {
  std::vector<NodeView> nodes = {Node(0, 8), Node(1, 0)};
  v1::JobSpec job = Job(1, 0);
  job.mutable_groups(0)->mutable_resources()->set_cpu_milli(1000);
  const PlaceResult result = Place(job, nodes);
  EXPECT_EQ(result.placements[0].node, 1u);
  EXPECT_EQ(result.placements[0].device_group, -1);
  EXPECT_TRUE(result.placements[0].devices.empty());
  EXPECT_EQ(result.placements[0].share_milli, 0);
  EXPECT_EQ(nodes[1].cpu_milli_free, 63'000);
}

TEST(PlaceGang, CpuDevicesAreTakenWhole) {
  std::vector<NodeView> nodes = Nodes(1, 4);
  v1::JobSpec job = Job(2, 0);
  job.mutable_groups(0)->mutable_resources()->set_cpu_devices(1);
  const PlaceResult result = Place(job, nodes);
  ASSERT_FALSE(result.shortfall.has_value());
  EXPECT_EQ(result.placements[0].device_group, 0);
  EXPECT_THAT(result.placements[0].devices, ElementsAre(0));
  EXPECT_THAT(result.placements[1].devices, ElementsAre(1));
}

TEST(PlaceGang, IsAllOrNothing) {
  std::vector<NodeView> nodes = Nodes(3, 4);
  const std::vector<NodeView> before = nodes;
  OneBudget power(Watts(1'000'000));
  const v1::JobSpec job = Job(4, 4);
  const PlaceResult result = PlaceGang(job, AllTasks(job), nodes, power, true);
  EXPECT_TRUE(result.placements.empty());
  ASSERT_TRUE(result.shortfall.has_value());
  EXPECT_EQ(result.shortfall->constraint, Constraint::kGang);
  EXPECT_EQ(result.shortfall->amount, 1);
  EXPECT_EQ(result.shortfall->subject, "task");
  EXPECT_THAT(result.shortfall->rejected_nodes, ElementsAre(Pair(Constraint::kDevices, 3)));
  EXPECT_EQ(nodes, before);
  EXPECT_EQ(power.headroom(), Watts(1'000'000));
}

TEST(PlaceGang, NamesTheNearestNodeWhenNotEvenOneTaskFits) {
  std::vector<NodeView> nodes = Nodes(3, 4);
  nodes[0].available = false;
  nodes[1].groups[kGpuGroup].free_milli = {0, 0, 0, 1000};
  nodes[2].groups[kGpuGroup].free_milli = {0, 0, 1000, 1000};
  const Shortfall shortfall = *Place(Job(2, 3), nodes).shortfall;
  EXPECT_EQ(shortfall.constraint, Constraint::kDevices);
  EXPECT_EQ(shortfall.amount, 1);
  EXPECT_EQ(shortfall.subject, "ml/n2");
  EXPECT_THAT(shortfall.rejected_nodes, ElementsAre(Pair(Constraint::kNodeState, 1), Pair(Constraint::kDevices, 2)));
}

TEST(PlaceGang, WithoutAnyNodeWaitsForOne) {
  std::vector<NodeView> nodes;
  EXPECT_EQ(Place(Job(1, 1), nodes).shortfall->constraint, Constraint::kNodeState);
}

TEST(PlaceGang, LacksWattsWhereTheOracleSaysSoAndChargesNothing) {
  std::vector<NodeView> nodes = Nodes(4, 8);
  const std::vector<NodeView> before = nodes;
  OneBudget power(Watts(10 * 700 - 100));
  const v1::JobSpec job = Job(10, 1);
  const PlaceResult result = PlaceGang(job, AllTasks(job), nodes, power, true);
  ASSERT_TRUE(result.shortfall.has_value());
  EXPECT_EQ(result.shortfall->constraint, Constraint::kBudgetHeadroom);
  EXPECT_EQ(result.shortfall->amount, 100'000);
  EXPECT_EQ(result.shortfall->subject, "ml/feeder");
  EXPECT_EQ(power.headroom(), Watts(10 * 700 - 100));
  EXPECT_EQ(nodes, before);
}

TEST(PlaceGang, GoesAroundABudgetThatIsFull) {
  std::vector<NodeView> nodes = Nodes(2, 8);
  OneBudget power(Watts(700 * 3));
  power.Beneath(0);
  const v1::JobSpec job = Job(8, 1);
  EXPECT_THAT(TasksByNode(PlaceGang(job, AllTasks(job), nodes, power, true)), ElementsAre(Pair(0u, 3), Pair(1u, 5)));
}

TEST(PlaceGang, AsksTheOracleOnlyOnceForANodeThatItRefused) {
  std::vector<NodeView> nodes = Nodes(100, 8);
  OneBudget power(Watts(700 * 20));
  for (uint32_t node = 0; node < 99; ++node) power.Beneath(node);
  const v1::JobSpec job = Job(28, 1);
  EXPECT_FALSE(PlaceGang(job, AllTasks(job), nodes, power, true).shortfall.has_value());
  EXPECT_EQ(power.charges(), 28 + 97);  // two nodes fill up; each of the other 97 beneath the budget refuses once
}

TEST(PlaceGang, SpreadPutsAtMostOneTaskIntoEachDomain) {
  std::vector<NodeView> nodes = Nodes(12, 8);  // three racks
  v1::JobSpec job = Job(3, 1);
  job.mutable_groups(0)->set_spread_over("rack");
  EXPECT_THAT(TasksByNode(Place(job, nodes)), ElementsAre(Pair(0u, 1), Pair(4u, 1), Pair(8u, 1)));
  job.mutable_groups(0)->set_count(4);
  const Shortfall shortfall = *Place(job, nodes).shortfall;
  EXPECT_EQ(shortfall.constraint, Constraint::kSpread);
  EXPECT_EQ(shortfall.amount, 1);
}

TEST(PlaceGang, SpreadOverNodesAndSwitches) {
  std::vector<NodeView> nodes = Nodes(16, 8);  // two switches
  v1::JobSpec job = Job(2, 1);
  job.mutable_groups(0)->set_spread_over("node");
  EXPECT_THAT(TasksByNode(Place(job, nodes)), ElementsAre(Pair(0u, 1), Pair(1u, 1)));
  job.mutable_groups(0)->set_spread_over("switch");
  EXPECT_THAT(TasksByNode(Place(job, nodes)), ElementsAre(Pair(0u, 1), Pair(8u, 1)));
}

TEST(PlaceGang, SpreadCountsTheTasksThatRunAlready) {
  std::vector<NodeView> nodes = Nodes(3, 8);
  v1::JobSpec job = Job(3, 1);
  job.mutable_groups(0)->set_spread_over("node");
  OneBudget power;
  const PlaceResult result =
      PlaceGang(job, {{"task", 2}}, nodes, power, true, {{"task", 0}, {"task", 1}, {"other", 2}});
  ASSERT_EQ(result.placements.size(), 1u);
  EXPECT_EQ(result.placements[0].node, 2u);
  EXPECT_EQ(result.placements[0].index, 2);
}

TEST(PlaceGang, RacksOfTheSameNameAtTwoSitesAreTwoDomains) {
  std::vector<NodeView> nodes = Nodes(2, 1);
  nodes[1].site = "elsewhere";
  v1::JobSpec job = Job(2, 1);
  job.mutable_groups(0)->set_spread_over("rack");
  EXPECT_FALSE(Place(job, nodes).shortfall.has_value());
}

TEST(PlaceGang, PackKeepsAGroupInTheTightestDomainThatHoldsAllOfIt) {
  std::vector<NodeView> nodes = Nodes(24, 8);                           // switches s0, s1 and s2 of eight nodes
  for (int node = 8; node < 14; ++node) nodes[node].available = false;  // s1: two nodes left
  nodes[16].available = false;                                          // s2: seven
  v1::JobSpec job = Job(2, 8);
  job.mutable_groups(0)->set_pack_into("switch");
  EXPECT_THAT(TasksByNode(Place(job, nodes)), ElementsAre(Pair(14u, 1), Pair(15u, 1)));
  job.mutable_groups(0)->set_count(7);
  EXPECT_EQ(Place(job, nodes).placements[0].node, 17u);
}

TEST(PlaceGang, PackPrefersADomainThatNeedsNoYield) {
  std::vector<NodeView> nodes = Nodes(16, 8);
  for (int node = 0; node < 8; ++node) nodes[node].groups[kGpuGroup].reclaimable.assign(8, true);
  nodes[0].available = false;  // the tighter one, were it not for the yield
  v1::JobSpec job = Job(4, 8);
  job.mutable_groups(0)->set_pack_into("switch");
  for (const TaskPlacement& placement : Place(job, nodes).placements) EXPECT_GE(placement.node, 8u);
}

TEST(PlaceGang, PackSaysHowManyTasksTheBestDomainLeavesOut) {
  std::vector<NodeView> nodes = Nodes(16, 8);
  nodes[3].available = false;
  v1::JobSpec job = Job(10, 8);
  job.mutable_groups(0)->set_pack_into("switch");
  const Shortfall shortfall = *Place(job, nodes).shortfall;
  EXPECT_EQ(shortfall.constraint, Constraint::kPack);
  EXPECT_EQ(shortfall.amount, 2);
  EXPECT_EQ(shortfall.subject, "task");
}

TEST(PlaceGang, PackGoesToTheNextDomainWhenTheFirstLacksWatts) {
  std::vector<NodeView> nodes = Nodes(16, 8);
  OneBudget power(Watts(700 * 8));
  for (uint32_t node = 0; node < 8; ++node) power.Beneath(node);
  v1::JobSpec job = Job(2, 8);
  job.mutable_groups(0)->set_pack_into("switch");
  EXPECT_THAT(TasksByNode(PlaceGang(job, AllTasks(job), nodes, power, true)), ElementsAre(Pair(8u, 1), Pair(9u, 1)));
  EXPECT_EQ(power.headroom(), Watts(700 * 8));
}

TEST(PlaceGang, PackLacksWattsWhenEveryDomainWithRoomDoes) {
  std::vector<NodeView> nodes = Nodes(16, 8);
  const std::vector<NodeView> before = nodes;
  OneBudget power(Watts(700 * 8));
  v1::JobSpec job = Job(2, 8);
  job.mutable_groups(0)->set_pack_into("switch");
  EXPECT_EQ(PlaceGang(job, AllTasks(job), nodes, power, true).shortfall->constraint, Constraint::kBudgetHeadroom);
  EXPECT_EQ(nodes, before);
  EXPECT_EQ(power.headroom(), Watts(700 * 8));
}

TEST(PlaceGang, PackStaysWhereTheGroupAlreadyIs) {
  std::vector<NodeView> nodes = Nodes(16, 8);
  v1::JobSpec job = Job(2, 8);
  job.mutable_groups(0)->set_pack_into("switch");
  OneBudget power;
  const PlaceResult result = PlaceGang(job, {{"task", 1}}, nodes, power, true, {{"task", 12}});
  ASSERT_EQ(result.placements.size(), 1u);
  EXPECT_EQ(result.placements[0].node, 8u);
}

TEST(PlaceGang, ANodeWithoutASwitchIsADomainOfItsOwn) {
  std::vector<NodeView> nodes = Nodes(4, 8);
  for (NodeView& node : nodes) node.switch_name.clear();
  v1::JobSpec job = Job(2, 8);
  job.mutable_groups(0)->set_pack_into("switch");
  EXPECT_EQ(Place(job, nodes).shortfall->constraint, Constraint::kPack);
  job.mutable_groups(0)->mutable_resources()->set_gpus(4);
  EXPECT_THAT(TasksByNode(Place(job, nodes)), ElementsAre(Pair(0u, 2)));
}

TEST(PlaceGang, PlacesTheHardestGroupFirstAndAnswersInTheOrderOfTheTasks) {
  std::vector<NodeView> nodes = {Node(0, 2), Node(1, 1)};
  v1::JobSpec job = Job(1, 1);
  job.mutable_groups(0)->set_name("small");
  *job.add_groups() = job.groups(0);
  job.mutable_groups(1)->set_name("large");
  job.mutable_groups(1)->mutable_resources()->set_gpus(2);
  nodes[1].groups[kGpuGroup].reclaimable = {true};  // the small task would rather take node 0
  const PlaceResult result = Place(job, nodes);
  ASSERT_EQ(result.placements.size(), 2u);
  EXPECT_EQ(result.placements[0].group, "small");
  EXPECT_EQ(result.placements[0].node, 1u);
  EXPECT_EQ(result.placements[1].group, "large");
  EXPECT_EQ(result.placements[1].node, 0u);
}

TEST(PlaceGang, AFailingLaterGroupTakesTheEarlierOneBack) {
  std::vector<NodeView> nodes = Nodes(2, 4);
  const std::vector<NodeView> before = nodes;
  v1::JobSpec job = Job(2, 4);
  *job.add_groups() = job.groups(0);
  job.mutable_groups(1)->set_name("rest");
  job.mutable_groups(1)->set_count(1);
  job.mutable_groups(1)->mutable_resources()->set_gpus(1);
  OneBudget power(Watts(1'000'000));
  const PlaceResult result = PlaceGang(job, AllTasks(job), nodes, power, true);
  EXPECT_EQ(result.shortfall->constraint, Constraint::kGang);
  EXPECT_EQ(result.shortfall->subject, "rest");
  EXPECT_EQ(nodes, before);
  EXPECT_EQ(power.headroom(), Watts(1'000'000));
}

TEST(PlaceGangDeathTest, ATaskOfAGroupThatTheJobDoesNotHaveIsOurBug) {
  std::vector<NodeView> nodes = Nodes(1, 1);
  OneBudget power;
  EXPECT_DEATH(PlaceGang(Job(1, 1), {{"ghost", 0}}, nodes, power, true), "has groups for 0 of 1 tasks");
}

}  // namespace
}  // namespace switchyard::placement
