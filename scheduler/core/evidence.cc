#include "scheduler/core/evidence.h"

#include <algorithm>

#include "common/faults/mutation.h"
#include "common/quantity_text.h"
#include "fmt/format.h"
#include "scheduler/core/charges.h"

namespace switchyard::core {
namespace {

// A meter that was silent for so long proves and vetoes nothing.
constexpr Duration kMeterStale = Seconds(10);
// Unknown load must stand above the ledger for so long, so that a value read before a lowering is not taken for one.
constexpr Duration kUnknownLoadSpan = Seconds(3);

uint32_t ChainOf(const Node& node, const Allocation& allocation) {
  return allocation.group >= 0 ? node.groups[allocation.group].chain : node.platform_chain;
}

// Readings of every node beneath a budget but one, at the meter's coefficients of their platforms.
Power OthersDraw(const State& state, uint32_t budget, uint32_t except) {
  Power sum;
  for (const uint32_t index : state.budgets[budget].nodes) {
    const Node& node = state.nodes[index];
    if (index == except || node.draw < Power()) continue;
    for (const power::Edge& edge : state.ledger.chain(node.platform_chain)) {
      if (edge.budget == budget) sum += ScaleUp(node.draw, edge.coefficient);
    }
  }
  return sum;
}

Duration RampDown(const Node& node, const Allocation& allocation) {
  return allocation.group >= 0 ? Milliseconds(node.groups[allocation.group].model.ramp_down_ms()) : Duration();
}

}  // namespace

void BeginDropWatch(Step& step, Allocation& allocation, Power target) {
  State& state = step.state;
  allocation.watch.reset();
  const Node& node = state.nodes[allocation.node];
  size_t fewest = 0;
  for (const power::Edge& edge : state.ledger.chain(ChainOf(node, allocation))) {
    const Budget& budget = state.budgets[edge.budget];
    if (!budget.metered || budget.kind == v1::COOLING_ZONE || budget.meter_seen + kMeterStale < step.stamp.mono)
      continue;
    if (allocation.watch.has_value() && budget.nodes.size() >= fewest) continue;  // the lowest: fewest nodes beneath
    const std::optional<Power> noise = budget.meter.Noise();
    const std::optional<Power> mean = budget.meter.Mean(step.stamp.mono - Seconds(5), step.stamp.mono);
    if (!noise.has_value() || !mean.has_value()) continue;
    // What was granted but never drawn cannot be seen to fall: the meter is asked for no more than it shows above the
    // target.
    const Power others = OthersDraw(state, edge.budget, allocation.node);
    const Power drop = std::min(ScaleUp(allocation.bound.value() - target, edge.coefficient),
                                *mean - others - ScaleUp(target, edge.coefficient));
    if (drop <= Power() || *noise * 4 > drop) continue;
    fewest = budget.nodes.size();
    allocation.watch_budget = edge.budget;
    allocation.watch = power::DropWatch{.ordered_drop = drop, .mean_before = *mean, .others_before = others};
  }
}

void ConfirmBound(Step& step, Allocation& allocation, uint64_t revision, Power watts, const char* witness) {
  const Power before = allocation.bound.value();
  const uint64_t revision_before = allocation.bound.confirmed_revision();
  const Power confirmed_before = allocation.bound.confirmed();
  if (!allocation.bound.Confirm(revision, watts)) return;
  // A start is over when what runs says what it draws from now on; what is only prepared has not begun.
  const bool started = allocation.claimed_running || allocation.exited;
  const bool start_over = started && revision >= allocation.ordered_revision && allocation.transient > Power();
  if (start_over) allocation.transient = Power();
  const Power after = allocation.bound.value();
  if (revision == revision_before && watts == confirmed_before && after == before && !start_over) return;
  allocation.witness = witness;
  // A confirmation that changes no bound (an endless stream of them comes from a settled fleet) needs no row: what it
  // would restore is restored by the agent's next report.
  if (after != before || start_over || allocation.bound.grants().size() <= 1) {
    if (allocation.orphan)
      step.changed_orphans.insert({allocation.node, allocation.id});
    else
      step.changed_allocations.insert(allocation.id);
  }
  ChargeAllocation(step, allocation);
}

void TakeClaim(Step& step, Allocation& allocation, const v1::AllocationReport& report) {
  // It has ended: its devices count idle, or what is held of it through a back-off. The same news again frees nothing of that.
  if (allocation.exited) return;
  if (report.revision() >= allocation.ordered_revision && !allocation.acknowledged_at.has_value()) {
    allocation.acknowledged_at = step.stamp.mono;
  }
  const bool unread = SWITCHYARD_MUTATION(ignores_confirmed), stale = SWITCHYARD_MUTATION(old_revision_confirmed);
  if (report.confirmed_mw() < 0 && !unread) return;
  if (report.revision() < allocation.bound.confirmed_revision() && !stale) return;
  Power watts = Milliwatts(report.confirmed_mw());
  if (unread || SWITCHYARD_MUTATION(boolean_confirmation)) watts = allocation.bound.grant();
  if (allocation.retained != Power()) {  // the machine itself speaks of its devices again
    allocation.retained = Power();
    step.changed_allocations.insert(allocation.id);
  }
  // In its transition it may draw up to its transient, which is counted beside the bound: no news, and not yet its end.
  if (watts > allocation.bound.value() && watts <= allocation.bound.value() + allocation.transient) return;
  if (watts > allocation.bound.value()) {
    step.Event("BoundRaised", step.state.nodes[allocation.node].id,
               fmt::format("allocation {} reports {}, its bound was {}: counted from now on", allocation.id,
                           FormatPower(watts), FormatPower(allocation.bound.value())));
  }
  allocation.claimed = watts;
  allocation.claimed_revision = stale ? std::max(report.revision(), allocation.ordered_revision) : report.revision();
  allocation.claimed_running = report.phase() == v1::TASK_RUNNING;
  allocation.claimed_by_reading = (report.reading_mw() >= 0 || SWITCHYARD_MUTATION(ignores_reading)) &&
                                  (!report.modelled() || SWITCHYARD_MUTATION(ignores_modelled));
  TryClaim(step, allocation);
}

void TryClaim(Step& step, Allocation& allocation) {
  if (!allocation.claimed.has_value()) return;
  const Node& node = step.state.nodes[allocation.node];
  Power watts = *allocation.claimed;
  const bool falls = watts < allocation.bound.value();
  const char* witness = allocation.claimed_by_reading ? "reading" : "acknowledgement";
  if (falls && !allocation.claimed_by_reading) {
    if (!allocation.acknowledged_at.has_value()) return;
    const MonoTime settled = *allocation.acknowledged_at + RampDown(node, allocation);
    if (step.stamp.mono < settled) {
      step.WakeAt(settled, TimerKind::kAllocation, allocation.id);
      return;
    }
  }
  if (falls && allocation.watch.has_value()) {
    const Budget& budget = step.state.budgets[allocation.watch_budget];
    if (budget.meter_seen + kMeterStale >= step.stamp.mono) {
      if (!allocation.acknowledged_at.has_value()) return;
      const MonoTime from = *allocation.acknowledged_at + budget.meter_lag;
      const std::optional<Power> mean =
          budget.meter.Mean(std::max(from, step.stamp.mono - Seconds(2)), step.stamp.mono);
      if (!mean.has_value()) return;  // the next reading looks again
      const bool below = *mean <= step.state.ledger.Sum(allocation.watch_budget);
      Power unproven = power::UnprovenDrop(*allocation.watch, *mean,
                                                 OthersDraw(step.state, allocation.watch_budget, allocation.node));
      if (below && SWITCHYARD_MUTATION(meter_accepted_below_bounds)) unproven = Power();
      // Where both speak, the higher implied watts win.
      if (unproven > Power()) {
        watts = std::min(allocation.bound.value(), watts + unproven);
        witness = "meter veto";
      } else {
        witness = allocation.claimed_by_reading ? "meter and reading" : "meter";
      }
    }
  }
  ConfirmBound(step, allocation, allocation.claimed_revision, watts, witness);
  if (watts <= *allocation.claimed) {
    allocation.claimed.reset();
    if (allocation.bound.value() <= allocation.bound.grant()) allocation.watch.reset();
  }
}

void TakeFaults(Step& step, Node& node, const google::protobuf::RepeatedPtrField<v1::DeviceFault>& faults) {
  if (SWITCHYARD_MUTATION(ignores_faults)) return;
  const uint32_t node_index = step.state.node_index.at(node.id);
  for (const v1::DeviceFault& fault : faults) {
    for (Group& group : node.groups) {
      const auto it = std::find(group.devices.begin(), group.devices.end(), fault.device());
      if (it == group.devices.end()) continue;
      const auto position = static_cast<int32_t>(it - group.devices.begin());
      if (group.quarantined.contains(position)) break;
      pb::QuarantineRow& row = group.quarantined[position];
      row.set_device(position);
      row.set_counted_mw(std::max(group.model.max_mw(), fault.reading_mw()));
      row.set_reason(fault.reason());
      step.changed_nodes.insert(node_index);
      step.Event(
          "DeviceQuarantined", node.id,
          fmt::format("{} counts {}: {}", fault.device(), FormatPower(Milliwatts(row.counted_mw())), fault.reason()));
      // Hashing goes on without it; an AI task keeps its devices to its end.
      for (const uint64_t id : node.allocations) {
        Allocation& allocation = step.state.allocations.at(id);
        const auto held = std::find(allocation.devices.begin(), allocation.devices.end(), position);
        if (allocation.kind != v1::HASHING || &node.groups[allocation.group] != &group ||
            held == allocation.devices.end())
          continue;
        auto segment = allocation.segments.begin();
        for (auto left = held - allocation.devices.begin();
             segment != allocation.segments.end() && left >= segment->count(); ++segment) {
          left -= segment->count();
        }
        if (segment != allocation.segments.end()) segment->set_count(segment->count() - 1);
        allocation.devices.erase(held);
        group.used_milli[position] -= allocation.share_milli;
        ChargeAllocation(step, allocation);  // a class that counts its nameplate counts one device less here
        step.OrderChanged(allocation);
      }
      ChargeGroup(step, node, group);
      break;
    }
  }
}

void RecountUnknown(State& state) {
  for (uint32_t b = 0; b < state.budgets.size(); ++b) state.ledger.SetUnknown(b, Power());
  for (uint32_t b = 0; b < state.budgets.size(); ++b) {
    const Budget& budget = state.budgets[b];
    if (budget.unknown == Power() || budget.nodes.empty()) continue;
    // What lies above: everything that carries all of its nodes. The path of one of them gives the coefficients.
    const power::Chain& chain = state.ledger.chain(state.nodes[budget.nodes.front()].platform_chain);
    const auto own =
        std::find_if(chain.begin(), chain.end(), [&](const power::Edge& edge) { return edge.budget == b; });
    if (own == chain.end()) continue;
    for (const power::Edge& edge : chain) {
      const Budget& above = state.budgets[edge.budget];
      if (above.kind == v1::COOLING_ZONE ||
          !std::includes(above.nodes.begin(), above.nodes.end(), budget.nodes.begin(), budget.nodes.end()))
        continue;
      const int64_t ratio =
          (edge.coefficient.count() * 1'000'000 + own->coefficient.count() - 1) / own->coefficient.count();
      state.ledger.SetUnknown(edge.budget,
                              state.ledger.Unknown(edge.budget) + ScaleUp(budget.unknown, PartsPerMillion(ratio)));
    }
  }
}

namespace {

// A meter above the ledger is load that nobody knows: a node's where the meter has only one beneath it, else the
// budget's. The lowest value of the span speaks, so that noise and a step do not; and each reading is held against the
// ledger of its own time, for one from before a lowering stands above a ledger from after it.
void FindUnknownLoad(Step& step, uint32_t index, Power reading) {
  State& state = step.state;
  Budget& budget = state.budgets[index];
  const std::optional<Power> noise = budget.meter.Noise();
  if (!noise.has_value() || budget.kind == v1::COOLING_ZONE) return;
  const bool single = budget.nodes.size() == 1;
  const Power before = single ? state.nodes[budget.nodes.front()].excess : budget.unknown;
  const Power known = state.ledger.Sum(index) - before;
  if (reading - *noise <= known)
    budget.above_since = MonoTime::Never();
  else if (budget.above_since == MonoTime::Never())
    budget.above_since = step.stamp.mono;
  const Duration span = kUnknownLoadSpan + budget.meter_lag;
  std::optional<Power> least;
  if (budget.above_since != MonoTime::Never() && budget.above_since + span <= step.stamp.mono)
    least = budget.meter.Least(step.stamp.mono - span);
  const Power above = least.has_value() && *least - *noise > known ? *least - known : Power();
  // A little less than before is noise: what was counted stays.
  if (above == before || (above > Power() && above < before && above * 10 > before * 9)) return;
  if (single) {
    state.nodes[budget.nodes.front()].excess = above;
    ChargePlatform(step, state.nodes[budget.nodes.front()]);
  } else {
    budget.unknown = above;
    RecountUnknown(state);
  }
  state.round_needed = true;
  if (above > Power()) {
    step.Event("UnknownLoad", budget.id,
               fmt::format("meter shows {} above the ledger: counted and nothing rises beneath", FormatPower(above)));
  }
}

}  // namespace

void TakeMeterReading(Step& step, const v1::MeterReading& reading) {
  State& state = step.state;
  const auto found = state.budget_index.find(reading.budget());
  if (found == state.budget_index.end() || reading.draw_mw() < 0) return;
  Budget& budget = state.budgets[found->second];
  budget.metered = true;
  budget.meter_seen = step.stamp.mono;
  const int64_t age_ms = SWITCHYARD_MUTATION(ignores_meter_age) ? 0 : std::clamp<int64_t>(reading.age_ms(), 0, 60'000);
  budget.meter.Add(step.stamp.mono - Milliseconds(age_ms), Milliwatts(reading.draw_mw()));
  for (const uint32_t index : budget.nodes) {
    for (const uint64_t id : state.nodes[index].allocations) {
      Allocation& allocation = state.allocations.at(id);
      if (allocation.claimed.has_value() && allocation.watch.has_value() && allocation.watch_budget == found->second)
        TryClaim(step, allocation);
    }
  }
  FindUnknownLoad(step, found->second, Milliwatts(reading.draw_mw()));
}

}  // namespace switchyard::core
