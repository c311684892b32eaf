#include "scheduler/core/power_return.h"

#include <algorithm>
#include <set>

#include "fmt/format.h"
#include "scheduler/core/charges.h"
#include "scheduler/core/sessions.h"

namespace switchyard::core {
namespace {

// Whether the node has spoken since the returned one fell silent, and as lately as a living agent does. Who is wrongly
// taken for dark takes it back with its next heartbeat.
bool Heard(const State& state, const Node& node, MonoTime returned_silent_since, MonoTime now) {
  const Duration heartbeat = Milliseconds(state.timing().heartbeat_ms());
  return node.session != 0 && node.last_sign > returned_silent_since + heartbeat &&
         node.last_sign + heartbeat * 3 / 2 > now;
}

bool Dark(const State& state, uint32_t budget, uint32_t returned, MonoTime silent_since, MonoTime now) {
  const std::vector<uint32_t>& nodes = state.budgets[budget].nodes;
  return std::none_of(nodes.begin(), nodes.end(), [&](uint32_t index) {
    return index != returned && Heard(state, state.nodes[index], silent_since, now);
  });
}

// Whether a loss of power may have undone what an expiry freed: else its bounds stand as they are.
bool Expired(const State& state, const Node& node) {
  return node.expired || std::any_of(node.allocations.begin(), node.allocations.end(), [&](uint64_t id) {
           return state.allocations.at(id).retained > Power();
         });
}

// Counts for each allocation what its devices kept over the loss of power, and the transient of their start.
void CountAsPoweredOn(Step& step, uint32_t index) {
  Node& node = step.state.nodes[index];
  node.repowered = true;
  step.changed_nodes.insert(index);
  for (const uint64_t id : node.allocations) {
    Allocation& allocation = step.state.allocations.at(id);
    if (allocation.group < 0 || allocation.retained == Power()) continue;
    const v1::DeviceModel& model = node.groups[allocation.group].model;
    const Power above = Milliwatts(std::max<int64_t>(0, model.transient_mw() - model.max_mw()));
    allocation.transient = std::max(allocation.transient, above * static_cast<int64_t>(allocation.devices.size()));
    if (allocation.retained > allocation.bound.value()) {
      allocation.bound.Confirm(allocation.bound.confirmed_revision(), allocation.retained);
      allocation.witness = "power return";
    }
    step.changed_allocations.insert(id);
  }
  ChargeNode(step, node);
  step.state.round_needed = true;
}

}  // namespace

void TakePowerReturn(Step& step, uint32_t returned, MonoTime silent_since) {
  State& state = step.state;
  const MonoTime now = step.stamp.mono;
  std::set<uint32_t> behind;
  std::string widest = state.nodes[returned].id;
  for (const power::Edge& edge : state.ledger.chain(state.nodes[returned].platform_chain)) {
    const Budget& budget = state.budgets[edge.budget];
    // Heat follows other ways than power, and a survivor is no switchgear.
    if (budget.kind == v1::COOLING_ZONE || budget.kind == v1::SURVIVOR ||
        !Dark(state, edge.budget, returned, silent_since, now))
      continue;
    if (budget.nodes.size() > std::max<size_t>(1, behind.size())) widest = budget.id;
    behind.insert(budget.nodes.begin(), budget.nodes.end());
  }
  // Of the returned one itself nothing is unknown but what it kept over an expiry.
  if (Expired(state, state.nodes[returned])) {
    behind.insert(returned);
  } else {
    behind.erase(returned);
  }
  size_t counted = 0;
  for (const uint32_t index : behind) {
    const Node& node = state.nodes[index];
    // Counts its nameplate, nothing by an operator's word, or what it may have come up with already.
    if (!node.reported || node.lost || node.repowered) continue;
    CountAsPoweredOn(step, index);
    ++counted;
  }
  if (counted == 0) return;
  step.Event("PowerReturned", widest,
             fmt::format("{} node(s) count what they may have come up with, until each has reported", counted));
}

}  // namespace switchyard::core
