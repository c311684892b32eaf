#include "scheduler/queueing/order.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <set>
#include <span>

#include "common/check.h"

namespace switchyard::queueing {
namespace {

// A tenant while the jobs of one priority are being taken: its claim as it grows, and its jobs still to be taken.
struct Lane {
  TenantShare* share = nullptr;
  std::span<const PendingJob> jobs;  // by queued time, then id
  bool borrows = false;              // its next job would leave its quota

  const PendingJob& head() const { return jobs.front(); }
};

int64_t Weight(const TenantShare& share) { return std::max<int64_t>(share.weight, 1); }

// Which lane's head is taken first. A lane changes only while it is out of the set that this orders.
struct HeadBefore {
  bool operator()(const Lane& a, const Lane& b) const {
    if (a.borrows != b.borrows) return !a.borrows;
    // used / weight, compared as fractions.
    const __int128 used_a = static_cast<__int128>(a.share->used.count()) * Weight(*b.share);
    const __int128 used_b = static_cast<__int128>(b.share->used.count()) * Weight(*a.share);
    if (used_a != used_b) return used_a < used_b;
    if (a.head().queued != b.head().queued) return a.head().queued < b.head().queued;
    return a.head().id < b.head().id;
  }
};

bool Borrows(const TenantShare& share, const PendingJob& job) {
  return QuotaExcess(share, job.watts, job.gpu_milli, Borrowing::kForbidden).has_value();
}

// Charges the lane's head to its tenant and moves to the next one.
void TakeHead(Lane& lane) {
  lane.share->used += std::max(lane.head().watts, Watts(1));
  lane.share->used_gpu_milli += lane.head().gpu_milli;
  lane.jobs = lane.jobs.subspan(1);
  if (!lane.jobs.empty()) lane.borrows = Borrows(*lane.share, lane.head());
}

// Appends the jobs of one priority, sorted by tenant, queued time and id, in fair order.
void TakeFairly(std::span<const PendingJob> jobs, std::map<TenantId, TenantShare>& shares, std::vector<JobId>& order) {
  std::set<Lane, HeadBefore> lanes;
  while (!jobs.empty()) {
    const TenantId& tenant = jobs.front().tenant;
    const size_t count =
        std::find_if(jobs.begin(), jobs.end(), [&](const PendingJob& job) { return job.tenant != tenant; }) -
        jobs.begin();
    TenantShare& share = shares.at(tenant);
    lanes.insert(Lane{&share, jobs.first(count), Borrows(share, jobs.front())});
    jobs = jobs.subspan(count);
  }
  while (!lanes.empty()) {
    Lane lane = lanes.extract(lanes.begin()).value();
    order.push_back(lane.head().id);
    TakeHead(lane);
    if (!lane.jobs.empty()) lanes.insert(lane);
  }
}

}  // namespace

std::vector<JobId> Order(const std::vector<TenantShare>& tenants, std::vector<PendingJob> jobs) {
  std::map<TenantId, TenantShare> shares;
  for (const TenantShare& tenant : tenants) {
    SWITCHYARD_CHECK(shares.emplace(tenant.id, tenant).second) << "tenant " << tenant.id << " has two shares";
  }
  for (const PendingJob& job : jobs) shares.try_emplace(job.tenant).first->second.id = job.tenant;

  std::sort(jobs.begin(), jobs.end(), [](const PendingJob& a, const PendingJob& b) {
    if (a.priority != b.priority) return a.priority > b.priority;
    if (a.tenant != b.tenant) return a.tenant < b.tenant;
    if (a.queued != b.queued) return a.queued < b.queued;
    return a.id < b.id;
  });
  std::vector<JobId> order;
  order.reserve(jobs.size());
  std::span<const PendingJob> rest(jobs);
  while (!rest.empty()) {
    const int32_t priority = rest.front().priority;
    const size_t count =
        std::find_if(rest.begin(), rest.end(), [&](const PendingJob& job) { return job.priority != priority; }) -
        rest.begin();
    TakeFairly(rest.first(count), shares, order);
    rest = rest.subspan(count);
  }
  return order;
}

}  // namespace switchyard::queueing
