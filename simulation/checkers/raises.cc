#include "simulation/checkers/raises.h"

#include <algorithm>

#include "fmt/format.h"

namespace switchyard::simulation {
namespace {

// Claims kept of an allocation: a witness may make the core wait for longer than a few reports.
constexpr size_t kClaimsKept = 24;
constexpr size_t kOrdersKept = 64;
constexpr int64_t kRowsEvery = 256;

}  // namespace

Power Raises::ChargedOf(const core::State& state, GroupKey key) {
  const core::Node& node = state.nodes[key.first];
  Power sum = key.second < 0 ? node.platform_charged : node.groups[static_cast<size_t>(key.second)].charged;
  for (const uint64_t id : node.allocations) {
    const core::Allocation& allocation = state.allocations.at(id);
    if (allocation.group == key.second) sum += allocation.charged;
  }
  for (auto it = state.orphans.lower_bound({key.first, 0}); it != state.orphans.end() && it->first.first == key.first;
       ++it) {
    if (it->second.group == key.second) sum += it->second.charged;
  }
  return sum;
}

void Raises::Adopt(const core::State& state, Leading* leading) {
  leading->tracks.clear();
  leading->charged.clear();
  for (const auto& [id, allocation] : state.allocations) {
    Track& track = leading->tracks[id];
    track.bound = allocation.bound.value();
    for (const power::OrderedGrant& order : allocation.bound.grants())
      track.orders.emplace_back(order.revision, order.grant);
    track.claims.push_back({allocation.bound.confirmed_revision(), allocation.bound.confirmed()});
  }
  for (uint32_t n = 0; n < state.nodes.size(); ++n) {
    for (int g = -1; g < static_cast<int>(state.nodes[n].groups.size()); ++g)
      leading->charged[{n, g}] = ChargedOf(state, {n, g});
  }
  leading->sums.resize(state.ledger.budgets());
  for (uint32_t b = 0; b < state.ledger.budgets(); ++b) leading->sums[b] = state.ledger.Charged(b);
}

void Raises::OnStart(MonoTime, Leader leader, const core::State& state) {
  newest_ = std::max(newest_, leader);
  if (emptied_) held_.Clear();
  emptied_ = false;
  Adopt(state, &leaders_[leader]);
}

void Raises::OnFault(MonoTime, const Deed& deed) { emptied_ |= deed.fault == FaultKind::kEmptyStore; }

void Raises::NoteClaims(const std::vector<store::v1::Command>& commands, const core::State& state, Leading* leading) {
  for (const store::v1::Command& command : commands) {
    if (!command.has_report() || command.report().report().scanning()) continue;
    std::set<uint64_t> named;
    for (const v1::AllocationReport& report : command.report().report().allocations()) {
      named.insert(report.allocation());
      const auto found = leading->tracks.find(report.allocation());
      if (found == leading->tracks.end()) continue;
      Track& track = found->second;
      track.ended |= report.phase() == v1::TASK_ENDED;
      if (report.confirmed_mw() < 0) continue;
      const Claim claim = {report.revision(), Milliwatts(report.confirmed_mw())};
      if (!track.claims.empty() && track.claims.back().revision == claim.revision &&
          track.claims.back().watts == claim.watts)
        continue;
      if (track.claims.size() >= kClaimsKept) track.claims.erase(track.claims.begin());
      track.claims.push_back(claim);
    }
    // A report is complete: what it does not name does not exist.
    const auto node = state.node_index.find(command.report().node());
    if (node == state.node_index.end()) continue;
    for (const uint64_t id : state.nodes[node->second].allocations) {
      const auto track = leading->tracks.find(id);
      if (track != leading->tracks.end() && !named.contains(id)) track->second.ended = true;
    }
  }
}

void Raises::Decided(MonoTime now, Leader leader, const core::Stamp& stamp,
                     const std::vector<store::v1::Command>& commands, const core::Effects& effects,
                     const core::State& state) {
  Leading& leading = leaders_[leader];
  const BatchKinds kinds = KindsOf(commands);
  if (kinds.configuration || leading.sums.size() != state.ledger.budgets()) {
    Adopt(state, &leading);
    return;
  }
  NoteClaims(commands, state, &leading);
  std::map<GroupKey, uint64_t> touched;
  for (const core::Row& row : effects.rows) {
    const uint64_t id = AllocationOf(row);
    if (id == 0) continue;
    const auto found = state.allocations.find(id);
    if (found == state.allocations.end()) {
      leading.tracks.erase(id);
      continue;
    }
    const core::Allocation& allocation = found->second;
    touched[{allocation.node, allocation.group}] = id;
    const auto [track, made] = leading.tracks.try_emplace(id);
    const std::vector<power::OrderedGrant>& grants = allocation.bound.grants();
    if (!grants.empty() && grants.back().revision == stamp.sequence) {
      track->second.orders.emplace_back(stamp.sequence, grants.back().grant);
      if (track->second.orders.size() > kOrdersKept) track->second.orders.erase(track->second.orders.begin());
    }
    if (!made && allocation.bound.value() < track->second.bound) CheckBound(now, state, allocation, &track->second);
    track->second.bound = allocation.bound.value();
  }
  // Sums first: what was released with this batch is held against its own raises.
  for (uint32_t b = 0; b < state.ledger.budgets(); ++b) {
    // What a meter saw beyond the charges comes and goes with its overhead.
    const Power sum = state.ledger.Charged(b);
    if (sum < leading.sums[b] && leader == newest_ && b < draws_->reach().budgets().size())
      held_.Note(now, b, draws_->reach().budgets()[b], leading.sums[b], sum);
    leading.sums[b] = sum;
  }
  std::set<uint32_t> news;
  for (const store::v1::Command& command : commands) {
    const auto node = state.node_index.find(NodeOf(command));
    if (node != state.node_index.end()) news.insert(node->second);
  }
  for (const auto& [key, id] : touched) {
    const Power charged = ChargedOf(state, key);
    Power& before = leading.charged[key];
    // What a node says of itself may raise what it counts: that is evidence, not a raise.
    if (charged > before && !news.contains(key.first) && !kinds.operators)
      CheckRaise(now, state, key, id, charged - before);
    before = charged;
  }
  for (const uint32_t n : news) {
    for (int g = -1; g < static_cast<int>(state.nodes[n].groups.size()); ++g)
      leading.charged[{n, g}] = ChargedOf(state, {n, g});
  }
  if (++leading.batches % kRowsEvery == 0) CheckRows(now, state, leading);
}

void Raises::CheckBound(MonoTime now, const core::State& state, const core::Allocation& allocation, Track* track) {
  const Power bound = allocation.bound.value();
  // The lowest that anything said by its node allows: w, the grant that was in force at r, and every grant since.
  Power allowed = track->bound;
  for (const Claim& claim : track->claims) {
    Power lowest = claim.watts;
    Power in_force;
    for (const auto& [revision, grant] : track->orders) {
      if (revision <= claim.revision)
        in_force = grant;
      else
        lowest = std::max(lowest, grant);
    }
    allowed = std::min(allowed, std::max(lowest, in_force));
  }
  if (bound >= allowed || track->ended) return;
  const core::Node& node = state.nodes[allocation.node];
  if (node.lost) return;
  // Its supervisor has ended it: the lease was over for as long as its job allows.
  const auto job = state.jobs.find(allocation.job);
  const bool fenced = job != state.jobs.end() && (!job->second.row.job().spec().has_fence_after_ms()
                                                      ? allocation.kind == v1::INFERENCE
                                                      : job->second.row.job().spec().fence_after_ms() > 0);
  if (fenced && allocation.exited && node.session == 0) return;
  if (node.expired && allocation.kind == v1::HASHING && allocation.group >= 0) {
    const core::Group& group = node.groups[static_cast<size_t>(allocation.group)];
    const bool counts = group.enforcer == v1::ENFORCER_DEVICE || group.enforcer == v1::ENFORCER_SUPERVISOR;
    const Power floor = Milliwatts(group.model.idle_mw()) * static_cast<int64_t>(allocation.devices.size());
    if (counts && bound >= floor) return;
    Fail(now,
         fmt::format("allocation {} of \"{}\" falls from {} to {} by the expiry of a lease that {} enforces",
                     allocation.id, node.id, InWatts(track->bound), InWatts(bound), v1::Enforcer_Name(group.enforcer)));
    return;
  }
  Fail(now,
       fmt::format(
           "allocation {} of \"{}\" falls from {} to {}; what its node has said and what it was granted since allow {}",
           allocation.id, node.id, InWatts(track->bound), InWatts(bound), InWatts(allowed)));
}

void Raises::CheckRaise(MonoTime now, const core::State& state, GroupKey key, uint64_t id, Power rise) {
  const core::Node& node = state.nodes[key.first];
  const uint32_t chain = key.second < 0 ? node.platform_chain : node.groups[static_cast<size_t>(key.second)].chain;
  for (const power::Edge& edge : state.ledger.chain(chain)) {
    const Power cap = state.ledger.limit(edge.budget).cap;
    const Power held = held_.Held(now, edge.budget);
    const Power sum = state.ledger.Sum(edge.budget) + held;
    if (edge.coefficient.count() == 0 || sum <= cap) continue;
    Fail(now, fmt::format("\"{}\" (allocation {}) rises by {} mW, and budget \"{}\" counts {} of {}, {} of it released "
                          "overhead (its own account: {})",
                          node.id, id, rise.count(), state.budgets[edge.budget].id, InWatts(sum), InWatts(cap),
                          InWatts(held), InWatts(state.ledger.HeldOverhead(edge.budget))));
    return;
  }
}

// A bound that fell in memory and not in a row would be forgotten by the next leader, after somebody used the watts.
void Raises::CheckRows(MonoTime now, const core::State& state, const Leading& leading) {
  for (const auto& [id, allocation] : state.allocations) {
    const auto track = leading.tracks.find(id);
    if (track == leading.tracks.end() || allocation.bound.value() == track->second.bound) continue;
    Fail(now, fmt::format("allocation {} has a bound of {}, its newest row {}", id, InWatts(allocation.bound.value()),
                          InWatts(track->second.bound)));
    return;
  }
}

}  // namespace switchyard::simulation
