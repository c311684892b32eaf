#include "scheduler/core/hashing_lacks.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "common/quantity_text.h"
#include "fmt/format.h"
#include "scheduler/core/charges.h"
#include "scheduler/core/ramp.h"
#include "scheduler/core/round.h"
#include "scheduler/core/sessions.h"
#include "scheduler/economics/prices.h"

namespace switchyard::core {
namespace {

using placement::Constraint;

economics::Prices PricesOf(const State& state, uint32_t site_index, UtcTime utc) {
  return economics::PricesAt(state.configuration.sites(static_cast<int>(site_index)), utc);
}

// The steps that pay; the rest is left alone on purpose.
size_t PayingSteps(const HashingOffer& offer) {
  size_t steps = 0;
  while (steps < offer.fill.steps.size() && offer.fill.steps[steps].value > 0) ++steps;
  return steps;
}

// The extra watts of one device of the unit that would take the next step beyond a target.
Power NextRise(const HashingOffer& offer, const power::FillTarget& target) {
  int32_t off = offer.fill.devices;
  for (const int32_t devices : target.devices_at) off -= devices;
  if (off > 0) return offer.fill.steps.front().watts - offer.fill.off_watts;
  for (size_t s = 0; s + 1 < target.devices_at.size(); ++s) {
    if (target.devices_at[s] > 0) return offer.fill.steps[s + 1].watts - offer.fill.steps[s].watts;
  }
  return Power();
}

class LackFinder {
  struct GroupUnit {
    uint32_t node;
    int32_t group;
    size_t unit;  // of the division
    auto operator<=>(const GroupUnit&) const = default;
  };

 public:
  LackFinder(const State& state, const Job& job, const HashingDivision& division, MonoTime now, UtcTime utc)
      : state_(state), job_(job), division_(division), now_(now), utc_(utc) {
    for (size_t u = 0; u < division.units.size(); ++u) {
      const HashingUnit& unit = division.units[u];
      if (unit.job == job.row.job().id()) units_.push_back({unit.node, unit.group, u});
    }
    std::sort(units_.begin(), units_.end());
  }

  HashingLacks Find() {
    bool any_miner = false;
    for (uint32_t n = 0; n < state_.nodes.size(); ++n) {
      const Node& node = state_.nodes[n];
      const bool miner =
          std::any_of(node.groups.begin(), node.groups.end(), [](const Group& group) { return CanHash(group.model); });
      any_miner = any_miner || miner;
      if (miner) LookAtNode(n);
    }
    if (!any_miner) Add(Constraint::kOperatingPoints, 0, 0, std::to_string(job_.row.job().id()), Power());
    return std::move(lacks_);
  }

 private:
  void LookAtNode(uint32_t n) {
    const Node& node = state_.nodes[n];
    if (const Constraint bar = HashingBar(node, job_.row.job().spec()); bar != Constraint::kNone)
      return Add(bar, n, 1, node.id, Power());
    for (size_t g = 0; g < node.groups.size(); ++g) {
      const Group& group = node.groups[g];
      if (!CanHash(group.model)) continue;
      int32_t held = 0;
      const GroupUnit first{n, static_cast<int32_t>(g), 0};
      for (auto own = std::lower_bound(units_.begin(), units_.end(), first);
           own != units_.end() && own->node == first.node && own->group == first.group; ++own) {
        held += division_.units[own->unit].count;
        LookAtUnit(own->unit);
      }
      const int32_t others = group.count - held;
      if (others <= 0) continue;
      const Power missing = Milliwatts(group.model.max_mw()) * others;
      if (!Available(state_, node, now_) || group.devices.empty()) {
        Add(Constraint::kNodeState, n, 0, node.id, missing);
      } else if (held == 0 && node.hashing_not_before > now_) {
        Add(Constraint::kHashingBackoff, n, (node.hashing_not_before - now_).count(), node.id, missing);
      } else {
        Add(Constraint::kDevices, n, others, node.id, missing);
      }
    }
  }

