// Random clusters, jobs and headrooms against what must hold for every placement, whatever the policy prefers.
#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "gtest/gtest.h"
#include "scheduler/placement/demand.h"
#include "scheduler/placement/node_fit.h"
#include "scheduler/placement/place.h"
#include "tests/scheduler/placement/builders.h"

namespace switchyard::placement {
namespace {

class World {
 public:
  explicit World(uint64_t seed) : random_(seed) {}

  int Below(int limit) { return static_cast<int>(random_() % limit); }
  bool OneIn(int n) { return Below(n) == 0; }

  std::vector<NodeView> Nodes() {
    std::vector<NodeView> nodes;
    const int count = 1 + Below(24);
    for (int i = 0; i < count; ++i) {
      NodeView node = Node(i * 3, Below(3) * 4);  // indices with gaps
      node.rack = "r" + std::to_string(Below(5));
      node.switch_name = OneIn(6) ? "" : "s" + std::to_string(Below(3));
      node.available = !OneIn(8);
      node.cpu_milli_free = Below(20) * 1000;
      if (OneIn(6)) node.taints = {"spot"};
      if (OneIn(8)) node.owner = "somebody";
      if (OneIn(2)) node.labels = {{"zone", "b"}};
      if (OneIn(2)) node.counts_free = {{"licence", Below(5)}};
      node.hashing_value = Below(4);
      if (OneIn(4)) node.groups.push_back(GpuGroup(2, "l40"));
      for (DeviceGroupView& group : node.groups) {
        group.reclaimable.resize(group.free_milli.size());
        for (size_t device = 0; device < group.free_milli.size(); ++device) {
          if (OneIn(3)) group.free_milli[device] = Below(11) * 100;
          group.reclaimable[device] = OneIn(4);
        }
      }
      nodes.push_back(std::move(node));
    }
    return nodes;
  }

  v1::JobSpec Job() {
    v1::JobSpec job;
    job.set_name("job");
    job.set_tenant("lab");
    if (OneIn(3)) job.add_tolerations("spot");
    const int groups = 1 + Below(3);
    for (int i = 0; i < groups; ++i) {
      v1::TaskGroup& group = *job.add_groups();
      group.set_name("g" + std::to_string(i));
      group.set_count(1 + Below(6));
      v1::Resources& resources = *group.mutable_resources();
      const int shape = Below(4);
      if (shape == 0) resources.set_gpus(1 + Below(5));
      if (shape == 1) resources.set_gpu_milli(100 * (1 + Below(9)));
      if (shape == 2) resources.set_cpu_devices(1 + Below(2));
      if (OneIn(4)) resources.add_gpu_models(OneIn(2) ? "h100" : "l40");
      resources.set_cpu_milli(Below(6) * 1000);
      if (OneIn(4)) {
        v1::NamedCount& licence = *resources.add_counts();
        licence.set_name("licence");
        licence.set_count(1);
      }
      if (OneIn(4)) {
        v1::Label& zone = *group.add_selector();
        zone.set_key("zone");
        zone.set_value("b");
      }
      static constexpr const char* kSpread[] = {"", "", "", "node", "rack", "switch"};
      static constexpr const char* kPack[] = {"", "", "rack", "switch"};
      group.set_spread_over(kSpread[Below(6)]);
      group.set_pack_into(kPack[Below(4)]);
    }
    return job;
  }

