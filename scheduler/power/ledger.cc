#include "scheduler/power/ledger.h"

#include <algorithm>
#include <utility>

#include "common/check.h"
#include "common/faults/mutation.h"

namespace switchyard::power {

namespace {

// What a charge takes of one budget.
Power Share(Power charge, PartsPerMillion coefficient) {
  if (SWITCHYARD_MUTATION(watts_rounded_down))
    return Power(static_cast<int64_t>(static_cast<__int128>(charge.count()) * coefficient.count() / 1'000'000));
  return ScaleUp(charge, coefficient);
}

}  // namespace

Ledger::Ledger(std::vector<Limit> limits, std::vector<Chain> chains)
    : limits_(std::move(limits)),
      chains_(std::move(chains)),
      charged_(limits_.size()),
      unknown_(limits_.size()),
      earmarked_(limits_.size()),
      held_(limits_.size()) {}

void Ledger::Move(uint32_t chain, Power from, Power to, MonoTime now) {
  MoveBoth(chain, from, to, Power(), Power(), now);
}

void Ledger::MoveBoth(uint32_t chain, Power from_a, Power to_a, Power from_b, Power to_b, MonoTime now) {
  if (from_a == to_a && from_b == to_b) return;
  for (const Edge& edge : chains_[chain]) {
    const PartsPerMillion coefficient = edge.coefficient;
    const Power change =
        Share(to_a, coefficient) - Share(from_a, coefficient) + Share(to_b, coefficient) - Share(from_b, coefficient);
    charged_[edge.budget] += change;
    SWITCHYARD_CHECK(charged_[edge.budget] >= Power())
        << "budget " << edge.budget << " charged " << charged_[edge.budget];
    if (change < Power()) HoldOverhead(edge.budget, -change, now);
  }
}

// Of what the meter got back, overhead/(1 + overhead) is chillers and fans that run on for a while.
void Ledger::HoldOverhead(uint32_t budget, Power released, MonoTime now) {
  const Limit& limit = limits_[budget];
  if (limit.overhead.count() == 0 || limit.overhead_lag == Duration()) return;
  if (SWITCHYARD_MUTATION(overhead_freed_at_once)) return;
  const PartsPerMillion share(limit.overhead.count() * 1'000'000 / (1'000'000 + limit.overhead.count()) + 1);
  const Power amount = ScaleUp(released, share);
  const MonoTime until = now + limit.overhead_lag;
  held_[budget] += amount;
  if (!releases_.empty() && releases_.back().budget == budget && releases_.back().until == until) {
    releases_.back().amount += amount;
  } else {
    releases_.push_back({until, budget, amount});
  }
}

void Ledger::HoldOn(const Ledger& before, uint32_t from, uint32_t to) {
  for (const Held& held : before.releases_) {
    if (held.budget != from) continue;
    held_[to] += held.amount;
    releases_.push_back({held.until, to, held.amount});
  }
}

void Ledger::Earmark(uint32_t budget, Power change) {
  earmarked_[budget] += change;
  SWITCHYARD_CHECK(earmarked_[budget] >= Power()) << "budget " << budget << " earmarked " << earmarked_[budget];
}

bool Ledger::ReleaseOverhead(MonoTime now) {
  bool released = false;
  for (auto it = releases_.begin(); it != releases_.end();) {
    if (it->until > now) {
      ++it;
      continue;
    }
    held_[it->budget] -= it->amount;
    it = releases_.erase(it);
    released = true;
  }
  return released;
}

MonoTime Ledger::NextOverheadRelease() const {
  MonoTime next = MonoTime::Never();
  for (const Held& held : releases_) next = std::min(next, held.until);
  return next;
}

Power Ledger::Headroom(uint32_t budget) const {
  const Limit& limit = limits_[budget];
  const Power earmarked = SWITCHYARD_MUTATION(earmark_forgotten) ? Power() : earmarked_[budget];
  return limit.cap - limit.fault_reserve - Sum(budget) - earmarked - held_[budget];
}

bool Ledger::Fits(uint32_t chain, Power from, Power to) const {
  for (const Edge& edge : chains_[chain]) {
    const Power change = Share(to, edge.coefficient) - Share(from, edge.coefficient);
    if (change > Power() && change > Headroom(edge.budget)) return false;
  }
  return true;
}

}  // namespace switchyard::power
