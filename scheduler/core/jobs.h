// The life of a job: submitted, started, released, ended, tried again. One state diagram: docs/life_of_a_job.md.
#ifndef SWITCHYARD_SCHEDULER_CORE_JOBS_H_
#define SWITCHYARD_SCHEDULER_CORE_JOBS_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "scheduler/core/state.h"
#include "scheduler/placement/place.h"

namespace switchyard::core {

// ---- requests (requests.cc) ----
absl::StatusOr<v1::SubmitResponse> Submit(Step& step, const pb::Command& command);
absl::StatusOr<v1::CancelResponse> Cancel(Step& step, const pb::Command& command);
// Whether the principal may act for a tenant; PERMISSION_DENIED names it.
absl::Status MayActFor(const State& state, const pb::Command& command, const std::string& tenant);
bool IsOperator(const State& state, const pb::Command& command);
// Hash of what the placement looks at.
uint64_t ShapeOf(const v1::JobSpec& spec);
// Forgets finished jobs and old keys beyond the configured age; a job for which another one waits is kept.
void Prune(Step& step);

// ---- attempts (attempts.cc) ----
// Tasks of the job that want a place now: all of a gang, the missing replicas of a service.
std::vector<placement::TaskToPlace> TasksToPlace(const State& state, const Job& job);
// Whether the job is one whose tasks start and end together.
bool IsGang(const Job& job);
// Commits a placement: allocations in phase PREPARE. Without a plan (0) they have their full grant from now on; those
// of a plan have what preparing takes, and get the rest when the plan is full. REQUIRES: the ledger has the headroom,
// or the plan's earmarks have it.
void StartTasks(Step& step, Job& job, const std::vector<placement::TaskPlacement>& placements, uint64_t plan);
// Phase RUN for prepared tasks, durably with this batch: all of a gang (invariant G), or replicas of a service.
void ReleaseTasks(Step& step, Job& job, const std::vector<uint64_t>& members);
// The most that a placed task may draw, and what a gang's watts add to a budget's charge at most.
Power GrantFor(const State& state, const v1::JobSpec& spec, const placement::TaskPlacement& placement);
// The most that it may draw while it prepares: idle + prepare_watts of its devices, and never more than its grant.
Power PrepareGrantFor(const State& state, const v1::JobSpec& spec, const placement::TaskPlacement& placement);
// What its devices may draw above its grant while they start.
Power TransientFor(const State& state, const placement::TaskPlacement& placement);
// Ends the running attempt: every member is ordered to stop; when all have ended the job takes `then`. Without a grace
// the job's own counts.
void StopAttempt(Step& step, Job& job, v1::JobState then, const std::string& reason, std::optional<Duration> grace);
// Makes way for a higher priority, and counts it.
void Preempt(Step& step, Job& job, const std::string& reason);
void StopAllocation(Step& step, Allocation& allocation);

// ---- reports (task_reports.cc) ----
void TakeTaskReport(Step& step, Allocation& allocation, const v1::AllocationReport& report);
// Members of gangs that this node's report completed are released, durably with this batch.
void CheckGangs(Step& step, const Node& node);
// Confirmed ended: its devices and watts are free, its job moves on.
void EndAllocation(Step& step, Allocation& allocation, int32_t exit_code, const std::string& reason);
// Allocations that the machine does not have any more though it has applied the order that made them.
void EndMissing(Step& step, const Node& node, uint64_t applied_revision, const std::set<uint64_t>& present);
void RemoveAllocation(Step& step, uint64_t id);

// ---- timers ----
void ArmJob(Step& step, Job& job);
void JobTimer(Step& step, uint64_t id);
void AllocationTimer(Step& step, uint64_t id);
void ResumeJob(Step& step, Job& job);  // after a restart: timers begin anew

// Keeps the sets of waiting jobs in step with a job's state.
void UpdateWaiting(State& state, Job& job);
// The first job in its `after` that has not succeeded; 0: none.
uint64_t UnmetDependency(const State& state, const Job& job);
// The pending reason of a job that waits for another (round.cc).
v1::PendingReason DependencyReason(uint64_t job);
void SetState(Step& step, Job& job, v1::JobState to, const std::string& reason);
inline bool Terminal(v1::JobState state) {
  return state == v1::SUCCEEDED || state == v1::FAILED || state == v1::CANCELLED;
}

}  // namespace switchyard::core

#endif  // SWITCHYARD_SCHEDULER_CORE_JOBS_H_