 private:
  std::mt19937_64 random_;
};

NodeView& NodeOf(std::vector<NodeView>& nodes, uint32_t index) {
  return *std::find_if(nodes.begin(), nodes.end(), [&](const NodeView& node) { return node.index == index; });
}

std::string DomainName(const std::string& domain, const NodeView& node) {
  if (domain == "rack") return "rack " + node.rack;
  if (domain == "switch" && !node.switch_name.empty()) return "switch " + node.switch_name;
  return node.id;
}

// Books the placements one by one on a fresh copy of the cluster: each must fit where it was put.
void ExpectLegal(const v1::JobSpec& job, const PlaceResult& result, bool allow_reclaim, std::vector<NodeView> nodes,
                 const std::vector<NodeView>& after) {
  const std::vector<TaskToPlace> tasks = AllTasks(job);
  ASSERT_EQ(result.placements.size(), tasks.size());
  std::map<std::string, std::set<std::string>> spread, packed;
  std::map<std::string, size_t> counted;
  for (size_t i = 0; i < tasks.size(); ++i) {
    const TaskPlacement& placement = result.placements[i];
    EXPECT_EQ(placement.group, tasks[i].group);
    EXPECT_EQ(placement.index, tasks[i].index);
    const v1::TaskGroup& group = *std::find_if(job.groups().begin(), job.groups().end(),
                                               [&](const auto& g) { return g.name() == placement.group; });
    const Demand demand = MakeDemand(job, group);
    NodeView& node = NodeOf(nodes, placement.node);
    EXPECT_EQ(NodeShortfall(demand, node, allow_reclaim), std::nullopt);
    EXPECT_EQ(placement.devices.size(),
              static_cast<size_t>(demand.devices > 0 ? demand.devices : demand.share_milli > 0));
    bool yields = false;
    if (placement.device_group >= 0) {
      const DeviceGroupView& devices = node.groups[placement.device_group];
      EXPECT_EQ(devices.kind, demand.device_kind);
      for (const int32_t device : placement.devices) yields |= devices.reclaimable[device];
    }
    EXPECT_EQ(placement.needs_yield, yields);
    EXPECT_TRUE(allow_reclaim || !yields);
    Take(demand, placement.device_group, placement.devices, node);  // dies where a device is taken twice
    spread[group.name()].insert(DomainName(group.spread_over(), node));
    packed[group.name()].insert(DomainName(group.pack_into(), node));
    ++counted[group.name()];
  }
  for (const v1::TaskGroup& group : job.groups()) {
    if (!group.spread_over().empty()) {
      EXPECT_EQ(spread[group.name()].size(), counted[group.name()]);
    }
    if (!group.pack_into().empty()) {
      EXPECT_EQ(packed[group.name()].size(), 1u);
    }
  }
  EXPECT_EQ(nodes, after);
}

TEST(PlaceGangProperty, PlacesLegallyOrChangesNothingAndAlwaysTheSameWay) {
  int placed = 0, refused = 0;
  for (uint64_t seed = 1; seed <= 4000; ++seed) {
    SCOPED_TRACE(seed);
    World world(seed);
    const std::vector<NodeView> before = world.Nodes();
    const v1::JobSpec job = world.Job();
    const Power headroom = world.OneIn(3) ? Watts(world.Below(10'000)) : Watts(1'000'000);
    const bool allow_reclaim = world.OneIn(2);

    std::vector<NodeView> nodes = before;
    OneBudget power(headroom);
    const PlaceResult result = PlaceGang(job, AllTasks(job), nodes, power, allow_reclaim);
    if (result.shortfall) {
      ++refused;
      EXPECT_TRUE(result.placements.empty());
      EXPECT_EQ(nodes, before);
      EXPECT_EQ(power.headroom(), headroom);
      EXPECT_NE(result.shortfall->constraint, Constraint::kNone);
      EXPECT_GT(result.shortfall->amount, 0);
    } else {
      ++placed;
      ExpectLegal(job, result, allow_reclaim, before, nodes);
    }

    std::vector<NodeView> again = before;
    OneBudget same_power(headroom);
    const PlaceResult repeated = PlaceGang(job, AllTasks(job), again, same_power, allow_reclaim);
    EXPECT_EQ(again, nodes);
    EXPECT_EQ(same_power.headroom(), power.headroom());
    EXPECT_EQ(repeated.shortfall.has_value(), result.shortfall.has_value());
    if (HasFailure()) return;
  }
  EXPECT_GT(placed, 500);
  EXPECT_GT(refused, 500);
}

// A single task is placed exactly when some node takes it: the search misses nothing.
TEST(PlaceGangProperty, OneTaskIsPlacedExactlyWhenANodeFits) {
  for (uint64_t seed = 1; seed <= 4000; ++seed) {
    SCOPED_TRACE(seed);
    World world(seed);
    std::vector<NodeView> nodes = world.Nodes();
    v1::JobSpec job = world.Job();
    job.mutable_groups()->DeleteSubrange(1, job.groups_size() - 1);
    job.mutable_groups(0)->set_count(1);
    const bool allow_reclaim = world.OneIn(2);
    const Demand demand = MakeDemand(job, job.groups(0));
    const bool fits = std::any_of(nodes.begin(), nodes.end(), [&](const NodeView& node) {
      return !NodeShortfall(demand, node, allow_reclaim).has_value();
    });
    OneBudget power;
    EXPECT_EQ(PlaceGang(job, AllTasks(job), nodes, power, allow_reclaim).shortfall.has_value(), !fits);
  }
}

// What TaskCapacity promises of a node is what can be placed there, one task after the other.
TEST(TaskCapacityProperty, IsWhatOneAfterTheOtherFits) {
  for (uint64_t seed = 1; seed <= 4000; ++seed) {
    SCOPED_TRACE(seed);
    World world(seed);
    NodeView node = world.Nodes()[0];
    const v1::JobSpec job = world.Job();
    const Demand demand = MakeDemand(job, job.groups(0));
    const bool allow_reclaim = world.OneIn(2);
    constexpr int32_t kLimit = 50;
    const int32_t capacity = TaskCapacity(demand, node, allow_reclaim, kLimit);
    int32_t placed = 0;
    while (placed < kLimit && !NodeShortfall(demand, node, allow_reclaim)) {
      const auto choice = ChooseDevices(demand, node, allow_reclaim);
      ASSERT_TRUE(choice.has_value());
      Take(demand, choice->device_group, choice->devices, node);
      ++placed;
    }
    EXPECT_EQ(placed, capacity);
  }
}

// Few shapes, many jobs, budgets that refuse in between: what is remembered of the nodes must never be yesterday's.
TEST(PlaceGangProperty, AQueueIsPlacedTheSameWithAMemoAndWithout) {
  int placed = 0;
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    World world(seed);
    std::vector<NodeView> nodes = world.Nodes(), remembered = nodes;
    OneBudget power(Watts(1000 + world.Below(20'000))), power_of_remembered(power.headroom());
    std::vector<v1::JobSpec> shapes;
    for (int i = 0; i < 4; ++i) shapes.push_back(world.Job());
    RankMemo memo;
    for (int job = 0; job < 12; ++job) {
      const v1::JobSpec& spec = shapes[world.Below(4)];
      const bool allow_reclaim = !world.OneIn(4);
      const PlaceResult fresh = PlaceGang(spec, AllTasks(spec), nodes, power, allow_reclaim);
      const PlaceResult known =
          PlaceGang(spec, AllTasks(spec), remembered, power_of_remembered, allow_reclaim, {}, &memo);
      ASSERT_EQ(remembered, nodes) << "seed " << seed << ", job " << job;
      ASSERT_EQ(power_of_remembered.headroom(), power.headroom()) << "seed " << seed << ", job " << job;
      ASSERT_EQ(known.placements.size(), fresh.placements.size()) << "seed " << seed << ", job " << job;
      ASSERT_EQ(known.shortfall.has_value(), fresh.shortfall.has_value());
      for (size_t i = 0; i < fresh.placements.size(); ++i) {
        EXPECT_EQ(known.placements[i].node, fresh.placements[i].node) << "seed " << seed << ", job " << job;
        EXPECT_EQ(known.placements[i].devices, fresh.placements[i].devices) << "seed " << seed << ", job " << job;
      }
      if (fresh.shortfall.has_value()) {
        EXPECT_EQ(known.shortfall->constraint, fresh.shortfall->constraint) << "seed " << seed << ", job " << job;
        EXPECT_EQ(known.shortfall->amount, fresh.shortfall->amount) << "seed " << seed << ", job " << job;
      }
      placed += fresh.shortfall.has_value() ? 0 : 1;
    }
  }
  EXPECT_GT(placed, 300);
}

}  // namespace
}  // namespace switchyard::placement
