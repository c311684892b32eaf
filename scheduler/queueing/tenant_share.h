// A tenant's claim on the cluster: weight, quota, what it may borrow, and what it uses now.
#ifndef SWITCHYARD_SCHEDULER_QUEUEING_TENANT_SHARE_H_
#define SWITCHYARD_SCHEDULER_QUEUEING_TENANT_SHARE_H_

#include <cstdint>
#include <optional>

#include "common/ids.h"
#include "common/units.h"

namespace switchyard::queueing {

struct TenantShare {
  TenantId id;
  int64_t weight = 1;           // of the fair share; below 1 counts as 1
  Power quota;                  // firm watts; zero: no limit
  Power borrow;                 // how far over `quota` it may go while others do not need it
  int64_t quota_gpu_milli = 0;  // thousandths of a GPU; zero: no limit. Never borrowed
  Power used;                   // firm watts of its live allocations
  int64_t used_gpu_milli = 0;
};

// What stands in the way of a tenant's next job.
struct QuotaShortfall {
  enum class Kind { kWatts, kGpus };
  Kind kind = Kind::kWatts;
  int64_t amount = 0;  // milliwatts or thousandths of a GPU over the limit
  bool never = false;  // the job alone is larger than the limit: it does not help to wait
};

enum class Borrowing { kAllowed, kForbidden };

// How far a job of `watts` and `gpu_milli` would lead its tenant over its quota (plus what it may borrow, where
// allowed); nothing when it fits. Watts are looked at before GPUs. A job that adds none of a resource is not stopped by
// that resource, even when a lowered quota is exceeded already.
std::optional<QuotaShortfall> QuotaExcess(const TenantShare& share, Power watts, int64_t gpu_milli,
                                          Borrowing borrowing = Borrowing::kAllowed);

}  // namespace switchyard::queueing

#endif  // SWITCHYARD_SCHEDULER_QUEUEING_TENANT_SHARE_H_
