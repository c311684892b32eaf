// Yield plans (docs/protocol.md, "Plan"): watts and devices that hashing, or a lower priority, gives up for one start.
// Released watts are earmarked at once and stay in the ledger; no watt is in two plans; a plan that times out gives
// everything back.
//
// A plan has two halves. Until its devices are free it has no allocations. Then its tasks prepare, at idle +
// prepare_watts out of its earmarks, while it goes on collecting; when all are prepared and it is full, one command
// turns the earmarks into their grants and releases them.
#ifndef SWITCHYARD_SCHEDULER_CORE_PLANS_H_
#define SWITCHYARD_SCHEDULER_CORE_PLANS_H_

#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "scheduler/core/state.h"
#include "scheduler/placement/place.h"

namespace switchyard::core {

// Devices of which earlier members of the same gang take a share: node, group, device. They count idle once, not once a
// member.
using TakenDevices = std::set<std::tuple<uint32_t, int32_t, int32_t>>;
TakenDevices DevicesOf(const placement::TaskPlacement& placement);

// By how much a placement may raise the charge of each budget, rounding included: its grant less what its devices count
// idle.
std::map<uint32_t, Power> NeedOf(const State& state, const v1::JobSpec& spec, const placement::TaskPlacement& placement,
                                 const TakenDevices& taken);

// The same for what preparing takes.
std::map<uint32_t, Power> PrepareNeedOf(const State& state, const v1::JobSpec& spec,
                                        const placement::TaskPlacement& placement, const TakenDevices& taken);

// What open plans still wait for in each budget: promised, so nobody else's.
std::vector<Power> OpenNeeds(const State& state);

// Reserves `needs` in every budget in one command and orders the victims: allocations that hold the members' devices,
// and the jobs to preempt. Watts come from the fill, which from now on leaves them out.
void OpenPlan(Step& step, Job& job, const std::vector<placement::TaskPlacement>& placements,
              const std::map<uint32_t, Power>& needs, const std::set<uint64_t>& preempted_jobs);

// The tasks of a plan that prepare: all of them, or none yet. In the order of their ids.
std::vector<uint64_t> PreparingTasks(const State& state, const Plan& plan);
// How many of them their latest report says prepared.
int PreparedTasks(const State& state, const Plan& plan);

// Its latest report of this term says prepared (invariant G).
bool IsPrepared(const State& state, const Allocation& task);
// Earmarked in every budget what it needs there.
bool IsFull(const Plan& plan);

// What a preparing task is granted at its release, and what it may draw above that while it starts.
struct Release {
  Power grant, transient;
};
Release ReleaseOf(const State& state, const Plan& plan, const Allocation& task);

// What its tasks will be granted beyond what they are granted now: their tenant's quota counts it.
Power UngrantedWatts(const State& state, const Plan& plan);

// By how much the release of a plan's preparing tasks will raise the charge of each budget: what it must still have.
std::map<uint32_t, Power> ReleaseNeeds(const State& state, const Plan& plan);

// Tops up plans with headroom, oldest first; lets the tasks of those prepare whose devices are free, and releases those
// that are full and prepared.
void AdvancePlans(Step& step);
// What a plan still waits for; empty: nothing.
std::string MissingOf(const State& state, const Plan& plan, MonoTime now);

// Returns all earmarks. What prepares already is left to the caller.
void ClosePlan(Step& step, uint64_t id, const std::string& reason);

// Closes a plan and ends what prepares for it: an attempt that never began, and counts as no failure.
void AbandonPlan(Step& step, uint64_t id, const std::string& reason);

// A plan's deadline has come: it is abandoned, its job backs off and plans anew, elsewhere or wider.
void PlanTimer(Step& step, uint64_t id);

}  // namespace switchyard::core

#endif  // SWITCHYARD_SCHEDULER_CORE_PLANS_H_
