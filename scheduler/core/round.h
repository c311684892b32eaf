// One scheduling round, as numbered steps. Policy proposes, the ledger disposes.
#ifndef SWITCHYARD_SCHEDULER_CORE_ROUND_H_
#define SWITCHYARD_SCHEDULER_CORE_ROUND_H_

#include <map>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "scheduler/core/state.h"
#include "scheduler/placement/node_view.h"
#include "scheduler/placement/place.h"
#include "scheduler/queueing/tenant_share.h"

namespace switchyard::core {

void RunRound(Step& step);

// Why nothing may rise under each budget now: overage, silent nodes, the start of a term, unknown load. Kept in the
// budgets.
void FindBlockedBudgets(Step& step);

// ---- shared with explain, so that its verdict is the decision ----

// Nodes as the placement sees them. With `preemptor`, devices of running jobs that it may preempt count as reclaimable.
std::vector<placement::NodeView> MakeViews(const State& state, MonoTime now, UtcTime utc, const Job* preemptor);
// The same into views that an earlier call made of the same nodes: only what may have changed is written.
void RefreshViews(const State& state, MonoTime now, UtcTime utc, const Job* preemptor,
                  std::vector<placement::NodeView>& views);

// Whether `job` may preempt `victim` now.
bool MayPreempt(const Job& job, const Job& victim, UtcTime utc);

// Whether the node of a placement has the cpu, memory and disk for it beside what lives there now, and beside these other
// members of its gang.
bool HasRoom(const State& state, const v1::JobSpec& spec, const placement::TaskPlacement& placement,
             std::span<const placement::TaskPlacement> beside = {});

// In the order of their ids.
std::vector<queueing::TenantShare> TenantShares(const State& state);

// What all tasks of a job would add to its tenant's use at most.
struct JobSize {
  Power watts;
  int64_t gpu_milli = 0;
};
JobSize SizeOf(const State& state, const v1::JobSpec& spec);

// A job's constraints that no node decides: dependencies, back-off, quota, an open plan. The first that binds.
// REQUIRES: shares in the order of TenantShares, size as by SizeOf.
std::optional<placement::Shortfall> JobShortfall(const State& state, const Job& job, MonoTime now,
                                                 const std::vector<queueing::TenantShare>& shares, const JobSize& size);

// What a job lacks while it backs off. REQUIRES: it does.
placement::Shortfall BackoffShortfall(const Job& job, MonoTime now);

// A shortfall in the API's words.
v1::PendingReason PendingReason(const placement::Shortfall& shortfall);

// What starting it would take. `needs` are over the ledger, by budget.
struct Proposal {
  std::vector<placement::TaskPlacement> placements;
  std::map<uint32_t, Power> needs;
  std::set<uint64_t> preempted;                   // jobs that make way
  bool immediate = false;                         // headroom and devices are there now
  std::optional<placement::Shortfall> shortfall;  // nothing else is set then
};
// `yieldable`: YieldableWatts now. `memo`: of the views, from one job to the next.
Proposal ProposeStart(const State& state, const Job& job, const std::vector<placement::TaskToPlace>& tasks,
                      std::vector<placement::NodeView>& views, const std::vector<Power>& yieldable, MonoTime now,
                      UtcTime utc, placement::RankMemo* memo = nullptr);

}  // namespace switchyard::core

#endif  // SWITCHYARD_SCHEDULER_CORE_ROUND_H_
