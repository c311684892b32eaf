#include "scheduler/queueing/tenant_share.h"

namespace switchyard::queueing {
namespace {

// How far `used + wanted` is above `limit`; 0 where it fits, where there is no limit and where nothing is wanted.
int64_t Excess(int64_t used, int64_t wanted, int64_t limit) {
  if (wanted <= 0) return 0;
  const __int128 excess = static_cast<__int128>(used) + wanted - limit;
  return excess > 0 ? static_cast<int64_t>(excess) : 0;
}

}  // namespace

std::optional<QuotaShortfall> QuotaExcess(const TenantShare& share, Power watts, int64_t gpu_milli,
                                          Borrowing borrowing) {
  if (share.quota > Power(0)) {
    const Power limit = borrowing == Borrowing::kAllowed ? share.quota + share.borrow : share.quota;
    const int64_t excess = Excess(share.used.count(), watts.count(), limit.count());
    if (excess > 0) return QuotaShortfall{QuotaShortfall::Kind::kWatts, excess, watts > share.quota + share.borrow};
  }
  if (share.quota_gpu_milli > 0) {
    const int64_t excess = Excess(share.used_gpu_milli, gpu_milli, share.quota_gpu_milli);
    if (excess > 0) return QuotaShortfall{QuotaShortfall::Kind::kGpus, excess, gpu_milli > share.quota_gpu_milli};
  }
  return std::nullopt;
}

}  // namespace switchyard::queueing
