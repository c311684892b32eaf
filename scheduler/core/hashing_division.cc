#include "scheduler/core/hashing_division.h"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <tuple>
#include <utility>

#include "scheduler/core/charges.h"
#include "scheduler/core/hashing.h"
#include "scheduler/core/jobs.h"
#include "scheduler/core/sessions.h"
#include "scheduler/economics/prices.h"

namespace switchyard::core {
namespace {

using placement::Constraint;

// Devices that an open plan waits for: nobody starts hashing on them again.
std::set<std::tuple<uint32_t, int32_t, int32_t>> PlannedDevices(const State& state) {
  std::set<std::tuple<uint32_t, int32_t, int32_t>> planned;
  for (const auto& [id, plan] : state.plans) {
    for (const pb::PlanMember& member : plan.row.members()) {
      const auto node = state.node_index.find(member.node());
      if (node == state.node_index.end()) continue;
      const std::vector<Group>& groups = state.nodes[node->second].groups;
      for (size_t g = 0; g < groups.size(); ++g) {
        if (groups[g].name != member.device_group()) continue;
        for (const pb::DeviceRange& range : member.devices()) {
          for (int32_t d = 0; d < range.count(); ++d)
            planned.insert({node->second, static_cast<int32_t>(g), range.first() + d});
        }
      }
    }
  }
  return planned;
}

std::vector<HashingUnit> Units(const State& state, MonoTime now) {
  std::vector<HashingUnit> units;
  for (const uint64_t id : HashingAllocations(state)) {
    const Allocation& allocation = state.allocations.at(id);
    if (allocation.phase == v1::STOP || allocation.exited || allocation.devices.empty()) continue;
    const auto count = static_cast<int32_t>(allocation.devices.size());
    units.push_back({id, allocation.job, allocation.node, allocation.group, count, {}});
  }
  const std::vector<uint64_t> jobs = HashingJobs(state);
  if (jobs.empty()) return units;
  const auto planned = PlannedDevices(state);
  for (uint32_t n = 0; n < state.nodes.size(); ++n) {
    const Node& node = state.nodes[n];
    if (!Available(state, node, now) || node.hashing_not_before > now) continue;
    for (size_t g = 0; g < node.groups.size(); ++g) {
      const Group& group = node.groups[g];
      if (!CanHash(group.model) || group.devices.empty()) continue;
      HashingUnit unit{0, 0, n, static_cast<int32_t>(g), 0, {}};
      for (int32_t d = 0; d < group.count; ++d) {
        if (group.used_milli[d] == 0 && !group.quarantined.contains(d) && !planned.contains({n, unit.group, d}))
          unit.devices.push_back(d);
      }
      if (unit.devices.empty()) continue;
      unit.count = static_cast<int32_t>(unit.devices.size());
      for (const uint64_t job : jobs) {
        if (HashingBar(node, state.jobs.at(job).row.job().spec()) != Constraint::kNone) continue;
        unit.job = job;
        units.push_back(std::move(unit));
        break;
      }
    }
  }
  return units;
}

// The hulls of one moment: one for all devices of a model at a site.
class Hulls {
 public:
  using Hull = std::shared_ptr<const std::vector<economics::HullStep>>;

  Hulls(const State& state, UtcTime utc) : state_(state), utc_(utc) {}

  Hull Of(const Node& node, const Group& group) {
    Hull& hull = hulls_[{node.site_index, group.model.id()}];
    if (hull == nullptr) {
      const v1::Site& site = state_.configuration.sites(static_cast<int>(node.site_index));
      hull = std::make_shared<const std::vector<economics::HullStep>>(
          economics::ConcaveHull(group.model, economics::PricesAt(site, utc_)));
    }
    return hull;
  }

