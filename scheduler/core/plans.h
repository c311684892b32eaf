// Yield plans (docs/protocol.md, "Plan"): watts and devices that hashing, or a lower priority, gives up for one start.
// Released watts are earmarked at once and stay in the ledger; no watt is in two plans; a plan that times out gives
// everything back.
#ifndef SWITCHYARD_SCHEDULER_CORE_PLANS_H_
#define SWITCHYARD_SCHEDULER_CORE_PLANS_H_

#include <map>
#include <set>
#include <string>
#include <vector>

#include "scheduler/core/state.h"
#include "scheduler/placement/place.h"

namespace switchyard::core {

// By how much a placement may raise the charge of each budget, rounding included: its grant less what its devices count
// idle.
std::map<uint32_t, Power> NeedOf(const State& state, const v1::JobSpec& spec,
                                 const placement::TaskPlacement& placement);

// What open plans still wait for in each budget: promised, so nobody else's.
std::vector<Power> OpenNeeds(const State& state);

// Reserves `needs` in every budget in one command and orders the victims: allocations that hold the members' devices,
// and the jobs to preempt. Watts come from the fill, which from now on leaves them out.
void OpenPlan(Step& step, Job& job, const std::vector<placement::TaskPlacement>& placements,
              const std::map<uint32_t, Power>& needs, const std::set<uint64_t>& preempted_jobs);

// Tops up plans with headroom, oldest first, and starts those that are full and whose devices are free.
void AdvancePlans(Step& step);

// Returns all earmarks.
void ClosePlan(Step& step, uint64_t id, const std::string& reason);

// A plan's deadline has come: it is closed, its job backs off and plans anew, elsewhere or wider.
void PlanTimer(Step& step, uint64_t id);

}  // namespace switchyard::core

#endif  // SWITCHYARD_SCHEDULER_CORE_PLANS_H_
