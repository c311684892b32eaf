#include "scheduler/core/plans.h"

#include <algorithm>

#include "common/check.h"
#include "common/faults/mutation.h"
#include "fmt/format.h"
#include "scheduler/core/charges.h"
#include "scheduler/core/jobs.h"
#include "scheduler/core/rows.h"

namespace switchyard::core {
namespace {

Duration WorstRamp(const State& state, const Allocation& allocation) {
  if (allocation.group < 0) return Duration();
  return Milliseconds(state.nodes[allocation.node].groups[allocation.group].model.ramp_down_ms());
}

void AddVictim(Plan& plan, const Allocation& allocation) {
  pb::PlanVictim* victim = plan.row.add_victims();
  victim->set_allocation(allocation.id);
  victim->set_end(true);
  victim->set_from_mw(allocation.bound.grant().count());
}

// Hashing that holds a member's devices must have ended, not only be lowered.
void EndHashingOn(Step& step, Plan& plan, const std::vector<placement::TaskPlacement>& placements, Duration* ramp) {
  for (const placement::TaskPlacement& placement : placements) {
    if (placement.device_group < 0) continue;
    for (const uint64_t id : std::set<uint64_t>(step.state.nodes[placement.node].allocations)) {
      Allocation& allocation = step.state.allocations.at(id);
      if (allocation.kind != v1::HASHING || allocation.group != placement.device_group) continue;
      const bool holds = std::any_of(placement.devices.begin(), placement.devices.end(), [&](int32_t device) {
        return std::binary_search(allocation.devices.begin(), allocation.devices.end(), device);
      });
      if (!holds) continue;
      *ramp = std::max(*ramp, WorstRamp(step.state, allocation));
      AddVictim(plan, allocation);
      StopAllocation(step, allocation);
    }
  }
}

// By how much a placement may raise the charge of each budget when its devices are charged `watts`.
std::map<uint32_t, Power> NeedOfWatts(const State& state, const placement::TaskPlacement& placement,
                                      const TakenDevices& taken, Power watts) {
  std::map<uint32_t, Power> needs;
  if (placement.device_group < 0) return needs;
  const Group& group = state.nodes[placement.node].groups[placement.device_group];
  // Devices that others share already count in the others' bounds; free ones count idle until they are taken.
  int64_t fresh = 0;
  for (const int32_t device : placement.devices) {
    if (taken.contains({placement.node, placement.device_group, device})) continue;
    if (group.used_milli[device] == 0 || group.model.operating_points_size() > 0) ++fresh;
  }
  const Power idle = group.model.power_cycle() == v1::SELF_IDLE ? Milliwatts(group.model.idle_mw()) * fresh : Power();
  if (watts == Power()) return needs;
  const Power rise = std::max(Power(), watts - idle);
  for (const power::Edge& edge : state.ledger.chain(group.chain)) {
    // Devices that change hands make two rounded parts of one, so that a milliwatt may come on top, also where nothing
    // rises.
    if (edge.coefficient.count() > 0 && (rise > Power() || edge.coefficient.count() % kOne.count() != 0))
      needs[edge.budget] += ScaleUp(rise, edge.coefficient) + Power(1);
  }
  return needs;
}

}  // namespace

TakenDevices DevicesOf(const placement::TaskPlacement& placement) {
  TakenDevices devices;
  for (const int32_t device : placement.devices) devices.insert({placement.node, placement.device_group, device});
  return devices;
}

std::map<uint32_t, Power> NeedOf(const State& state, const v1::JobSpec& spec, const placement::TaskPlacement& placement,
                                 const TakenDevices& taken) {
  if (placement.device_group < 0) return {};
  return NeedOfWatts(state, placement, taken, GrantFor(state, spec, placement) + TransientFor(state, placement));
}

std::map<uint32_t, Power> PrepareNeedOf(const State& state, const v1::JobSpec& spec,
                                        const placement::TaskPlacement& placement, const TakenDevices& taken) {
  if (placement.device_group < 0) return {};
  return NeedOfWatts(state, placement, taken, PrepareGrantFor(state, spec, placement));
}

bool IsPrepared(const State& state, const Allocation& task) {
  return task.phase == v1::PREPARE && task.reported == v1::TASK_PREPARED && state.nodes[task.node].heard;
}

bool IsFull(const Plan& plan) {
  return std::all_of(plan.row.budgets().begin(), plan.row.budgets().end(),
                     [](const pb::PlanBudget& need) { return need.earmarked_mw() >= need.needed_mw(); });
}

Release ReleaseOf(const State& state, const Plan& plan, const Allocation& task) {
  for (const pb::PlanMember& member : plan.row.members()) {
    if (member.group() != task.task_group || member.index() != task.index) continue;
    placement::TaskPlacement placement;
    placement.node = task.node;
    placement.device_group = task.group;
    placement.devices = task.devices;
    return {.grant = Milliwatts(member.grant_mw()), .transient = TransientFor(state, placement)};
  }
  SWITCHYARD_CHECK(false) << "allocation " << task.id << " is of no member of plan " << plan.row.id();
  return {};
}

std::vector<uint64_t> PreparingTasks(const State& state, const Plan& plan) {
  std::vector<uint64_t> tasks;
  const auto members = state.job_allocations.find(plan.row.job());
  if (members == state.job_allocations.end()) return tasks;
  for (const uint64_t id : members->second) {
    if (state.allocations.at(id).plan == plan.row.id()) tasks.push_back(id);
  }
  return tasks;
}

int PreparedTasks(const State& state, const Plan& plan) {
  const std::vector<uint64_t> tasks = PreparingTasks(state, plan);
  return static_cast<int>(std::count_if(tasks.begin(), tasks.end(),
                                        [&](uint64_t id) { return IsPrepared(state, state.allocations.at(id)); }));
}

Power UngrantedWatts(const State& state, const Plan& plan) {
  Power watts;
  for (const pb::PlanMember& member : plan.row.members()) watts += Milliwatts(member.grant_mw());
  for (const uint64_t id : PreparingTasks(state, plan)) watts -= state.allocations.at(id).bound.grant();
  return watts;
}

std::map<uint32_t, Power> ReleaseNeeds(const State& state, const Plan& plan) {
  std::map<uint32_t, Power> needs;
  for (const uint64_t id : PreparingTasks(state, plan)) {
    const Allocation& task = state.allocations.at(id);
    if (task.group < 0) continue;
    const Node& node = state.nodes[task.node];
    const Release release = ReleaseOf(state, plan, task);
    const Power released = AllocationWattsAt(node, task, release.grant, release.transient);
    for (const power::Edge& edge : state.ledger.chain(node.groups[task.group].chain))
      needs[edge.budget] += ScaleUp(released, edge.coefficient) - ScaleUp(task.charged, edge.coefficient);
  }
  return needs;
}

std::vector<Power> OpenNeeds(const State& state) {
  std::vector<Power> open(state.budgets.size());
  if (SWITCHYARD_MUTATION(sheddable_promised_twice)) return open;
  for (const auto& [id, plan] : state.plans) {
    for (const pb::PlanBudget& need : plan.row.budgets()) {
      open[state.budget_index.at(need.budget())] += Milliwatts(need.needed_mw() - need.earmarked_mw());
    }
  }
  return open;
}

void OpenPlan(Step& step, Job& job, const std::vector<placement::TaskPlacement>& placements,
              const std::map<uint32_t, Power>& needs, const std::set<uint64_t>& preempted_jobs) {
  State& state = step.state;
  Plan plan;
  plan.row.set_id(step.NextPlan());
  plan.row.set_job(job.row.job().id());
  plan.row.set_attempt(job.row.job().attempt() + 1);
  plan.row.set_opened_utc_ms(step.stamp.utc.milliseconds());
  for (const placement::TaskPlacement& placement : placements) {
    pb::PlanMember* member = plan.row.add_members();
    const Node& node = state.nodes[placement.node];
    member->set_group(placement.group);
    member->set_index(placement.index);
    member->set_node(node.id);
    if (placement.device_group >= 0) member->set_device_group(node.groups[placement.device_group].name);
    SetRanges(placement.devices, member->mutable_devices());
    member->set_share_milli(placement.share_milli);
    member->set_grant_mw(GrantFor(state, job.row.job().spec(), placement).count());
  }
  for (const auto& [budget, watts] : needs) {
    pb::PlanBudget* need = plan.row.add_budgets();
    need->set_budget(state.budgets[budget].id);
    need->set_needed_mw(watts.count());
  }
  Duration ramp, grace;
  EndHashingOn(step, plan, placements, &ramp);
  for (const auto& [id, allocation] : state.allocations) {
    if (allocation.kind == v1::HASHING) ramp = std::max(ramp, WorstRamp(state, allocation));
  }
  for (const uint64_t id : preempted_jobs) {
    Job& victim = state.jobs.at(id);
    grace = std::max(grace, Milliseconds(victim.row.job().spec().grace_ms()));
    for (const uint64_t member : state.job_allocations[id]) AddVictim(plan, state.allocations.at(member));
    Preempt(step, victim,
            fmt::format("makes way for job {} of priority {}", job.row.job().id(), job.row.job().spec().priority()));
  }
  plan.preempts = !preempted_jobs.empty();
  Duration lag;
  // A meter must have seen the drop, and the overhead that came with it must have been given back.
  for (const Budget& budget : state.budgets) lag = std::max(lag, budget.meter_lag);
  for (const auto& [budget, watts] : needs) {
    const power::Limit& limit = state.ledger.limit(budget);
    if (limit.overhead.count() > 0) lag = std::max(lag, limit.overhead_lag);
  }
  plan.deadline = step.stamp.mono + Milliseconds(state.timing().confirm_timeout_ms()) + ramp + lag + grace;
  step.WakeAt(plan.deadline, TimerKind::kPlan, plan.row.id());
  step.changed_plans.insert(plan.row.id());
  step.Event("PlanOpened", std::to_string(job.row.job().id()),
             fmt::format("plan {}: {} task(s), {} budget(s), {} allocation(s) end", plan.row.id(),
                         plan.row.members_size(), plan.row.budgets_size(), plan.row.victims_size()));
  state.plans.emplace(plan.row.id(), std::move(plan));
  state.round_needed = true;
}

void ClosePlan(Step& step, uint64_t id, const std::string& reason) {
  const auto found = step.state.plans.find(id);
  if (found == step.state.plans.end()) return;
  for (const pb::PlanBudget& need : found->second.row.budgets()) {
    step.state.ledger.Earmark(step.state.budget_index.at(need.budget()), -Milliwatts(need.earmarked_mw()));
  }
  if (!reason.empty())
    step.Event("PlanClosed", std::to_string(found->second.row.job()), fmt::format("plan {}: {}", id, reason));
  step.removed_plans.insert(id);
  step.changed_plans.erase(id);
  step.state.plans.erase(found);
  step.state.round_needed = true;
}

void AbandonPlan(Step& step, uint64_t id, const std::string& reason) {
  const auto found = step.state.plans.find(id);
  if (found == step.state.plans.end()) return;
  Job& job = step.state.jobs.at(found->second.row.job());
  const std::vector<uint64_t> tasks = PreparingTasks(step.state, found->second);
  ClosePlan(step, id, reason);
  if (tasks.empty()) return;
  if (IsGang(job)) {
    job.row.set_preempted(true);  // nothing is kept through its back-off
    StopAttempt(step, job, v1::PENDING, fmt::format("plan {}: {}", id, reason), std::nullopt);
    return;
  }
  for (const uint64_t task : tasks) StopAllocation(step, step.state.allocations.at(task));
}

void PlanTimer(Step& step, uint64_t id) {
  const auto found = step.state.plans.find(id);
  if (found == step.state.plans.end()) return;
  Plan& plan = found->second;
  // Its watts came in time: what its tasks need to prepare is another span.
  const size_t preparing = PreparingTasks(step.state, plan).size();
  if (IsFull(plan) && static_cast<size_t>(PreparedTasks(step.state, plan)) < preparing)
    plan.deadline = std::max(plan.deadline, plan.prepare_deadline);
  if (plan.deadline > step.stamp.mono) {
    step.WakeAt(plan.deadline, TimerKind::kPlan, id);
    return;
  }
  Job& job = step.state.jobs.at(plan.row.job());
  const std::string missing = MissingOf(step.state, plan, step.stamp.mono);
  job.row.set_plan_backoffs(job.row.plan_backoffs() + 1);
  int64_t backoff = step.state.timing().backoff_initial_ms();
  for (int i = 1; i < job.row.plan_backoffs() && backoff < step.state.timing().backoff_max_ms(); ++i) backoff *= 2;
  job.not_before = step.stamp.mono + Milliseconds(std::min(backoff, step.state.timing().backoff_max_ms()));
  step.changed_jobs.insert(job.row.job().id());
  ArmJob(step, job);
  AbandonPlan(step, id, missing.empty() ? "timed out" : "timed out: " + missing);
}

}  // namespace switchyard::core
