#include "scheduler/placement/node_fit.h"

#include <functional>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/scheduler/placement/builders.h"

namespace switchyard::placement {
namespace {

using testing::ElementsAre;

Demand GpuDemand(int gpus) {
  const v1::JobSpec job = Job(1, gpus);
  return MakeDemand(job, job.groups(0));
}

Demand ShareDemand(int milli) {
  v1::JobSpec job = Job(1, 0);
  job.mutable_groups(0)->mutable_resources()->set_gpu_milli(milli);
  return MakeDemand(job, job.groups(0));
}

// One row of the table: a change that makes a fitting pair not fit, and what is then lacking.
struct Misfit {
  Constraint constraint;
  int64_t shortfall;
  std::function<void(Demand&, NodeView&)> change;
};

class EveryNodeConstraint : public testing::TestWithParam<Misfit> {};

TEST_P(EveryNodeConstraint, KeepsATaskOutByExactlyWhatIsLacking) {
  Demand demand = GpuDemand(2);
  NodeView node = Node(0, 4);
  node.counts_free = {{"licence", 3}};
  ASSERT_EQ(NodeShortfall(demand, node), std::nullopt);
  GetParam().change(demand, node);
  const auto shortfall = NodeShortfall(demand, node);
  ASSERT_TRUE(shortfall.has_value());
  EXPECT_EQ(Name(shortfall->first), std::string(Name(GetParam().constraint)));
  EXPECT_EQ(shortfall->second, GetParam().shortfall);
  EXPECT_EQ(TaskCapacity(demand, node, true, 10), 0);
}

const Misfit kMisfits[] = {
    {Constraint::kSite, 1, [](Demand& demand, NodeView&) { demand.site = "elsewhere"; }},
    {Constraint::kOwner, 1, [](Demand&, NodeView& node) { node.owner = "somebody"; }},
    {Constraint::kLabels, 2,
     [](Demand& demand, NodeView& node) {
       demand.selector = {{"disk", "nvme"}, {"os", "debian"}, {"zone", "b"}};
       node.labels = {{"os", "debian"}, {"zone", "a"}};
     }},
    {Constraint::kTaints, 1,
     [](Demand& demand, NodeView& node) {
       demand.tolerations = {"spot"};
       node.taints = {"maintenance", "spot"};
     }},
    {Constraint::kDeviceKinds, 1, [](Demand& demand, NodeView&) { demand.two_device_kinds = true; }},
    {Constraint::kDeviceModel, 1, [](Demand& demand, NodeView&) { demand.device_models = {"b200"}; }},
    {Constraint::kDeviceModel, 1, [](Demand&, NodeView& node) { node.groups.resize(1); }},
    {Constraint::kDeviceMemory, kGiB, [](Demand& demand, NodeView&) { demand.device_memory_bytes = 81 * kGiB; }},
    {Constraint::kDeviceCount, 4, [](Demand& demand, NodeView&) { demand.devices = 8; }},
    {Constraint::kNodeState, 1, [](Demand&, NodeView& node) { node.available = false; }},
    {Constraint::kCounts, 2,
     [](Demand& demand, NodeView&) {
       demand.counts = {{"licence", 5}};
     }},
    {Constraint::kCounts, 1,
     [](Demand& demand, NodeView&) {
       demand.counts = {{"absent", 1}, {"licence", 1}};
     }},
    {Constraint::kPorts, 1,
     [](Demand& demand, NodeView& node) {
       demand.ports = 2;
       node.ports_free = 1;
     }},
    {Constraint::kDisk, 1, [](Demand& demand, NodeView& node) { demand.disk_bytes = node.disk_free + 1; }},
    {Constraint::kMemory, 1, [](Demand& demand, NodeView& node) { demand.memory_bytes = node.memory_free + 1; }},
    {Constraint::kCpu, 500, [](Demand& demand, NodeView& node) { demand.cpu_milli = node.cpu_milli_free + 500; }},
    {Constraint::kDevices, 1,
     [](Demand&, NodeView& node) {
       node.groups[kGpuGroup].free_milli = {1000, 0, 999, 0};
     }},
    {Constraint::kDeviceShare, 100,
     [](Demand& demand, NodeView& node) {
       demand = ShareDemand(500);
       node.groups[kGpuGroup].free_milli = {0, 400, 100, 0};
     }},
};
INSTANTIATE_TEST_SUITE_P(Table, EveryNodeConstraint, testing::ValuesIn(kMisfits));

TEST(NodeShortfall, ATestStandsForEveryNodeLevelRow) {
  std::map<Constraint, int> tested;
  for (const Misfit& misfit : kMisfits) ++tested[misfit.constraint];
  for (const ConstraintRow& row : Table()) {
    EXPECT_EQ(row.node_shortfall != nullptr, tested.contains(row.constraint)) << row.name;
  }
}

TEST(NodeShortfall, TheOwnersJobsRunOnItsNode) {
  NodeView node = Node(0, 4);
  node.owner = "lab";
  EXPECT_EQ(NodeShortfall(GpuDemand(1), node), std::nullopt);
}

TEST(NodeShortfall, ATaskThatAsksForNoneOfAResourceFitsAnOvercommittedNode) {
  NodeView node = Node(0, 4);
  node.memory_free = -1;
  node.cpu_milli_free = -1;
  EXPECT_EQ(NodeShortfall(GpuDemand(1), node), std::nullopt);
}

TEST(NodeShortfall, ReclaimableDevicesCountOnlyWhereAYieldIsAllowed) {
  NodeView node = Node(0, 2);
  node.groups[kGpuGroup].reclaimable = {false, true};
  EXPECT_EQ(NodeShortfall(GpuDemand(2), node, true), std::nullopt);
  const auto shortfall = NodeShortfall(GpuDemand(2), node, false);
  ASSERT_TRUE(shortfall.has_value());
  EXPECT_EQ(shortfall->first, Constraint::kDevices);
  EXPECT_EQ(shortfall->second, 1);
}

TEST(ChooseDevices, TakesFreeDevicesBeforeThoseThatMustYield) {
  NodeView node = Node(0, 4);
  node.groups[kGpuGroup].reclaimable = {true, false, true, false};
  const auto two = ChooseDevices(GpuDemand(2), node, true);
  EXPECT_THAT(two->devices, ElementsAre(1, 3));
  EXPECT_FALSE(two->needs_yield);
  const auto three = ChooseDevices(GpuDemand(3), node, true);
  EXPECT_THAT(three->devices, ElementsAre(0, 1, 3));
  EXPECT_TRUE(three->needs_yield);
  EXPECT_EQ(three->leftover, 1);
  EXPECT_FALSE(ChooseDevices(GpuDemand(3), node, false).has_value());
}

TEST(ChooseDevices, AShareGoesToTheFullestDeviceThatStillHasRoom) {
  NodeView node = Node(0, 4);
  node.groups[kGpuGroup].free_milli = {1000, 600, 300, 500};
  EXPECT_THAT(ChooseDevices(ShareDemand(400), node, true)->devices, ElementsAre(3));
  EXPECT_THAT(ChooseDevices(ShareDemand(300), node, true)->devices, ElementsAre(2));
  EXPECT_THAT(ChooseDevices(ShareDemand(700), node, true)->devices, ElementsAre(0));
}

TEST(ChooseDevices, AShareOpensAFreeDeviceRatherThanMakeOneYield) {
  NodeView node = Node(0, 2);
  node.groups[kGpuGroup].free_milli = {500, 1000};
  node.groups[kGpuGroup].reclaimable = {true, false};
  EXPECT_THAT(ChooseDevices(ShareDemand(500), node, true)->devices, ElementsAre(1));
}

TEST(ChooseDevices, OfTwoGroupsTakesTheOneWithTheTighterFit) {
  NodeView node = Node(0, 8);
  node.groups.push_back(GpuGroup(2, "l40"));
  EXPECT_EQ(ChooseDevices(GpuDemand(2), node, true)->device_group, kGpuGroup + 1);
  EXPECT_EQ(ChooseDevices(GpuDemand(3), node, true)->device_group, kGpuGroup);
}

TEST(ChooseDevices, WholeDevicesAreOfOneGroup) {
  NodeView node = Node(0, 2);
  node.groups.push_back(GpuGroup(2, "l40"));
  EXPECT_FALSE(ChooseDevices(GpuDemand(3), node, true).has_value());
  EXPECT_EQ(NodeShortfall(GpuDemand(3), node)->first, Constraint::kDeviceCount);
}

TEST(TaskCapacity, IsTheScarcestResource) {
  NodeView node = Node(0, 8);
  Demand demand = GpuDemand(2);
  EXPECT_EQ(TaskCapacity(demand, node, true, 100), 4);
  EXPECT_EQ(TaskCapacity(demand, node, true, 3), 3);
  demand.cpu_milli = 30'000;
  EXPECT_EQ(TaskCapacity(demand, node, true, 100), 2);
  demand.counts = {{"licence", 2}};
  node.counts_free = {{"licence", 3}};
  EXPECT_EQ(TaskCapacity(demand, node, true, 100), 1);
}

TEST(TaskCapacity, SharesDoNotSpanDevices) {
  NodeView node = Node(0, 3);
  node.groups[kGpuGroup].free_milli = {1000, 500, 300};
  EXPECT_EQ(TaskCapacity(ShareDemand(400), node, true, 100), 3);  // two on the first, one on the second
}

TEST(Take, AndReleaseAreInverses) {
  NodeView node = Node(0, 4);
  node.counts_free = {{"licence", 3}};
  const NodeView before = node;
  Demand demand = GpuDemand(2);
  demand.cpu_milli = 1000;
  demand.memory_bytes = kGiB;
  demand.disk_bytes = kGiB;
  demand.ports = 2;
  demand.counts = {{"licence", 1}};
  Take(demand, kGpuGroup, {1, 3}, node);
  EXPECT_THAT(node.groups[kGpuGroup].free_milli, ElementsAre(1000, 0, 1000, 0));
  EXPECT_EQ(node.counts_free[0].second, 2);
  EXPECT_EQ(node.ports_free, before.ports_free - 2);
  Release(demand, kGpuGroup, {1, 3}, node);
  EXPECT_EQ(node, before);
}

TEST(TakeDeathTest, ADeviceTakenTwiceIsOurBug) {
  NodeView node = Node(0, 1);
  Take(GpuDemand(1), kGpuGroup, {0}, node);
  EXPECT_DEATH(Take(GpuDemand(1), kGpuGroup, {0}, node), "device 0 of node ml/n0");
}

TEST(RejectedNodes, CountsNodesUnderTheirFirstConstraintAndNamesTheNearest) {
  std::vector<NodeView> nodes = Nodes(4, 4);
  nodes[0].available = false;
  nodes[1].groups[kGpuGroup].free_milli = {1000, 0, 0, 0};
  nodes[2].groups[kGpuGroup].free_milli = {1000, 1000, 1000, 0};
  const auto rejected = RejectedNodes(GpuDemand(4), nodes);
  ASSERT_EQ(rejected.size(), 2u);
  EXPECT_EQ(rejected.at(Constraint::kNodeState).nodes, 1);
  EXPECT_EQ(rejected.at(Constraint::kDevices).nodes, 2);
  EXPECT_EQ(rejected.at(Constraint::kDevices).example, "ml/n2");
  EXPECT_EQ(rejected.at(Constraint::kDevices).shortfall, 1);
}

}  // namespace
}  // namespace switchyard::placement
