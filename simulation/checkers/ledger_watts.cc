#include "simulation/checkers/ledger_watts.h"

#include <algorithm>

#include "fmt/format.h"

namespace switchyard::simulation {
namespace {

constexpr int64_t kRecountEvery = 128;
// A budget over its cap is looked at so often.
constexpr Duration kLookEvery = Seconds(5);

// Exact parts per million of milliwatts.
using Wide = __int128;

// What the devices of a group count that no allocation holds, by their class.
Power UnallocatedWatts(const core::Group& group) {
  int64_t free = 0;
  for (int32_t d = 0; d < group.count; ++d) free += group.used_milli[d] == 0 && !group.quarantined.contains(d) ? 1 : 0;
  const Power nameplate = Milliwatts(group.model.max_mw()) * free;
  Power sum = nameplate;
  if (group.model.power_cycle() == v1::SELF_IDLE) sum = Milliwatts(group.model.idle_mw()) * free;
  if (group.model.power_cycle() == v1::PERSISTENT && group.pool.has_value()) sum = std::min(*group.pool, nameplate);
  for (const auto& [device, row] : group.quarantined) sum += Milliwatts(row.counted_mw());
  return sum;
}

Power AllocationWatts(const core::Node& node, const core::Allocation& allocation, Power bound) {
  Power watts = bound + allocation.transient;
  if (allocation.group < 0) return watts;
  const core::Group& group = node.groups[static_cast<size_t>(allocation.group)];
  if (group.model.power_cycle() != v1::NEITHER) return watts;
  return std::max(watts, Milliwatts(group.model.max_mw()) * static_cast<int64_t>(allocation.devices.size()));
}

}  // namespace

void LedgerWatts::Configure(const core::State& state, Leading* leading) {
  leading->reach = ReachMap(state.configuration);
  const size_t budgets = state.ledger.budgets();
  leading->sums.assign(budgets, Power());
  leading->over.assign(budgets, false);
  leading->since.assign(budgets, MonoTime());
  leading->looked.assign(budgets, MonoTime());
}

void LedgerWatts::OnStart(MonoTime now, Leader leader, const core::State& state) {
  Leading& leading = leaders_[leader];
  Configure(state, &leading);
  if (leader > newest_) newest_ = leader;
  BatchKinds restored;
  restored.evidence = true;
  Look(now, state, restored, &leading);
  Pass(now);
  newest_over_ = std::find(leading.over.begin(), leading.over.end(), true) != leading.over.end();
  Recount(now, state, leading);
}

void LedgerWatts::Decided(MonoTime now, Leader leader, const core::Stamp&,
                          const std::vector<store::v1::Command>& commands, const core::Effects&,
                          const core::State& state) {
  Leading& leading = leaders_[leader];
  const BatchKinds kinds = KindsOf(commands);
  if (kinds.configuration || leading.sums.size() != state.ledger.budgets()) {
    const std::vector<MonoTime> since = leading.since;
    const std::vector<bool> over = leading.over;
    Configure(state, &leading);
    if (over.size() == leading.over.size()) {
      leading.over = over;
      leading.since = since;
    }
  }
  bodies_.clear();
  for (const store::v1::Command& command : commands)
    bodies_ += fmt::format(" {}", static_cast<int>(command.body_case()));
  if (leader == newest_) Pass(now);
  Look(now, state, kinds, &leading);
  if (leader == newest_) newest_over_ = std::find(leading.over.begin(), leading.over.end(), true) != leading.over.end();
  if (++leading.batches % kRecountEvery == 0) Recount(now, state, leading);
}

void LedgerWatts::Look(MonoTime now, const core::State& state, const BatchKinds& kinds, Leading* leading) {
  for (uint32_t b = 0; b < state.ledger.budgets(); ++b) {
    const Power sum = state.ledger.Sum(b), cap = state.ledger.limit(b).cap;
    const bool over = sum > cap, was_over = leading->over[b];
    const bool caused = kinds.configuration || kinds.evidence || kinds.operators;
    if (over && !caused && (!was_over || sum > leading->sums[b])) {
      Fail(now, fmt::format("budget \"{}\" counts {} of {} after a batch that brought neither a cap nor evidence; it "
                            "counted {}; commands{}",
                            state.budgets[b].id, InWatts(sum), InWatts(cap), InWatts(leading->sums[b]), bodies_));
    }
    if (over && !was_over) leading->since[b] = leading->looked[b] = now;
    leading->over[b] = over;
    leading->sums[b] = sum;
    if (!over || now < leading->since[b] + state.budgets[b].shed_deadline || now < leading->looked[b] + kLookEvery)
      continue;
    leading->looked[b] = now;
    CheckShed(now, state, b);
  }
}

// Above its cap for longer than its deadline: then the orders that bring it down, as far as hashing can, must be out.
// When they are confirmed is the network's affair and the devices'.
void LedgerWatts::CheckShed(MonoTime now, const core::State& state, uint32_t budget) {
  Power ordered = state.ledger.Sum(budget);
  uint64_t sheddable = 0;
  for (const uint32_t n : state.budgets[budget].nodes) {
    const core::Node& node = state.nodes[n];
    for (const uint64_t id : node.allocations) {
      const core::Allocation& allocation = state.allocations.at(id);
      if (allocation.group < 0) continue;
      const core::Group& group = node.groups[static_cast<size_t>(allocation.group)];
      const power::Chain& chain = state.ledger.chain(group.chain);
      const auto edge =
          std::find_if(chain.begin(), chain.end(), [budget](const power::Edge& e) { return e.budget == budget; });
      if (edge == chain.end()) continue;
      const Power counts = AllocationWatts(node, allocation, allocation.bound.value());
      const Power will =
          allocation.phase == v1::STOP ? Power() : AllocationWatts(node, allocation, allocation.bound.grant());
      ordered -= ScaleUp(counts, edge->coefficient) - ScaleUp(std::min(will, counts), edge->coefficient);
      const Power floor = Milliwatts(group.model.idle_mw()) * static_cast<int64_t>(allocation.devices.size());
      const bool frees = group.model.power_cycle() != v1::NEITHER;
      if (frees && allocation.kind == v1::HASHING && allocation.phase != v1::STOP && allocation.bound.grant() > floor)
        sheddable = id;
    }
  }
  if (sheddable == 0 || ordered <= state.ledger.limit(budget).cap) return;
  Fail(now, fmt::format("budget \"{}\" counts {} of {} for longer than its shed deadline; with all orders followed it "
                        "would count {}, and "
                        "hashing allocation {} is not ordered lower",
                        state.budgets[budget].id, InWatts(state.ledger.Sum(budget)),
                        InWatts(state.ledger.limit(budget).cap), InWatts(ordered), sheddable));
}

// The judge's own sum, exact, of what each entity counts by its class: never above the ledger's.
void LedgerWatts::Recount(MonoTime now, const core::State& state, const Leading& leading) {
  std::vector<Wide> sums(state.ledger.budgets());
  const auto add = [&](const core::Node& node, int group, Power watts) {
    const std::string& name = group < 0 ? std::string() : node.groups[static_cast<size_t>(group)].name;
    for (const ReachEdge& edge : leading.reach.Of(node.id, name)) {
      sums[edge.budget] += static_cast<Wide>(watts.count()) * (edge.ppm + edge.overhead_ppm);
    }
  };
  for (const core::Node& node : state.nodes) {
    if (node.lost) continue;
    add(node, -1, Milliwatts(node.model.platform_mw()));
    for (size_t g = 0; g < node.groups.size(); ++g) add(node, static_cast<int>(g), UnallocatedWatts(node.groups[g]));
  }
  const auto add_allocation = [&](const core::Allocation& allocation) {
    const core::Node& node = state.nodes[allocation.node];
    if (!node.lost) add(node, allocation.group, AllocationWatts(node, allocation, allocation.bound.value()));
  };
  for (const auto& [id, allocation] : state.allocations) add_allocation(allocation);
  for (const auto& [key, orphan] : state.orphans) add_allocation(orphan);
  for (uint32_t b = 0; b < state.ledger.budgets(); ++b) {
    const ReachedBudget& reached = leading.reach.budgets()[b];
    const Wide ledger = static_cast<Wide>((state.ledger.Sum(b) - reached.base).count()) * 1'000'000;
    if (sums[b] > ledger) {
      Fail(now,
           fmt::format("budget \"{}\" counts {} mW, its entities {} mW more", state.budgets[b].id,
                       state.ledger.Sum(b).count(), static_cast<int64_t>((sums[b] - ledger + 999'999) / 1'000'000)));
    }
    if (state.ledger.limit(b).cap > reached.cap) {
      Fail(now, fmt::format("budget \"{}\" is held to {}, its configuration says {}", state.budgets[b].id,
                            InWatts(state.ledger.limit(b).cap), InWatts(reached.cap)));
    }
  }
}

void LedgerWatts::Pass(MonoTime now) {
  if (passed_ > MonoTime()) {
    led_ += now - passed_;
    if (newest_over_) in_exception_ += now - passed_;
  }
  passed_ = now;
}

void LedgerWatts::OnDead(MonoTime now, Leader leader) {
  leaders_.erase(leader);
  if (leader != newest_) return;
  Pass(now);
  passed_ = MonoTime();
}

void LedgerWatts::OnEnd(MonoTime now, const core::State& state, bool) {
  Pass(now);
  const auto found = leaders_.find(newest_);
  if (found != leaders_.end()) Recount(now, state, found->second);
}

}  // namespace switchyard::simulation