  void LookAtUnit(size_t u) {
    const HashingUnit& unit = division_.units[u];
    const HashingOffer& offer = division_.offers[u];
    const Node& node = state_.nodes[unit.node];
    const Power off = offer.fill.off_watts * offer.fill.devices;
    const Power granted =
        unit.allocation == 0 ? off : std::max(off, state_.allocations.at(unit.allocation).bound.grant());
    if (offer.fill.steps.empty()) return;
    const size_t paying = PayingSteps(offer);
    if (paying == 0) return LookAtPrices(u, offer.fill.steps.front().watts * offer.fill.devices - granted);
    const Power missing = offer.fill.steps[paying - 1].watts * offer.fill.devices - granted;
    if (missing <= Power()) return;
    const power::Chain& chain = state_.ledger.chain(offer.fill.chain);
    if (!Available(state_, node, now_)) return Add(Constraint::kNodeState, unit.node, 0, node.id, missing);
    for (const power::Edge& edge : chain) {
      const Budget& budget = state_.budgets[edge.budget];
      if (!budget.blocked_by.empty()) return Add(Constraint::kBudgetBlocked, unit.node, 0, budget.id, missing);
    }
    if (!node.lowerings.empty())
      return Add(Constraint::kLowering, unit.node, static_cast<int64_t>(node.lowerings.size()), node.id, missing);
    const power::FillTarget& target = division_.targets[u];
    if (target.watts <= granted) return LookAtBudgets(u, target.watts, Power(), division_.left, missing);
    const Duration dwell = Milliseconds(state_.timing().dwell_ms());
    if (unit.allocation != 0) {
      const MonoTime rises = state_.allocations.at(unit.allocation).last_change + dwell;
      // What it was given a moment ago is no dwell that keeps it from more.
      if (rises > now_ && state_.allocations.at(unit.allocation).last_change < now_)
        return Add(Constraint::kDwell, unit.node, (rises - now_).count(), node.id, missing);
    }
    LookAtRise(u, granted, missing);
  }

  // The division gives it more than it has, and nothing but the moment keeps it from that.
  void LookAtRise(size_t u, Power granted, Power missing) {
    const HashingUnit& unit = division_.units[u];
    const uint32_t chain = division_.offers[u].fill.chain;
    const Power wanted = division_.targets[u].watts - granted;
    const Power ramp = RampRoom(state_, chain, now_);
    if (ramp < wanted) {
      for (const power::Edge& edge : state_.ledger.chain(chain)) {
        const Budget& budget = state_.budgets[edge.budget];
        if (budget.ramp_up == Power() ||
            UnscaleDown(budget.ramp_up - RaisedLately(budget, now_), edge.coefficient) > ramp)
          continue;
        return Add(Constraint::kRampUp, unit.node, (wanted - ramp).count(), budget.id, missing);
      }
    }
    std::vector<Power> headroom(state_.budgets.size());
    for (const power::Edge& edge : state_.ledger.chain(chain))
      headroom[edge.budget] = state_.ledger.Headroom(edge.budget);
    const v1::DeviceModel& model = state_.nodes[unit.node].groups[unit.group].model;
    const Power transient = Milliwatts(std::max<int64_t>(0, model.transient_mw() - model.max_mw()));
    LookAtBudgets(u, granted, transient * division_.offers[u].fill.devices, headroom, missing);
  }

  // The budget that is shortest of one device step more, and of what the change takes for a while.
  void LookAtBudgets(size_t u, Power watts, Power transient, const std::vector<Power>& left, Power missing) {
    const HashingOffer& offer = division_.offers[u];
    const Power rise = NextRise(offer, division_.targets[u]) + transient;
    Power short_of;
    const Budget* shortest = nullptr;
    for (const power::Edge& edge : state_.ledger.chain(offer.fill.chain)) {
      const Power need = ScaleUp(watts + rise, edge.coefficient) - ScaleUp(watts, edge.coefficient) - left[edge.budget];
      if (need <= short_of) continue;
      short_of = need;
      shortest = &state_.budgets[edge.budget];
    }
    if (shortest == nullptr) return;  // it rises with the next round
    Add(Constraint::kHashingHeadroom, division_.units[u].node, short_of.count(), shortest->id, missing);
  }

  void LookAtPrices(size_t u, Power missing) {
    const HashingUnit& unit = division_.units[u];
    const Node& node = state_.nodes[unit.node];
    economics::Prices prices = PricesOf(state_, node.site_index, utc_);
    if (prices.stale) return Add(Constraint::kStalePrices, unit.node, 0, node.site, missing);
    const economics::HullStep& best = division_.offers[u].hull->front();
    prices.energy_per_mwh = Usd();
    const int64_t earned =
        economics::MarginalValue({division_.offers[u].fill.off_watts, HashRate()}, {best.watts, best.rate}, prices);
    // At break-even to the last digit nothing is earned either: the least that it lacks is a millionth.
    const int64_t lacks = std::max<int64_t>(1, -best.value_micro_usd_per_mwh);
    Add(Constraint::kBreakEven, unit.node, lacks, node.site, missing, earned);
  }

  void Add(Constraint constraint, uint32_t node, int64_t shortfall, const std::string& subject, Power missing,
           int64_t earned = 0) {
    HashingLack& lack = lacks_[constraint];
    const bool first = lack.nodes == 0;
    if (first || seen_[constraint] != node) ++lack.nodes;
    seen_[constraint] = node;
    lack.missing += missing;
    if (!first && shortfall >= lack.shortfall) return;
    lack.shortfall = shortfall;
    lack.subject = subject;
    lack.earned_micro_usd_per_mwh = earned;
    if (!state_.nodes.empty()) lack.site_index = state_.nodes[node].site_index;
  }

