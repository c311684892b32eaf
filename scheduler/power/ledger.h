// The sums over which invariant W speaks: for every budget, base load + coefficient x bound over everything beneath it,
// beside what is earmarked for plans and what released overhead still holds. Integer milliwatts; each product is
// rounded up on its own, so that adding and removing the same charge leaves nothing behind.
//
// The ledger does not refuse a charge: what may already be drawn counts, above the cap or not. Whoever raises something
// asks Headroom first (invariant Y).
#ifndef SWITCHYARD_SCHEDULER_POWER_LEDGER_H_
#define SWITCHYARD_SCHEDULER_POWER_LEDGER_H_

#include <cstdint>
#include <deque>
#include <vector>

#include "common/units.h"

namespace switchyard::power {

struct Edge {
  uint32_t budget = 0;
  PartsPerMillion coefficient;

  bool operator==(const Edge&) const = default;
};
using Chain = std::vector<Edge>;  // at most 16 edges, each budget once

struct Limit {
  Power cap;
  Power base;                // base load and fixed overhead
  Power fault_reserve;       // headroom that no raise may use
  PartsPerMillion overhead;  // meter only: marginal overhead within its coefficients
  Duration overhead_lag;     // how long released overhead still counts
};

class Ledger {
 public:
  Ledger() = default;
  Ledger(std::vector<Limit> limits, std::vector<Chain> chains);

  // Exchanges one charge for another on a chain. `from` must be exactly what was charged before (zero at first).
  void Move(uint32_t chain, Power from, Power to, MonoTime now);

  // Exchanges two charges of one chain at once: watts that only change hands are no change of load, and release no
  // overhead.
  void MoveBoth(uint32_t chain, Power from_a, Power to_a, Power from_b, Power to_b, MonoTime now);

  // Load that a meter shows and nobody knows, counted in a budget beside the charges.
  void SetUnknown(uint32_t budget, Power watts) { unknown_[budget] = watts; }
  Power Unknown(uint32_t budget) const { return unknown_[budget]; }

  // Adds to (or, negative, takes from) what is earmarked in a budget for plans.
  void Earmark(uint32_t budget, Power change);

  // What `before` still holds of overhead released at its budget `from` is held at `to` here: chillers know of no reload.
  void HoldOn(const Ledger& before, uint32_t from, uint32_t to);

  // Lets released overhead go whose lag has passed; true if there was some.
  bool ReleaseOverhead(MonoTime now);
  MonoTime NextOverheadRelease() const;

  // What a raise may take: cap - reserve - base - charges - earmarks - held overhead. Negative: nothing may rise.
  Power Headroom(uint32_t budget) const;
  // base + charges + unknown load: what W compares with the cap.
  Power Sum(uint32_t budget) const { return limits_[budget].base + charged_[budget] + unknown_[budget]; }
  Power Charged(uint32_t budget) const { return charged_[budget]; }
  Power Earmarked(uint32_t budget) const { return earmarked_[budget]; }
  Power HeldOverhead(uint32_t budget) const { return held_[budget]; }
  bool Overage(uint32_t budget) const { return Sum(budget) > limits_[budget].cap; }
  // Whether the charge on a chain may go from `from` to `to` within the headroom of every budget that it touches.
  bool Fits(uint32_t chain, Power from, Power to) const;

  const Limit& limit(uint32_t budget) const { return limits_[budget]; }
  const Chain& chain(uint32_t index) const { return chains_[index]; }
  const std::vector<Chain>& all_chains() const { return chains_; }
  uint32_t budgets() const { return static_cast<uint32_t>(limits_.size()); }
  uint32_t chains() const { return static_cast<uint32_t>(chains_.size()); }

 private:
  struct Held {
    MonoTime until;
    uint32_t budget;
    Power amount;
  };

  void HoldOverhead(uint32_t budget, Power released, MonoTime now);

  std::vector<Limit> limits_;
  std::vector<Chain> chains_;
  std::vector<Power> charged_;    // Invariant: sum of ScaleUp(charge, coefficient) over all charges
  std::vector<Power> unknown_;    // measured above the ledger
  std::vector<Power> earmarked_;  // Invariant: sum over open plans
  std::vector<Power> held_;       // Invariant: sum over releases_
  std::deque<Held> releases_;     // in order of `until` for each lag; lags are few
};

}  // namespace switchyard::power

#endif  // SWITCHYARD_SCHEDULER_POWER_LEDGER_H_
