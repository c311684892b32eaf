#include "agent/reconcile/held_set.h"

#include <utility>

#include "common/faults/mutation.h"
#include "common/set_hash.h"
#include "fmt/format.h"

namespace switchyard::agent::reconcile {
namespace {

uint64_t HashOf(const std::map<uint64_t, v1::DesiredAllocation>& allocations) {
  SetHash hash;
  for (const auto& [id, order] : allocations) hash.Add(id, order.epoch(), order.phase(), order.grant_mw());
  return hash.Finish();
}

}  // namespace

uint64_t HeldSet::hash() const { return HashOf(allocations_); }

absl::Status HeldSet::Receive(const v1::DesiredSet& set, uint64_t stretch) {
  const bool full = set.base_revision() == 0;
  const bool any_base = SWITCHYARD_MUTATION(ignores_base_revision);
  if (set.revision() < revision_ && !SWITCHYARD_MUTATION(ignores_set_revision)) return absl::OkStatus();
  if (!full && (!has_base_ || set.base_revision() != revision_) && !any_base) {
    // A difference that was applied already comes a second time.
    if (has_base_ && set.revision() == revision_) return absl::OkStatus();
    const uint64_t held = has_base_ ? revision_ : 0;
    ForgetBase();
    return absl::FailedPreconditionError(
        fmt::format("set {}: is a difference to {}, {} is held; the full set is needed", set.revision(),
                    set.base_revision(), held));
  }
  std::map<uint64_t, v1::DesiredAllocation> next;
  if (!full) next = allocations_;
  for (const uint64_t id : set.removed()) {
    if (!SWITCHYARD_MUTATION(ignores_removed)) next.erase(id);
  }
  for (const v1::DesiredAllocation& order : set.upserts()) next[order.allocation()] = order;
  if (HashOf(next) != set.set_hash() && !any_base) {  // the hash is the second guard of the base
    ForgetBase();
    return absl::FailedPreconditionError(
        fmt::format("set {}: its hash differs from the sender's; the full set is needed", set.revision()));
  }
  allocations_ = std::move(next);
  revision_ = set.revision();
  has_base_ = true;
  stretch_ = stretch;
  return absl::OkStatus();
}

}  // namespace switchyard::agent::reconcile