 private:
  const State& state_;
  const UtcTime utc_;
  std::map<std::pair<uint32_t, std::string_view>, Hull> hulls_;  // by site and model
};

HashingOffer Offer(const State& state, const HashingUnit& unit, Hulls& hulls) {
  const Node& node = state.nodes[unit.node];
  const Group& group = node.groups[unit.group];
  HashingOffer offer;
  offer.hull = hulls.Of(node, group);
  offer.fill.chain = group.chain;
  offer.fill.devices = unit.count;
  offer.fill.off_watts = Milliwatts(group.model.idle_mw());
  offer.fill.order = unit.node * 64ULL + static_cast<uint64_t>(unit.group);
  offer.fill.steps.reserve(offer.hull->size());
  for (const economics::HullStep& step : *offer.hull) {
    offer.fill.steps.push_back({step.point, step.watts, step.value_micro_usd_per_mwh});
  }
  return offer;
}

power::FillUnit Divided(const HashingOffer& offer, const Group& group) {
  power::FillUnit unit = offer.fill;
  if (AlwaysAtNameplate(group)) {
    unit.off_watts = Milliwatts(group.model.max_mw());
    unit.steps.clear();
  }
  return unit;
}

// All that pays, for a group outside the division; nothing where a budget above it is over even with the rest off: the
// ledger gains nothing by that, the breaker does.
power::FillTarget Undivided(const State& state, const HashingOffer& offer, const Group& group,
                            const std::vector<Power>& left_when_off) {
  power::FillTarget target;
  target.devices_at.assign(offer.fill.steps.size(), 0);
  target.watts = offer.fill.off_watts * offer.fill.devices;
  const power::Chain& edges = state.ledger.chain(group.chain);
  const bool over = std::any_of(edges.begin(), edges.end(),
                                [&](const power::Edge& edge) { return left_when_off[edge.budget] < Power(); });
  if (over) return target;
  for (size_t s = 0; s < offer.fill.steps.size() && offer.fill.steps[s].value > 0; ++s) {
    if (s > 0) target.devices_at[s - 1] = 0;
    target.devices_at[s] = offer.fill.devices;
    target.watts = offer.fill.steps[s].watts * offer.fill.devices;
  }
  return target;
}

}  // namespace

Constraint HashingBar(const Node& node, const v1::JobSpec& spec) {
  if (!spec.site().empty() && spec.site() != node.site) return Constraint::kSite;
  if (!node.configured.owner().empty() && node.configured.owner() != spec.tenant()) return Constraint::kOwner;
  const auto has = [&](const v1::Label& wanted) {
    const auto matches = [&](const v1::Label& label) {
      return label.key() == wanted.key() && label.value() == wanted.value();
    };
    const auto& own = node.configured.labels();
    const auto& model = node.model.labels();
    return std::any_of(own.begin(), own.end(), matches) || std::any_of(model.begin(), model.end(), matches);
  };
  if (spec.groups_size() > 0) {
    const auto& selector = spec.groups(0).selector();
    if (!std::all_of(selector.begin(), selector.end(), has)) return Constraint::kLabels;
  }
  const auto& taints = node.configured.taints();
  const auto tolerated = [&](const std::string& taint) {
    return std::find(spec.tolerations().begin(), spec.tolerations().end(), taint) != spec.tolerations().end();
  };
  return std::all_of(taints.begin(), taints.end(), tolerated) ? Constraint::kNone : Constraint::kTaints;
}

std::vector<uint64_t> HashingJobs(const State& state) {
  std::vector<uint64_t> jobs;
  for (const uint64_t id : state.hashing_jobs) {
    const v1::JobState s = state.jobs.at(id).row.job().state();
    if (!Terminal(s) && s != v1::STOPPING) jobs.push_back(id);
  }
  std::stable_sort(jobs.begin(), jobs.end(), [&](uint64_t a, uint64_t b) {
    return state.jobs.at(a).row.job().spec().priority() > state.jobs.at(b).row.job().spec().priority();
  });
  return jobs;
}

bool MayRise(const State& state, const HashingUnit& unit, MonoTime now) {
  const Node& node = state.nodes[unit.node];
  return Available(state, node, now) && node.lowerings.empty();
}

Power HashingCeiling(const State& state, uint32_t chain, Power charged) {
  Power room = Power::Max();
  for (const power::Edge& edge : state.ledger.chain(chain)) {
    // Rounding of the sum and of its parts may differ by one milliwatt an edge.
    room =
        std::min(room, UnscaleDown(std::max(Power(), state.ledger.Headroom(edge.budget) - Power(1)), edge.coefficient));
  }
  return charged + room;
}

Power Overdue(const State& state, const Allocation& allocation, MonoTime now) {
  const Power above = allocation.bound.value() - allocation.bound.grant();
  if (above <= Power() || allocation.group < 0) return Power();
  const Group& group = state.nodes[allocation.node].groups[allocation.group];
  const Duration due = Milliseconds(state.timing().confirm_timeout_ms() + group.model.ramp_down_ms());
  return allocation.last_change + due < now ? above : Power();
}

HashingDivision DivideHashing(const State& state, MonoTime now, UtcTime utc, power::FillMemo* memo) {
  HashingDivision division;
  division.units = Units(state, now);
  if (division.units.empty()) return division;
  // What all hashing together may be charged: the headroom, and what it is charged already, less what plans still wait
  // for.
  std::vector<Power> available(state.budgets.size());
  // Overhead that still runs on keeps watts from rising, it lowers nothing: the ceiling of a raise looks at it.
  for (uint32_t b = 0; b < available.size(); ++b)
    available[b] = state.ledger.Headroom(b) + state.ledger.HeldOverhead(b);
  for (const auto& [id, plan] : state.plans) {
    for (const pb::PlanBudget& need : plan.row.budgets()) {
      available[state.budget_index.at(need.budget())] -= Milliwatts(need.needed_mw() - need.earmarked_mw());
    }
  }
  std::vector<power::FillUnit> fills;
  fills.reserve(division.units.size());
  division.offers.reserve(division.units.size());
  const std::vector<power::Chain>& chains = state.ledger.all_chains();
  Hulls hulls(state, utc);
  for (const HashingUnit& unit : division.units) {
    division.offers.push_back(Offer(state, unit, hulls));
    const Group& group = state.nodes[unit.node].groups[unit.group];
    Power counted = IdleWatts(state.nodes[unit.node], group, static_cast<size_t>(unit.count));
    if (unit.allocation != 0) {
      const Allocation& allocation = state.allocations.at(unit.allocation);
      counted = allocation.charged - Overdue(state, allocation, now);
    }
    for (const power::Edge& edge : chains[group.chain]) available[edge.budget] += ScaleUp(counted, edge.coefficient);
    fills.push_back(Divided(division.offers.back(), group));
    // Who cannot rise leaves the watts to those who can.
    if (unit.allocation != 0 && !MayRise(state, unit, now))
      fills.back().most = state.allocations.at(unit.allocation).bound.grant();
  }
  division.targets = memo != nullptr ? memo->Fill(fills, chains, available) : power::Fill(fills, chains, available);
  std::vector<Power> left_when_off = available;
  for (const power::FillUnit& fill : fills) {
    for (const power::Edge& edge : chains[fill.chain])
      left_when_off[edge.budget] -= ScaleUp(fill.off_watts * fill.devices, edge.coefficient);
  }
  for (size_t u = 0; u < division.units.size(); ++u) {
    const Group& group = state.nodes[division.units[u].node].groups[division.units[u].group];
    if (AlwaysAtNameplate(group)) division.targets[u] = Undivided(state, division.offers[u], group, left_when_off);
  }
  division.left = std::move(left_when_off);
  for (size_t u = 0; u < division.units.size(); ++u) {
    if (AlwaysAtNameplate(state.nodes[division.units[u].node].groups[division.units[u].group])) continue;
    for (const power::Edge& edge : chains[fills[u].chain]) {
      division.left[edge.budget] -= ScaleUp(division.targets[u].watts, edge.coefficient) -
                                    ScaleUp(fills[u].off_watts * fills[u].devices, edge.coefficient);
    }
  }
  return division;
}

}  // namespace switchyard::core
