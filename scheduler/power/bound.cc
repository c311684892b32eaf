#include "scheduler/power/bound.h"

#include <algorithm>
#include <utility>

#include "common/check.h"

namespace switchyard::power {

Bound::Bound(Power inherited) : confirmed_(inherited) {}

Bound Bound::FromRow(uint64_t confirmed_revision, Power confirmed, std::vector<OrderedGrant> grants) {
  Bound bound(confirmed);
  bound.confirmed_revision_ = confirmed_revision;
  bound.grants_ = std::move(grants);
  return bound;
}

void Bound::Order(uint64_t revision, Power grant) {
  SWITCHYARD_CHECK(grants_.empty() || revision >= grants_.back().revision)
      << "order at revision " << revision << " after one at " << grants_.back().revision;
  // The grant of the confirmed revision was sent in an earlier batch; one of this batch was not sent yet and is
  // replaced.
  if (!grants_.empty() && grants_.back().revision == revision && revision > confirmed_revision_) {
    grants_.back().grant = grant;
    return;
  }
  grants_.push_back({revision, grant});
  if (grants_.size() > kOrdersKept) {
    grants_[1].grant = std::max(grants_[0].grant, grants_[1].grant);
    grants_.erase(grants_.begin());
  }
}

bool Bound::Confirm(uint64_t revision, Power watts) {
  if (revision < confirmed_revision_) return false;
  confirmed_revision_ = revision;
  confirmed_ = watts;
  // Keep the newest grant at or before the confirmed revision: the device may go up to it without another order.
  while (grants_.size() > 1 && grants_[1].revision <= revision) grants_.erase(grants_.begin());
  return true;
}

Power Bound::value() const {
  Power most = confirmed_;
  for (const OrderedGrant& order : grants_) most = std::max(most, order.grant);
  return most;
}

}  // namespace switchyard::power
