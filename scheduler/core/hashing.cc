#include "scheduler/core/hashing.h"

#include <algorithm>
#include <set>

#include "scheduler/core/charges.h"
#include "scheduler/core/jobs.h"
#include "scheduler/core/sessions.h"
#include "scheduler/economics/prices.h"
#include "scheduler/economics/value.h"
#include "scheduler/power/fill.h"

namespace switchyard::core {
namespace {

// Devices that hash, or could: one entry of the fill.
struct Unit {
  uint64_t allocation = 0;  // 0: not started yet
  uint64_t job = 0;
  uint32_t node = 0;
  int32_t group = 0;
  std::vector<int32_t> devices;
};

bool Pays(const v1::DeviceModel& model) { return model.operating_points_size() > 0; }

bool MayHash(const Node& node, const v1::JobSpec& spec) {
  if (!node.configured.owner().empty() && node.configured.owner() != spec.tenant()) return false;
  if (!spec.site().empty() && spec.site() != node.site) return false;
  for (const std::string& taint : node.configured.taints()) {
    if (std::find(spec.tolerations().begin(), spec.tolerations().end(), taint) == spec.tolerations().end())
      return false;
  }
  if (spec.groups_size() == 0) return true;
  for (const v1::Label& wanted : spec.groups(0).selector()) {
    const auto matches = [&](const v1::Label& label) {
      return label.key() == wanted.key() && label.value() == wanted.value();
    };
    const auto& own = node.configured.labels();
    const auto& model = node.model.labels();
    if (std::none_of(own.begin(), own.end(), matches) && std::none_of(model.begin(), model.end(), matches))
      return false;
  }
  return true;
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

std::vector<Unit> Units(const State& state, MonoTime now) {
  std::vector<Unit> units;
  for (const uint64_t id : HashingAllocations(state)) {
    const Allocation& allocation = state.allocations.at(id);
    if (allocation.phase == v1::STOP || allocation.exited || allocation.devices.empty()) continue;
    units.push_back({id, allocation.job, allocation.node, allocation.group, allocation.devices});
  }
  const std::vector<uint64_t> jobs = HashingJobs(state);
  if (jobs.empty()) return units;
  const auto planned = PlannedDevices(state);
  for (uint32_t n = 0; n < state.nodes.size(); ++n) {
    const Node& node = state.nodes[n];
    if (!Available(state, node, now) || node.hashing_not_before > now) continue;
    for (size_t g = 0; g < node.groups.size(); ++g) {
      const Group& group = node.groups[g];
      if (!Pays(group.model) || group.devices.empty()) continue;
      Unit unit{0, 0, n, static_cast<int32_t>(g), {}};
      for (int32_t d = 0; d < group.count; ++d) {
        if (group.used_milli[d] == 0 && !group.quarantined.contains(d) && !planned.contains({n, unit.group, d}))
          unit.devices.push_back(d);
      }
      if (unit.devices.empty()) continue;
      for (const uint64_t job : jobs) {
        if (!MayHash(node, state.jobs.at(job).row.job().spec())) continue;
        unit.job = job;
        units.push_back(std::move(unit));
        break;
      }
    }
  }
  return units;
}

std::vector<economics::HullStep> Hull(const State& state, const Node& node, const Group& group, UtcTime utc) {
  const v1::Site& site = state.configuration.sites(static_cast<int>(node.site_index));
  return economics::ConcaveHull(group.model, economics::PricesAt(site, utc));
}

struct Proposal {
  power::FillUnit fill;
  std::vector<economics::HullStep> hull;
};

Proposal Propose(const State& state, const Unit& unit, UtcTime utc) {
  const Node& node = state.nodes[unit.node];
  const Group& group = node.groups[unit.group];
  Proposal proposal;
  proposal.hull = Hull(state, node, group, utc);
  proposal.fill.chain = group.chain;
  proposal.fill.devices = static_cast<int32_t>(unit.devices.size());
  proposal.fill.off_watts = Milliwatts(group.model.idle_mw());
  proposal.fill.order = unit.node * 64ULL + static_cast<uint64_t>(unit.group);
  for (const economics::HullStep& step : proposal.hull) {
    proposal.fill.steps.push_back({step.point, step.watts, step.value_micro_usd_per_mwh});
  }
  return proposal;
}

// Counted at its maximum whatever it is granted: hashing costs such a group no watts of the ledger, and lowering it
// frees none. It takes no part in the division; otherwise plans would wait for ever for what it cannot give.
bool AlwaysAtNameplate(const Group& group) { return group.model.power_cycle() == v1::NEITHER; }

power::FillUnit Divided(const Proposal& proposal, const Group& group) {
  power::FillUnit unit = proposal.fill;
  if (AlwaysAtNameplate(group)) {
    unit.off_watts = Milliwatts(group.model.max_mw());
    unit.steps.clear();
  }
  return unit;
}

// All that pays, for a group outside the division; nothing where a budget above it is over even with the rest off: the
// ledger gains nothing by that, the breaker does.
power::FillTarget Undivided(const State& state, const Proposal& proposal, const Group& group,
                            const std::vector<Power>& left_when_off) {
  power::FillTarget target;
  target.devices_at.assign(proposal.fill.steps.size(), 0);
  target.watts = proposal.fill.off_watts * proposal.fill.devices;
  const power::Chain& edges = state.ledger.chain(group.chain);
  const bool over = std::any_of(edges.begin(), edges.end(),
                                [&](const power::Edge& edge) { return left_when_off[edge.budget] < Power(); });
  if (over) return target;
  for (size_t s = 0; s < proposal.fill.steps.size() && proposal.fill.steps[s].value > 0; ++s) {
    if (s > 0) target.devices_at[s - 1] = 0;
    target.devices_at[s] = proposal.fill.devices;
    target.watts = proposal.fill.steps[s].watts * proposal.fill.devices;
  }
  return target;
}

// Device counts by operating point of the model out of counts by hull step.
std::vector<int32_t> ByPoint(const Group& group, const Proposal& proposal, const power::FillTarget& target) {
  std::vector<int32_t> devices_at(static_cast<size_t>(group.model.operating_points_size()), 0);
  for (size_t s = 0; s < target.devices_at.size(); ++s)
    devices_at[static_cast<size_t>(proposal.hull[s].point)] += target.devices_at[s];
  return devices_at;
}

// The best mix of one unit within `limit` watts.
power::FillTarget Within(const Proposal& proposal, Power limit) {
  power::FillUnit unit = proposal.fill;
  unit.chain = 0;
  return power::Fill({unit}, {power::Chain{{0, kOne}}}, {limit}).front();
}

bool Blocked(const State& state, uint32_t chain) {
  const power::Chain& edges = state.ledger.chain(chain);
  return std::any_of(edges.begin(), edges.end(),
                     [&](const power::Edge& edge) { return !state.budgets[edge.budget].blocked_by.empty(); });
}

bool MayRise(const State& state, const Unit& unit, MonoTime now) {
  const Node& node = state.nodes[unit.node];
  return Available(state, node, now) && node.lowerings.empty();
}

// The most that the unit may be charged now: what it is charged, and the headroom of its tightest budget.
Power Ceiling(const State& state, uint32_t chain, Power charged) {
  Power room = Power::Max();
  for (const power::Edge& edge : state.ledger.chain(chain)) {
    // Rounding of the sum and of its parts may differ by one milliwatt an edge.
    room =
        std::min(room, UnscaleDown(std::max(Power(), state.ledger.Headroom(edge.budget) - Power(1)), edge.coefficient));
  }
  return charged + room;
}

void StartHashing(Step& step, const Unit& unit, Power watts, const std::vector<int32_t>& devices_at) {
  State& state = step.state;
  Job& job = state.jobs.at(unit.job);
  Allocation allocation;
  allocation.id = step.NextAllocation();
  allocation.node = unit.node;
  allocation.group = unit.group;
  allocation.devices = unit.devices;
  allocation.job = unit.job;
  allocation.task_group = "hashing";
  allocation.index = static_cast<int32_t>(allocation.id % 1'000'000'000);
  allocation.attempt = 1;
  allocation.epoch = 1;
  allocation.kind = v1::HASHING;
  allocation.phase =
      v1::RUN;  // a gang of one whose release needs no second order: nothing of a user's waits for others
  allocation.started = step.stamp.utc;
  allocation.last_change = step.stamp.mono;
  state.nodes[unit.node].allocations.insert(allocation.id);
  state.job_allocations[unit.job].insert(allocation.id);
  Allocation& placed = state.allocations.emplace(allocation.id, std::move(allocation)).first->second;
  const Group& group = state.nodes[unit.node].groups[unit.group];
  HoldDevices(step, placed);
  SetSegments(group, placed, devices_at);
  const Power transient = Milliwatts(std::max<int64_t>(0, group.model.transient_mw() - group.model.max_mw()));
  OrderGrant(step, placed, watts, transient * static_cast<int64_t>(unit.devices.size()));
  if (job.row.job().state() == v1::PENDING) {
    job.row.mutable_job()->set_started_utc_ms(step.stamp.utc.milliseconds());
    job.row.mutable_job()->set_attempt(1);
    SetState(step, job, v1::RUNNING, "");
  }
}

}  // namespace

Power OffWatts(const Node& node, const Allocation& allocation) {
  if (allocation.group < 0) return Power();
  return Milliwatts(node.groups[allocation.group].model.idle_mw()) * static_cast<int64_t>(allocation.devices.size());
}

bool ExpiryReleases(const Node& node) {
  return std::all_of(node.groups.begin(), node.groups.end(), [](const Group& group) {
    return !Pays(group.model) || group.enforcer == v1::ENFORCER_DEVICE || group.enforcer == v1::ENFORCER_SUPERVISOR;
  });
}

void SetSegments(const Group& group, Allocation& allocation, const std::vector<int32_t>& devices_at) {
  allocation.segments.clear();
  auto left = static_cast<int32_t>(allocation.devices.size());
  const auto add = [&](int32_t count, int32_t point) {
    if (count <= 0) return;
    v1::OperatingSegment& segment = allocation.segments.emplace_back();
    segment.set_count(count);
    segment.set_point(point);
    left -= count;
  };
  for (int32_t point = group.model.operating_points_size() - 1; point >= 0; --point) {
    if (static_cast<size_t>(point) < devices_at.size())
      add(std::min(left, devices_at[static_cast<size_t>(point)]), point);
  }
  add(left, -1);
}

int64_t HashingValue(const State& state, const Allocation& allocation, UtcTime utc) {
  const Node& node = state.nodes[allocation.node];
  if (allocation.group < 0) return 0;
  const Group& group = node.groups[allocation.group];
  const economics::Prices prices =
      economics::PricesAt(state.configuration.sites(static_cast<int>(node.site_index)), utc);
  int64_t value = 0;
  for (const v1::OperatingSegment& segment : allocation.segments) {
    if (segment.point() < 0) continue;
    const v1::OperatingPoint& point = group.model.operating_points(segment.point());
    value += segment.count() * economics::EarningsPerHour(Milliwatts(group.model.idle_mw()),
                                                          {Milliwatts(point.mw()), HashRate(point.ghs())}, prices);
  }
  return value;
}

HashRate GrantedHashRate(const State& state, const Allocation& allocation) {
  HashRate rate;
  if (allocation.group < 0) return rate;
  const Group& group = state.nodes[allocation.node].groups[allocation.group];
  for (const v1::OperatingSegment& segment : allocation.segments) {
    if (segment.point() >= 0) rate += HashRate(group.model.operating_points(segment.point()).ghs()) * segment.count();
  }
  return rate;
}

namespace {

// Watts of a lowering that should have been confirmed by now: nobody counts on them until they are.
Power Overdue(const State& state, const Allocation& allocation, MonoTime now) {
  const Power above = allocation.bound.value() - allocation.bound.grant();
  if (above <= Power() || allocation.group < 0) return Power();
  const Group& group = state.nodes[allocation.node].groups[allocation.group];
  const Duration due = Milliseconds(state.timing().confirm_timeout_ms() + group.model.ramp_down_ms());
  return allocation.last_change + due < now ? above : Power();
}

}  // namespace

std::vector<uint64_t> HashingAllocations(const State& state) {
  std::vector<uint64_t> ids;
  for (const uint64_t job : state.hashing_jobs) {
    const auto members = state.job_allocations.find(job);
    if (members != state.job_allocations.end()) ids.insert(ids.end(), members->second.begin(), members->second.end());
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

std::vector<Power> YieldableWatts(const State& state, MonoTime now) {
  std::vector<Power> yieldable(state.budgets.size());
  for (const uint64_t id : HashingAllocations(state)) {
    const Allocation& allocation = state.allocations.at(id);
    if (allocation.group < 0) continue;
    const Node& node = state.nodes[allocation.node];
    const Group& group = node.groups[allocation.group];
    if (node.session == 0) continue;
    const Power floor = group.model.power_cycle() == v1::NEITHER ? allocation.charged : OffWatts(node, allocation);
    const Power giving = allocation.charged - Overdue(state, allocation, now);
    if (giving <= floor) continue;
    for (const power::Edge& edge : state.ledger.chain(group.chain)) {
      yieldable[edge.budget] += ScaleUp(giving, edge.coefficient) - ScaleUp(floor, edge.coefficient);
    }
  }
  return yieldable;
}

void FillHashing(Step& step) {
  State& state = step.state;
  const MonoTime now = step.stamp.mono;
  const std::vector<Unit> units = Units(state, now);
  if (units.empty()) return;
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
  std::vector<Proposal> proposals;
  std::vector<power::FillUnit> fills;
  std::vector<power::Chain> chains;
  for (uint32_t c = 0; c < state.ledger.chains(); ++c) chains.push_back(state.ledger.chain(c));
  for (const Unit& unit : units) {
    proposals.push_back(Propose(state, unit, step.stamp.utc));
    const Group& group = state.nodes[unit.node].groups[unit.group];
    Power counted = IdleWatts(state.nodes[unit.node], group, unit.devices.size());
    if (unit.allocation != 0) {
      const Allocation& allocation = state.allocations.at(unit.allocation);
      counted = allocation.charged - Overdue(state, allocation, now);
    }
    for (const power::Edge& edge : chains[group.chain]) available[edge.budget] += ScaleUp(counted, edge.coefficient);
    fills.push_back(Divided(proposals.back(), group));
    // Who cannot rise leaves the watts to those who can.
    if (unit.allocation != 0 && !MayRise(state, unit, now))
      fills.back().most = state.allocations.at(unit.allocation).bound.grant();
  }
  std::vector<power::FillTarget> targets = power::Fill(fills, chains, available);
  std::vector<Power> left_when_off = available;
  for (const power::FillUnit& fill : fills) {
    for (const power::Edge& edge : chains[fill.chain])
      left_when_off[edge.budget] -= ScaleUp(fill.off_watts * fill.devices, edge.coefficient);
  }
  for (size_t u = 0; u < units.size(); ++u) {
    const Group& group = state.nodes[units[u].node].groups[units[u].group];
    if (AlwaysAtNameplate(group)) targets[u] = Undivided(state, proposals[u], group, left_when_off);
  }
  const Duration dwell = Milliseconds(state.timing().dwell_ms());
  // All lowerings of a round come before its raises: watts that are ordered down here are not free for anybody yet.
  for (size_t u = 0; u < units.size(); ++u) {
    if (units[u].allocation == 0) continue;
    Allocation& allocation = state.allocations.at(units[u].allocation);
    const Group& group = state.nodes[units[u].node].groups[units[u].group];
    if (targets[u].watts >= allocation.bound.grant()) continue;
    SetSegments(group, allocation, ByPoint(group, proposals[u], targets[u]));
    allocation.last_change = now;
    OrderGrant(step, allocation, targets[u].watts);
  }
  for (size_t u = 0; u < units.size(); ++u) {
    const Node& node = state.nodes[units[u].node];
    const Group& group = node.groups[units[u].group];
    Allocation* allocation = units[u].allocation == 0 ? nullptr : &state.allocations.at(units[u].allocation);
    const Power grant = allocation == nullptr ? Power() : allocation->bound.grant();
    if (targets[u].watts <= grant || targets[u].watts <= proposals[u].fill.off_watts * proposals[u].fill.devices)
      continue;
    if (!MayRise(state, units[u], now) || Blocked(state, group.chain)) continue;
    if (allocation != nullptr && allocation->last_change + dwell > now) {
      step.RoundAt(allocation->last_change + dwell);
      continue;
    }
    const Power counted = allocation != nullptr ? allocation->charged : IdleWatts(node, group, units[u].devices.size());
    const Power transient =
        Milliwatts(std::max<int64_t>(0, group.model.transient_mw() - group.model.max_mw())) * proposals[u].fill.devices;
    const Power ceiling = Ceiling(state, group.chain, counted) - transient;
    power::FillTarget target = targets[u];
    if (target.watts > ceiling) target = Within(proposals[u], ceiling);
    if (target.watts <= grant || target.watts <= proposals[u].fill.off_watts * proposals[u].fill.devices) continue;
    const std::vector<int32_t> devices_at = ByPoint(group, proposals[u], target);
    if (allocation == nullptr) {
      StartHashing(step, units[u], target.watts, devices_at);
    } else {
      SetSegments(group, *allocation, devices_at);
      allocation->last_change = now;
      OrderGrant(step, *allocation, target.watts, transient);
    }
  }
}

}  // namespace switchyard::core
