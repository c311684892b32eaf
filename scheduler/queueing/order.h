// The order in which waiting jobs are offered to the placement.
//
// Promises: a total order that depends on nothing but its arguments; higher priority always first; O(n log n).
#ifndef SWITCHYARD_SCHEDULER_QUEUEING_ORDER_H_
#define SWITCHYARD_SCHEDULER_QUEUEING_ORDER_H_

#include <cstdint>
#include <vector>

#include "common/ids.h"
#include "common/units.h"
#include "scheduler/queueing/tenant_share.h"

namespace switchyard::queueing {

struct PendingJob {
  JobId id;
  TenantId tenant;
  int32_t priority = 0;   // higher first
  UtcTime queued;         // when it began to wait; kept over a requeue
  Power watts;            // firm watts that it would add
  int64_t gpu_milli = 0;  // thousandths of a GPU that it would add
};

// Of the waiting jobs: higher priority first. Within a priority, jobs that stay inside their tenant's quota before
// those that borrow; then the tenant with the least used watts per weight, counted anew after each job that is taken,
// so that equal weights alternate; then the longest wait; then the lower id. Jobs of one tenant and priority never
// overtake each other. A tenant without a share has weight 1, no quota and no use. A job counts at least one watt, so
// that no stream of tiny jobs keeps a tenant at the front for ever.
std::vector<JobId> Order(const std::vector<TenantShare>& tenants, std::vector<PendingJob> jobs);

}  // namespace switchyard::queueing

#endif  // SWITCHYARD_SCHEDULER_QUEUEING_ORDER_H_