  const State& state_;
  const Job& job_;
  const HashingDivision& division_;
  const MonoTime now_;
  const UtcTime utc_;
  std::vector<GroupUnit> units_;         // of the job, ascending
  std::map<Constraint, uint32_t> seen_;  // the node of the last lack: nodes are looked at one after the other
  HashingLacks lacks_;
};

v1::PendingReason ReasonOf(const State& state, Constraint constraint, const HashingLack& lack, UtcTime utc) {
  v1::PendingReason reason = PendingReason(
      {.constraint = constraint, .amount = lack.shortfall, .subject = lack.subject, .rejected_nodes = {}});
  if (constraint == Constraint::kBreakEven) {
    const economics::Prices prices = PricesOf(state, lack.site_index, utc);
    const Usd earned(lack.earned_micro_usd_per_mwh);
    reason.set_text(placement::DescribeBreakEven(lack.subject, earned, prices.energy_per_mwh, prices.overhead,
                                                 earned + Usd(lack.shortfall)));
  }
  return reason;
}

// A span that only runs down is no change.
bool Alike(const v1::PendingReason& a, const v1::PendingReason& b) {
  if (a.constraint() != b.constraint() || a.subject() != b.subject()) return false;
  const bool runs_down = placement::Row(placement::ByName(a.constraint())).unit == placement::Unit::kMilliseconds;
  return runs_down || a.shortfall() == b.shortfall();
}

}  // namespace

HashingLacks LacksOf(const State& state, const Job& job, const HashingDivision& division, MonoTime now, UtcTime utc) {
  return LackFinder(state, job, division, now, utc).Find();
}

std::optional<v1::PendingReason> HashingReason(const State& state, const Job& job, const HashingLacks& lacks,
                                               UtcTime utc) {
  const bool hashes = job.row.job().state() != v1::PENDING;
  HashingLacks::const_iterator chosen = lacks.end();
  for (auto lack = lacks.begin(); lack != lacks.end(); ++lack) {
    // Nodes on which it may never hash hold nothing back from a job that hashes elsewhere.
    if (hashes && lack->second.missing <= Power()) continue;
    if (!hashes || chosen == lacks.end() || lack->second.missing >= chosen->second.missing) chosen = lack;
  }
  if (chosen == lacks.end()) return std::nullopt;
  return ReasonOf(state, chosen->first, chosen->second, utc);
}

void NoteHashingLacks(Step& step, const HashingDivision& division) {
  for (const uint64_t id : HashingJobs(step.state)) {
    Job& job = step.state.jobs.at(id);
    const HashingLacks lacks = LacksOf(step.state, job, division, step.stamp.mono, step.stamp.utc);
    v1::PendingReason reason = HashingReason(step.state, job, lacks, step.stamp.utc).value_or(v1::PendingReason());
    if (!Alike(job.pending, reason)) step.effects.reasons.push_back({id, reason});
    job.pending = std::move(reason);
  }
}

void ExplainHashing(const State& state, const Job& job, const Stamp& stamp, v1::ExplainResponse* response) {
  const HashingLacks lacks = LacksOf(state, job, DivideHashing(state, stamp.mono, stamp.utc), stamp.mono, stamp.utc);
  for (const auto& [constraint, lack] : lacks) {
    v1::NodeVerdict* verdict = response->add_nodes();
    verdict->set_constraint(placement::Name(constraint));
    verdict->set_nodes(lack.nodes);
    verdict->set_example(ReasonOf(state, constraint, lack, stamp.utc).text());
  }
  for (const placement::ConstraintRow& row : placement::Table()) {
    if (row.constraint == Constraint::kNone) continue;
    const auto lack = lacks.find(row.constraint);
    v1::ConstraintVerdict* verdict = response->add_constraints();
    verdict->set_constraint(row.name);
    verdict->set_fits(lack == lacks.end());
    if (lack == lacks.end()) continue;
    verdict->set_shortfall(lack->second.shortfall);
    verdict->set_text(ReasonOf(state, row.constraint, lack->second, stamp.utc).text());
  }
  const std::optional<v1::PendingReason> reason = HashingReason(state, job, lacks, stamp.utc);
  if (!reason.has_value()) {
    if (job.row.job().state() == v1::PENDING) response->set_summary("starts with the next round");
    return;
  }
  *response->mutable_binding() = *reason;
  if (job.row.job().state() == v1::PENDING) {
    response->set_summary(reason->text());
    return;
  }
  Power missing;
  for (const auto& [constraint, lack] : lacks) missing += lack.missing;
  response->set_summary(
      fmt::format("{}; could draw {} more: {}", response->summary(), FormatPower(missing), reason->text()));
}

}  // namespace switchyard::core
