// The most that one allocation may still be drawing, for all the scheduler can know (docs/protocol.md, "Ledger"):
//
//   bound = max(grant in force at r, w_r, every grant ordered after r)
//
// where r is the last confirmed revision and w_r the watts confirmed for it. An order counts from the moment it is
// committed, whether or not it arrived; a confirmation of an older revision frees nothing that a newer order took.
#ifndef SWITCHYARD_SCHEDULER_POWER_BOUND_H_
#define SWITCHYARD_SCHEDULER_POWER_BOUND_H_

#include <cstdint>
#include <vector>

#include "common/units.h"

namespace switchyard::power {

struct OrderedGrant {
  uint64_t revision = 0;
  Power grant;
};

class Bound {
 public:
  // Orders kept apart before the oldest two are merged into the higher one: a merge can only raise a bound.
  static constexpr size_t kOrdersKept = 16;

  // Nothing ordered, but the devices may draw `inherited` already (their last setting, another allocation's leftover).
  explicit Bound(Power inherited = Power());
  static Bound FromRow(uint64_t confirmed_revision, Power confirmed, std::vector<OrderedGrant> grants);

  // Orders `grant` at `revision`. REQUIRES: revision >= that of every earlier order. Two orders in one revision: the
  // last one counts, for only the set as committed is ever sent.
  void Order(uint64_t revision, Power grant);

  // "At `revision` it draws at most `watts` from now on." Returns false, and changes nothing, for a revision older than
  // the one already confirmed. May raise the bound: evidence counts in both directions.
  bool Confirm(uint64_t revision, Power watts);

  Power value() const;
  Power grant() const { return grants_.empty() ? Power() : grants_.back().grant; }
  uint64_t confirmed_revision() const { return confirmed_revision_; }
  Power confirmed() const { return confirmed_; }
  // grants().front() is the one in force at confirmed_revision(), the others came later.
  const std::vector<OrderedGrant>& grants() const { return grants_; }

 private:
  uint64_t confirmed_revision_ = 0;
  Power confirmed_;
  std::vector<OrderedGrant> grants_;
};

}  // namespace switchyard::power

#endif  // SWITCHYARD_SCHEDULER_POWER_BOUND_H_
