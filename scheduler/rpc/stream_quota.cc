#include "scheduler/rpc/stream_quota.h"

#include "fmt/format.h"
#include "scheduler/rpc/bounds/limits.h"

namespace switchyard::rpc {

absl::StatusOr<StreamQuota::Place> StreamQuota::Take(const std::string& principal) {
  {
    std::lock_guard lock(mutex_);
    if (open_ >= kStreamsMax) {
      return absl::ResourceExhaustedError(
          fmt::format("streams: {} are open, at most {} are allowed; close some or repeat later", open_, kStreamsMax));
    }
    int& own = by_principal_[principal];
    if (own >= kStreamsPerPrincipalMax) {
      return absl::ResourceExhaustedError(
          fmt::format("principal \"{}\": it has {} streams open, at most {} are allowed; close some", principal, own,
                      kStreamsPerPrincipalMax));
    }
    ++own;
    ++open_;
  }
  return Place(nullptr, [this, principal](void*) { Return(principal); });
}

void StreamQuota::Return(const std::string& principal) {
  std::lock_guard lock(mutex_);
  --open_;
  const auto own = by_principal_.find(principal);
  if (--own->second == 0) by_principal_.erase(own);
}

}  // namespace switchyard::rpc
