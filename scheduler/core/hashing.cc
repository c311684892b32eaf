#include "scheduler/core/hashing.h"

#include <algorithm>

#include "common/faults/mutation.h"
#include "scheduler/core/charges.h"
#include "scheduler/core/hashing_division.h"
#include "scheduler/core/hashing_lacks.h"
#include "scheduler/core/jobs.h"
#include "scheduler/core/ramp.h"
#include "scheduler/core/sessions.h"
#include "scheduler/economics/prices.h"
#include "scheduler/economics/value.h"
#include "scheduler/power/fill.h"

namespace switchyard::core {
namespace {

// Device counts by operating point of the model out of counts by hull step.
std::vector<int32_t> ByPoint(const Group& group, const HashingOffer& offer, const power::FillTarget& target) {
  std::vector<int32_t> devices_at(static_cast<size_t>(group.model.operating_points_size()), 0);
  for (size_t s = 0; s < target.devices_at.size(); ++s)
    devices_at[static_cast<size_t>((*offer.hull)[s].point)] += target.devices_at[s];
  return devices_at;
}

// The best mix of one unit within `limit` watts.
power::FillTarget Within(const HashingOffer& offer, Power limit) {
  power::FillUnit unit = offer.fill;
  unit.chain = 0;
  return power::Fill({unit}, {power::Chain{{0, kOne}}}, {limit}).front();
}

bool Blocked(const State& state, uint32_t chain) {
  const power::Chain& edges = state.ledger.chain(chain);
  return std::any_of(edges.begin(), edges.end(),
                     [&](const power::Edge& edge) { return !state.budgets[edge.budget].blocked_by.empty(); });
}

uint64_t StartHashing(Step& step, const HashingUnit& unit, Power watts, const std::vector<int32_t>& devices_at) {
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
  allocation.fallback = Milliwatts(state.nodes[unit.node].groups[unit.group].model.fallback_mw());
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
  return placed.id;
}

}  // namespace

Power OffWatts(const Node& node, const Allocation& allocation) {
  if (allocation.group < 0) return Power();
  return Milliwatts(node.groups[allocation.group].model.idle_mw()) * static_cast<int64_t>(allocation.devices.size());
}

bool ExpiryReleases(const Node& node) {
  return std::all_of(node.groups.begin(), node.groups.end(), [](const Group& group) {
    return !CanHash(group.model) || group.enforcer == v1::ENFORCER_DEVICE || group.enforcer == v1::ENFORCER_SUPERVISOR;
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
  HashingDivision division = DivideHashing(state, now, step.stamp.utc, &state.fill_memo);
  std::vector<HashingUnit>& units = division.units;
  const std::vector<HashingOffer>& offers = division.offers;
  const std::vector<power::FillTarget>& targets = division.targets;
  const Duration dwell = Milliseconds(state.timing().dwell_ms());
  // All lowerings of a round come before its raises: watts that are ordered down here are not free for anybody yet.
  for (size_t u = 0; u < units.size(); ++u) {
    if (units[u].allocation == 0) continue;
    Allocation& allocation = state.allocations.at(units[u].allocation);
    const Group& group = state.nodes[units[u].node].groups[units[u].group];
    if (targets[u].watts >= allocation.bound.grant()) continue;
    if (SWITCHYARD_MUTATION(dwell_delays_shed) && allocation.last_change + dwell > now) {
      step.RoundAt(allocation.last_change + dwell);
      continue;
    }
    SetSegments(group, allocation, ByPoint(group, offers[u], targets[u]));
    allocation.last_change = now;
    OrderGrant(step, allocation, targets[u].watts);
  }
  for (size_t u = 0; u < units.size(); ++u) {
    const Node& node = state.nodes[units[u].node];
    const Group& group = node.groups[units[u].group];
    Allocation* allocation = units[u].allocation == 0 ? nullptr : &state.allocations.at(units[u].allocation);
    const Power grant = allocation == nullptr ? Power() : allocation->bound.grant();
    if (targets[u].watts <= grant || targets[u].watts <= offers[u].fill.off_watts * offers[u].fill.devices)
      continue;
    if (!MayRise(state, units[u], now) || Blocked(state, group.chain)) continue;
    if (allocation != nullptr && allocation->last_change + dwell > now) {
      step.RoundAt(allocation->last_change + dwell);
      continue;
    }
    const Power counted = allocation != nullptr ? allocation->charged : IdleWatts(node, group, static_cast<size_t>(units[u].count));
    const Power transient =
        Milliwatts(std::max<int64_t>(0, group.model.transient_mw() - group.model.max_mw())) * offers[u].fill.devices;
    const Power most = HashingCeiling(state, group.chain, counted);
    // What its devices count already stays, however low the target is, until they are confirmed: the start comes on top of it.
    const Power present = allocation != nullptr ? counted - allocation->transient : counted;
    if (present + transient > most) continue;
    Power ceiling = most - transient;
    if (SWITCHYARD_MUTATION(raise_relies_on_unconfirmed_lowering)) ceiling = Power::Max();
    power::FillTarget target = targets[u];
    // What it hashes with already, or what it draws when off: from there it rises.
    const Power from = std::max(grant, offers[u].fill.off_watts * offers[u].fill.devices);
    const Power ramp = RampRoom(state, group.chain, now);
    const bool ramps = ramp < target.watts - from;
    if (ramps) AwaitRamp(step, group.chain);
    if (ramps || target.watts > ceiling) target = Within(offers[u], ramps ? std::min(ceiling, from + ramp) : ceiling);
    if (target.watts <= grant || target.watts <= offers[u].fill.off_watts * offers[u].fill.devices) continue;
    const std::vector<int32_t> devices_at = ByPoint(group, offers[u], target);
    SpendRamp(step, group.chain, target.watts - from);
    if (allocation == nullptr) {
      units[u].allocation = StartHashing(step, units[u], target.watts, devices_at);
    } else {
      SetSegments(group, *allocation, devices_at);
      allocation->last_change = now;
      OrderGrant(step, *allocation, target.watts, transient);
    }
  }
  NoteHashingLacks(step, division);
}

}  // namespace switchyard::core
