// Short words for the nodes, jobs and budgets of the placement's tests.
#ifndef SWITCHYARD_TESTS_SCHEDULER_PLACEMENT_BUILDERS_H_
#define SWITCHYARD_TESTS_SCHEDULER_PLACEMENT_BUILDERS_H_

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "scheduler/placement/place.h"

namespace switchyard::placement {

inline constexpr int64_t kGiB = int64_t{1} << 30;

inline DeviceGroupView GpuGroup(int count, const std::string& model = "h100") {
  DeviceGroupView group;
  group.kind = v1::GPU;
  group.model = model;
  group.memory_bytes = 80 * kGiB;
  group.idle = Watts(70);
  group.min = Watts(200);
  group.max = Watts(700);
  group.limiter = true;
  group.free_milli.assign(count, 1000);
  group.reclaimable.assign(count, false);
  return group;
}

inline DeviceGroupView CpuGroup(int count) {
  DeviceGroupView group;
  group.kind = v1::CPU;
  group.model = "epyc";
  group.max = Watts(300);
  group.free_milli.assign(count, 1000);
  return group;
}

// A ready node with two CPU devices and some GPUs; rack r<index / 4>, switch s<index / 8>.
inline NodeView Node(uint32_t index, int gpus) {
  NodeView node;
  node.index = index;
  node.site = "ml";
  node.id = "ml/n" + std::to_string(index);
  node.rack = "r" + std::to_string(index / 4);
  node.switch_name = "s" + std::to_string(index / 8);
  node.available = true;
  node.cpu_milli_free = 64'000;
  node.memory_free = 512 * kGiB;
  node.disk_free = 1000 * kGiB;
  node.ports_free = 100;
  node.groups.push_back(CpuGroup(2));
  if (gpus > 0) node.groups.push_back(GpuGroup(gpus));
  return node;
}
inline constexpr int32_t kGpuGroup = 1;  // its position in Node()

inline std::vector<NodeView> Nodes(int count, int gpus) {
  std::vector<NodeView> nodes;
  for (int i = 0; i < count; ++i) nodes.push_back(Node(i, gpus));
  return nodes;
}

inline v1::JobSpec Job(int tasks, int gpus) {
  v1::JobSpec job;
  job.set_name("job");
  job.set_tenant("lab");
  job.set_kind(v1::TRAINING);
  v1::TaskGroup& group = *job.add_groups();
  group.set_name("task");
  group.set_count(tasks);
  group.mutable_resources()->set_gpus(gpus);
  return job;
}

inline std::vector<TaskToPlace> AllTasks(const v1::JobSpec& job) {
  std::vector<TaskToPlace> tasks;
  for (const v1::TaskGroup& group : job.groups()) {
    for (int i = 0; i < group.count(); ++i) tasks.push_back({group.name(), i});
  }
  return tasks;
}

// One budget over some nodes: a task charges 700 W for each whole device, in proportion for a share, and 1 W without
// devices.
class OneBudget : public PowerOracle {
 public:
  explicit OneBudget(Power headroom = Power::Max()) : headroom_(headroom) {}
  // Only these nodes are beneath the budget; all are when none is named.
  void Beneath(uint32_t node) { beneath_.push_back(node); }

  bool Charge(const TaskPlacement& placement) override {
    const Power watts =
        std::max(Watts(1), Milliwatts(700) * placement.share_milli * static_cast<int64_t>(placement.devices.size()));
    ++charges_;
    if (!Covers(placement.node)) {
      log_.push_back(Power(0));
      return true;
    }
    if (watts > headroom_) {
      lacking_ = watts - headroom_;
      return false;
    }
    headroom_ -= watts;
    log_.push_back(watts);
    return true;
  }
  Shortfall Why() const override { return {Constraint::kBudgetHeadroom, lacking_.count(), "ml/feeder", {}}; }
  size_t Mark() const override { return log_.size(); }
  void Rollback(size_t mark) override {
    for (; log_.size() > mark; log_.pop_back()) headroom_ += log_.back();
  }

  Power headroom() const { return headroom_; }
  int charges() const { return charges_; }  // that were asked for, refused ones included

 private:
  bool Covers(uint32_t node) const {
    return beneath_.empty() || std::find(beneath_.begin(), beneath_.end(), node) != beneath_.end();
  }

  Power headroom_;
  Power lacking_;
  std::vector<uint32_t> beneath_;
  std::vector<Power> log_;
  int charges_ = 0;
};

// How many tasks stand on each node.
inline std::map<uint32_t, int> TasksByNode(const PlaceResult& result) {
  std::map<uint32_t, int> tasks;
  for (const TaskPlacement& placement : result.placements) ++tasks[placement.node];
  return tasks;
}

}  // namespace switchyard::placement

#endif  // SWITCHYARD_TESTS_SCHEDULER_PLACEMENT_BUILDERS_H_
