#include "simulation/checkers/hand_over.h"

#include <algorithm>

#include "fmt/format.h"

namespace switchyard::simulation {
namespace {

constexpr Duration kLookEvery = Seconds(5);
// Messages, commits and the agent's own steps, several times.
constexpr Duration kSlack = Seconds(15);
// After a fault its consequences run out: a lease, an expiry, sessions that come back, a member that is waited for.
constexpr Duration kAftermath = Minutes(4);

// Keeps in `since` exactly those of `present`, with the moment at which each was first seen.
void Keep(MonoTime now, const std::vector<uint64_t>& present, std::map<uint64_t, MonoTime>* since) {
  std::map<uint64_t, MonoTime> kept;
  for (const uint64_t id : present) {
    const auto found = since->find(id);
    kept[id] = found == since->end() ? now : found->second;
  }
  *since = std::move(kept);
}

}  // namespace

Duration HandOver::HandOverBound(const core::State& state) {
  Duration ramp, lag, grace;
  for (const core::Node& node : state.nodes) {
    for (const core::Group& group : node.groups) {
      ramp = std::max({ramp, Milliseconds(group.model.ramp_down_ms()), Milliseconds(group.model.ramp_up_ms())});
    }
  }
  for (const core::Budget& budget : state.budgets) lag = std::max(lag, budget.meter_lag);
  for (uint32_t b = 0; b < state.ledger.budgets(); ++b) lag = std::max(lag, state.ledger.limit(b).overhead_lag);
  for (const auto& [id, job] : state.jobs) grace = std::max(grace, Milliseconds(job.row.job().spec().grace_ms()));
  return Milliseconds(state.timing().confirm_timeout_ms()) + ramp + lag + grace;
}

void HandOver::OnStart(MonoTime, Leader leader, const core::State&) {
  if (leader < newest_) return;
  newest_ = leader;
  plans_.clear();
  preparing_.clear();
  stopping_.clear();
}

void HandOver::Decided(MonoTime now, Leader leader, const core::Stamp&, const std::vector<store::v1::Command>&,
                       const core::Effects&, const core::State& state) {
  if (leader != newest_ || now < looked_ + kLookEvery) return;
  looked_ = now;
  Look(now, state);
}

void HandOver::Look(MonoTime now, const core::State& state) {
  if (!calm_.For(now, kAftermath)) {
    plans_.clear();
    preparing_.clear();
    stopping_.clear();
    return;
  }
  std::vector<uint64_t> plans, preparing, stopping;
  for (const auto& [id, plan] : state.plans) plans.push_back(id);
  for (const auto& [id, job] : state.jobs) {
    if (job.row.job().state() == v1::PREPARING) preparing.push_back(id);
  }
  for (const auto& [id, allocation] : state.allocations) {
    if (allocation.phase == v1::STOP && !allocation.held) stopping.push_back(id);
  }
  Keep(now, plans, &plans_);
  Keep(now, preparing, &preparing_);
  Keep(now, stopping, &stopping_);
  if (plans.empty() && preparing.empty() && stopping.empty()) return;
  const Duration hand_over = HandOverBound(state);
  const Duration prepare = Milliseconds(state.timing().prepare_timeout_ms());
  const auto check = [&](const std::map<uint64_t, MonoTime>& since, Duration most, const char* what) {
    for (const auto& [id, from] : since) {
      if (now - from <= most) continue;
      Fail(now, fmt::format("{} {} has waited for {} ms without a fault, allowed are {} ms", what, id,
                            (now - from).count(), most.count()));
    }
  };
  check(plans_, hand_over + prepare + kSlack, "plan");
  check(preparing_, hand_over + prepare + prepare + kSlack, "preparing job");
  check(stopping_, hand_over + kSlack, "stopping allocation");
}

void HandOver::OnFault(MonoTime now, const Deed& deed) { calm_.Note(now, deed); }

void HandOver::OnEnd(MonoTime now, const core::State& state, bool quiet) {
  if (!quiet) return;
  for (const core::Node& node : state.nodes) {
    const Duration age = node.renewed.has_value() ? now - *node.renewed : Duration();
    if (node.session == 0 || node.lowerings.empty() || age < state.lease()) continue;
    Fail(now, fmt::format("\"{}\" still has {} lowering(s) to acknowledge at the end of a quiet stretch", node.id,
                          node.lowerings.size()));
  }
}

}  // namespace switchyard::simulation
