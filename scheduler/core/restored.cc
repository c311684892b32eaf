#include "scheduler/core/restored.h"

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include "common/quantity_text.h"
#include "fmt/format.h"
#include "scheduler/core/charges.h"
#include "scheduler/core/hashing.h"
#include "scheduler/core/jobs.h"

namespace switchyard::core {
namespace {

// Moves devices down, from the highest operating point on, until all of them draw at most `limit`; the watts of all of
// them then, which no limit brings below what they draw when off.
Power FitSegments(const Group& group, Allocation& allocation, Power limit) {
  const Power idle = Milliwatts(group.model.idle_mw());
  const int points = group.model.operating_points_size();
  const auto watts_at = [&](int point) {
    return point < 0 ? idle : Milliwatts(group.model.operating_points(point).mw());
  };
  std::vector<int32_t> devices_at(static_cast<size_t>(points), 0);
  Power watts = idle * static_cast<int64_t>(allocation.devices.size());
  for (const v1::OperatingSegment& segment : allocation.segments) {
    if (segment.point() < 0 || segment.point() >= points) continue;
    devices_at[static_cast<size_t>(segment.point())] += segment.count();
    watts += (watts_at(segment.point()) - idle) * segment.count();
  }
  for (int point = points - 1; point >= 0 && watts > limit; --point) {
    const Power less = watts_at(point) - watts_at(point - 1);
    if (less <= Power()) continue;
    int32_t& here = devices_at[static_cast<size_t>(point)];
    const int64_t needed = ((watts - limit).count() + less.count() - 1) / less.count();
    const auto moved = static_cast<int32_t>(std::min<int64_t>(here, needed));
    here -= moved;
    if (point > 0) devices_at[static_cast<size_t>(point - 1)] += moved;
    watts -= less * moved;
  }
  SetSegments(group, allocation, devices_at);
  return watts;
}

// A grant that was lowered after the copy must not come back with it.
void GrantAtMost(Step& step, Allocation& allocation, Power drawn) {
  if (drawn >= allocation.bound.grant()) return;
  const Group& group = step.state.nodes[allocation.node].groups[allocation.group];
  const Power fits = FitSegments(group, allocation, drawn);
  if (fits >= allocation.bound.grant()) return;
  allocation.last_change = step.stamp.mono;
  OrderGrant(step, allocation, fits);
}

// Nothing of it runs on the machine, and whether it may is what this store cannot know. It never began, so that this
// counts as no failure.
void StopUnbegun(Step& step, Allocation& allocation) {
  Job& job = step.state.jobs.at(allocation.job);
  if (!IsGang(job)) {
    StopAllocation(step, allocation);
    return;
  }
  job.row.set_preempted(true);
  StopAttempt(
      step, job, v1::PENDING,
      fmt::format("task {}/{} did not run when the store was restored", allocation.task_group, allocation.index),
      std::nullopt);
}

// Makes of the node's orders such as raise nothing above what the report shows.
void LowerToReport(Step& step, const Node& node, const v1::NodeReport& report) {
  std::map<uint64_t, Power> drawn;
  for (const v1::AllocationReport& task : report.allocations()) {
    if (task.confirmed_mw() >= 0) drawn[task.allocation()] = Milliwatts(task.confirmed_mw());
  }
  for (const uint64_t id : std::set<uint64_t>(node.allocations)) {
    const auto found = step.state.allocations.find(id);
    if (found == step.state.allocations.end()) continue;
    Allocation& allocation = found->second;
    if (allocation.phase == v1::STOP || allocation.exited || allocation.held) continue;
    // What the report lacks, and ran before, has ended by it (EndMissing).
    const bool runs = allocation.reported == v1::TASK_RUNNING || allocation.reported == v1::TASK_STOPPING;
    if (!runs) {
      StopUnbegun(step, allocation);
    } else if (allocation.kind == v1::HASHING && allocation.group >= 0) {
      const auto said = drawn.find(id);
      GrantAtMost(step, allocation, said == drawn.end() ? OffWatts(node, allocation) : said->second);
    }
    // AI that runs has had its whole grant since its release, and keeps it.
  }
}

void BecomeClaimed(Step& step, Node& node) {
  node.unclaimed = false;
  step.changed_nodes.insert(step.state.node_index.at(node.id));
  step.state.round_needed = true;
  if (UnclaimedNodes(step.state) > 0) return;
  step.Event("RestoreEnded", step.state.configuration.cluster_id(),
             "every node has said to the restored store what it draws");
}

}  // namespace

void BeginIncarnation(Step& step) {
  State& state = step.state;
  std::set<uint64_t> held;
  for (const auto& [id, allocation] : state.allocations) {
    if (allocation.held) held.insert(id);
  }
  for (const uint64_t id : held) {
    const uint64_t job = state.allocations.at(id).job;
    RemoveAllocation(step, id);
    UpdateWaiting(state, state.jobs.at(job));
  }
  for (uint32_t index = 0; index < state.nodes.size(); ++index) {
    state.nodes[index].unclaimed = true;
    state.nodes[index].admitted = false;
    step.changed_nodes.insert(index);
  }
  step.Event("StoreRestored", state.configuration.cluster_id(),
             fmt::format("nothing rises before {} node(s) have said what they draw, were admitted or are lost",
                         state.nodes.size()));
}

int64_t UnclaimedNodes(const State& state) {
  return std::count_if(state.nodes.begin(), state.nodes.end(),
                       [](const Node& node) { return node.unclaimed && !node.admitted; });
}

void CountClaim(Step& step, Allocation& allocation, const v1::AllocationReport& report) {
  if (report.phase() == v1::TASK_ENDED) return;
  const Node& node = step.state.nodes[allocation.node];
  Power watts = Milliwatts(std::max<int64_t>(0, report.confirmed_mw()));
  if (report.confirmed_mw() < 0 && report.phase() != v1::TASK_PREPARING && allocation.group >= 0) {
    watts = Milliwatts(node.groups[allocation.group].model.max_mw()) * static_cast<int64_t>(allocation.devices.size());
  }
  // Up to its transient is counted beside the bound.
  if (watts <= allocation.bound.value() + allocation.transient) return;
  step.Event("BoundRaised", node.id,
             fmt::format("allocation {} reports {}, the restored store knew of {}: counted from now on", allocation.id,
                         FormatPower(watts), FormatPower(allocation.bound.value())));
  allocation.bound.Confirm(allocation.bound.confirmed_revision(), watts);
  allocation.witness = "report";
  step.changed_allocations.insert(allocation.id);
  ChargeAllocation(step, allocation);
}

void CountUnallocated(Step& step, Node& node, const v1::NodeReport& report) {
  for (const v1::GroupReport& said : report.groups()) {
    for (Group& group : node.groups) {
      if (group.name != said.group() || !group.pool.has_value()) continue;
      const Power pool = Milliwatts(said.unallocated_mw());
      if (said.unallocated_mw() < 0 || pool <= *group.pool) continue;
      group.pool = pool;
      step.changed_nodes.insert(step.state.node_index.at(node.id));
      ChargeGroup(step, node, group);
    }
  }
}

void TakeStock(Step& step, Node& node, const v1::NodeReport& report) {
  if (node.stock_due) {
    node.stock_due = false;
    LowerToReport(step, node, report);
    step.effects.sessions.push_back({.session = node.session,
                                     .node = node.id,
                                     .kind = SessionEffect::Kind::kSetAllowed,
                                     .welcome = {},
                                     .heartbeat_sequence = 0,
                                     .refusal = "",
                                     .retry = false});
  } else if (report.applied_revision() >= step.state.term_revision) {
    BecomeClaimed(step, node);
  }
}

}  // namespace switchyard::core
