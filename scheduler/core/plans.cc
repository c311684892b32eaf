#include "scheduler/core/plans.h"

#include <algorithm>

#include "common/quantity_text.h"
#include "fmt/format.h"
#include "scheduler/core/charges.h"
#include "scheduler/core/jobs.h"
#include "scheduler/core/round.h"
#include "scheduler/core/rows.h"
#include "scheduler/core/sessions.h"

namespace switchyard::core {
namespace {

std::vector<placement::TaskPlacement> Placements(const State& state, const pb::PlanRow& row) {
  std::vector<placement::TaskPlacement> placements;
  for (const pb::PlanMember& member : row.members()) {
    placement::TaskPlacement placement;
    placement.group = member.group();
    placement.index = member.index();
    placement.node = state.node_index.at(member.node());
    placement.share_milli = member.share_milli();
    const std::vector<Group>& groups = state.nodes[placement.node].groups;
    for (size_t g = 0; g < groups.size(); ++g) {
      if (!member.device_group().empty() && groups[g].name == member.device_group())
        placement.device_group = static_cast<int32_t>(g);
    }
    placement.devices = Positions(member.devices());
    placements.push_back(std::move(placement));
  }
  return placements;
}

// Why a member cannot start where the plan put it; empty: it can.
std::string Obstacle(const State& state, const v1::JobSpec& spec, const placement::TaskPlacement& placement,
                     MonoTime now) {
  const Node& node = state.nodes[placement.node];
  if (!Available(state, node, now)) return fmt::format("node \"{}\" is not available", node.id);
  if (!HasRoom(state, spec, placement)) return fmt::format("node \"{}\" still runs what shall make way", node.id);
  if (placement.device_group >= 0) {
    const Group& group = node.groups[placement.device_group];
    for (const int32_t device : placement.devices) {
      if (group.used_milli[device] + placement.share_milli > 1000)
        return fmt::format("a device of node \"{}\" is still held", node.id);
      if (group.quarantined.contains(device)) return fmt::format("a device of node \"{}\" is in quarantine", node.id);
    }
  }
  const uint32_t chain = placement.device_group >= 0 ? node.groups[placement.device_group].chain : node.platform_chain;
  for (const power::Edge& edge : state.ledger.chain(chain)) {
    if (!state.budgets[edge.budget].blocked_by.empty())
      return fmt::format("nothing may rise under budget \"{}\"", state.budgets[edge.budget].id);
  }
  return "";
}

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

}  // namespace

std::map<uint32_t, Power> NeedOf(const State& state, const v1::JobSpec& spec,
                                 const placement::TaskPlacement& placement) {
  std::map<uint32_t, Power> needs;
  if (placement.device_group < 0) return needs;
  const Group& group = state.nodes[placement.node].groups[placement.device_group];
  // Devices that others share already count in the others' bounds; free ones count idle until they are taken.
  int64_t fresh = 0;
  for (const int32_t device : placement.devices) {
    if (group.used_milli[device] == 0 || group.model.operating_points_size() > 0) ++fresh;
  }
  const Power idle = group.model.power_cycle() == v1::SELF_IDLE ? Milliwatts(group.model.idle_mw()) * fresh : Power();
  const Power rise = std::max(Power(), GrantFor(state, spec, placement) + TransientFor(state, placement) - idle);
  if (rise == Power()) return needs;
  for (const power::Edge& edge : state.ledger.chain(group.chain)) {
    if (edge.coefficient.count() > 0)
      needs[edge.budget] += ScaleUp(rise, edge.coefficient) + Power(1);  // sums of rounded parts
  }
  return needs;
}

std::vector<Power> OpenNeeds(const State& state) {
  std::vector<Power> open(state.budgets.size());
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

void AdvancePlans(Step& step) {
  State& state = step.state;
  std::vector<uint64_t> ids;
  for (const auto& [id, plan] : state.plans) ids.push_back(id);
  for (const uint64_t id : ids) {
    Plan& plan = state.plans.at(id);
    bool full = true;
    for (pb::PlanBudget& need : *plan.row.mutable_budgets()) {
      const uint32_t budget = state.budget_index.at(need.budget());
      const Power missing = Milliwatts(need.needed_mw() - need.earmarked_mw());
      const Power take = std::min(missing, std::max(Power(), state.ledger.Headroom(budget)));
      if (take > Power()) {
        state.ledger.Earmark(budget, take);
        need.set_earmarked_mw(need.earmarked_mw() + take.count());
        step.changed_plans.insert(id);
      }
      full = full && take == missing;
    }
    if (!full) continue;
    const std::vector<placement::TaskPlacement> placements = Placements(state, plan.row);
    const v1::JobSpec& spec = state.jobs.at(plan.row.job()).row.job().spec();
    if (std::any_of(placements.begin(), placements.end(), [&](const placement::TaskPlacement& p) {
          return !Obstacle(state, spec, p, step.stamp.mono).empty();
        }))
      continue;
    Job& job = state.jobs.at(plan.row.job());
    ClosePlan(step, id, "full: its tasks prepare");
    job.row.set_plan_backoffs(0);
    StartTasks(step, job, placements, id);
  }
}

void PlanTimer(Step& step, uint64_t id) {
  const auto found = step.state.plans.find(id);
  if (found == step.state.plans.end()) return;
  if (found->second.deadline > step.stamp.mono) {
    step.WakeAt(found->second.deadline, TimerKind::kPlan, id);
    return;
  }
  Job& job = step.state.jobs.at(found->second.row.job());
  std::string missing;
  for (const pb::PlanBudget& need : found->second.row.budgets()) {
    if (need.needed_mw() > need.earmarked_mw()) {
      missing = fmt::format(": budget \"{}\" lacks {}", need.budget(),
                            FormatPower(Milliwatts(need.needed_mw() - need.earmarked_mw())));
    }
  }
  for (const placement::TaskPlacement& placement : Placements(step.state, found->second.row)) {
    if (missing.empty()) {
      const std::string why = Obstacle(step.state, job.row.job().spec(), placement, step.stamp.mono);
      if (!why.empty()) missing = ": " + why;
    }
  }
  job.row.set_plan_backoffs(job.row.plan_backoffs() + 1);
  int64_t backoff = step.state.timing().backoff_initial_ms();
  for (int i = 1; i < job.row.plan_backoffs() && backoff < step.state.timing().backoff_max_ms(); ++i) backoff *= 2;
  job.not_before = step.stamp.mono + Milliseconds(std::min(backoff, step.state.timing().backoff_max_ms()));
  step.changed_jobs.insert(job.row.job().id());
  ArmJob(step, job);
  ClosePlan(step, id, "timed out" + missing);
}

}  // namespace switchyard::core
