#include <algorithm>

#include "common/quantity_text.h"
#include "fmt/format.h"
#include "scheduler/core/hashing.h"
#include "scheduler/core/hashing_lacks.h"
#include "scheduler/core/jobs.h"
#include "scheduler/core/plans.h"
#include "scheduler/core/round.h"
#include "scheduler/core/rows.h"
#include "scheduler/core/views.h"
#include "scheduler/placement/constraint.h"
#include "scheduler/placement/demand.h"
#include "scheduler/placement/node_fit.h"

namespace switchyard::core {
namespace {

using placement::Constraint;

void AddVerdict(Constraint constraint, bool fits, int64_t shortfall, const std::string& text,
                v1::ExplainResponse* response) {
  v1::ConstraintVerdict* verdict = response->add_constraints();
  verdict->set_constraint(placement::Name(constraint));
  verdict->set_fits(fits);
  verdict->set_shortfall(shortfall);
  verdict->set_text(text);
}

void AddBudgets(const State& state, const std::map<uint32_t, Power>& needs, v1::ExplainResponse* response) {
  for (const auto& [budget, watts] : needs) {
    v1::BudgetUse* use = response->add_budgets();
    use->set_budget(state.budgets[budget].id);
    use->set_needed_mw(watts.count());
    use->set_headroom_mw(state.ledger.Headroom(budget).count());
    use->set_cap_mw(state.ledger.limit(budget).cap.count());
  }
}

// What an open plan still collects in each budget.
void AddPlanBudgets(const State& state, const Plan& plan, v1::ExplainResponse* response) {
  for (const pb::PlanBudget& need : plan.row.budgets()) {
    v1::BudgetUse* use = response->add_budgets();
    use->set_budget(need.budget());
    use->set_needed_mw(need.needed_mw());
    use->set_headroom_mw(need.earmarked_mw());
    use->set_cap_mw(state.ledger.limit(state.budget_index.at(need.budget())).cap.count());
  }
}

// Where its plans stand: what yields, what prepares, what is still to be freed.
void ExplainPlans(const State& state, const Job& job, const Stamp& stamp, v1::ExplainResponse* response) {
  for (const auto& [id, plan] : state.plans) {
    if (plan.row.job() != job.row.job().id()) continue;
    Power missing;
    std::string tightest;
    for (const pb::PlanBudget& need : plan.row.budgets()) {
      const Power left = Milliwatts(need.needed_mw() - need.earmarked_mw());
      if (left <= missing) continue;
      missing = left;
      tightest = need.budget();
    }
    std::string text = fmt::format("plan {}: {} allocation(s) end, hashing lowers", id, plan.row.victims_size());
    if (const size_t preparing = PreparingTasks(state, plan).size(); preparing > 0)
      text += fmt::format("; {} of {} task(s) prepared, at idle + prepare_watts until their release",
                          PreparedTasks(state, plan), preparing);
    text += missing > Power() ? fmt::format("; {} still to be freed in {}", FormatPower(missing), tightest)
                              : "; its watts are there";
    response->set_yield(response->yield().empty() ? text : response->yield() + "; " + text);
    response->set_expected_start_utc_ms((stamp.utc + std::max(Duration(), plan.deadline - stamp.mono)).milliseconds());
  }
}

// What prepares and has its watts still to come waits for its plan as if it were pending.
void BindToPlan(const State& state, const Job& job, v1::ExplainResponse* response) {
  for (const auto& [id, plan] : state.plans) {
    if (plan.row.job() != job.row.job().id() || job.row.job().state() != v1::PREPARING || IsFull(plan)) continue;
    Power missing;
    for (const pb::PlanBudget& need : plan.row.budgets())
      missing = std::max(missing, Milliwatts(need.needed_mw() - need.earmarked_mw()));
    *response->mutable_binding() = PendingReason({.constraint = Constraint::kYieldPending,
                                                  .amount = missing.count(),
                                                  .subject = fmt::format("plan {}", id),
                                                  .rejected_nodes = {}});
    AddVerdict(Constraint::kYieldPending, false, missing.count(), response->binding().text(), response);
    return;
  }
}

// What the job holds, and what hashing would earn with it.
void ExplainRunning(const State& state, const Job& job, const Stamp& stamp, v1::ExplainResponse* response) {
  std::map<uint32_t, Power> held;
  int64_t earnings = 0;
  Power bound;
  const auto members = state.job_allocations.find(job.row.job().id());
  if (members != state.job_allocations.end()) {
    for (const uint64_t id : members->second) {
      const Allocation& allocation = state.allocations.at(id);
      *response->add_tasks() = ToTask(state, allocation);
      bound += allocation.bound.value();
      earnings += allocation.kind == v1::HASHING ? HashingValue(state, allocation, stamp.utc) : 0;
      if (allocation.group < 0) continue;
      for (const power::Edge& edge : state.ledger.chain(state.nodes[allocation.node].groups[allocation.group].chain)) {
        held[edge.budget] += ScaleUp(allocation.charged, edge.coefficient);
      }
    }
  }
  ExplainPlans(state, job, stamp, response);
  BindToPlan(state, job, response);
  AddBudgets(state, held, response);
  response->set_earnings_micro_usd_per_hour(earnings);
  response->set_summary(
      fmt::format("{} with {} task(s), bound {}{}{}", v1::JobState_Name(job.row.job().state()), response->tasks_size(),
                  FormatPower(bound), response->yield().empty() ? "" : ", " + response->yield(),
                  earnings == 0 ? "" : fmt::format(", earning {} an hour net of energy", FormatUsd(Usd(earnings)))));
}

// When the first running jobs whose wall time is known make room: an upper bound, 0 when nobody's end is known.
UtcTime FirstKnownEnd(const State& state) {
  UtcTime first;
  for (const auto& [id, members] : state.job_allocations) {
    const v1::Job& other = state.jobs.at(id).row.job();
    if (members.empty() || other.spec().wall_time_ms() == 0 || other.started_utc_ms() == 0) continue;
    const UtcTime end = UtcTime(other.started_utc_ms()) + Milliseconds(other.spec().wall_time_ms());
    if (first == UtcTime() || end < first) first = end;
  }
  return first;
}

void ExplainPending(const State& state, const Job& job, const Stamp& stamp, v1::ExplainResponse* response) {
  const v1::JobSpec& spec = job.row.job().spec();
  if (spec.kind() == v1::HASHING) return ExplainHashing(state, job, stamp, response);
  if (const auto shortfall = JobShortfall(state, job, stamp.mono, TenantShares(state), SizeOf(state, spec));
      shortfall.has_value()) {
    *response->mutable_binding() = PendingReason(*shortfall);
    AddVerdict(shortfall->constraint, false, shortfall->amount, response->binding().text(), response);
    for (const auto& [id, plan] : state.plans)
      if (plan.row.job() == job.row.job().id()) AddPlanBudgets(state, plan, response);
    ExplainPlans(state, job, stamp, response);
    if (job.not_before > stamp.mono)
      response->set_expected_start_utc_ms((stamp.utc + (job.not_before - stamp.mono)).milliseconds());
    response->set_summary(response->binding().text());
    return;
  }
  std::vector<placement::NodeView> views = MakeViews(state, stamp.mono, stamp.utc, nullptr);
  for (const v1::TaskGroup& group : spec.groups()) {
    for (const auto& [constraint, rejection] : placement::RejectedNodes(placement::MakeDemand(spec, group), views)) {
      v1::NodeVerdict* verdict = response->add_nodes();
      verdict->set_constraint(placement::Name(constraint));
      verdict->set_nodes(rejection.nodes);
      verdict->set_example(fmt::format("{}: {}", rejection.example,
                                       placement::Describe(constraint, rejection.shortfall, rejection.example)));
    }
  }
  std::vector<placement::TaskToPlace> tasks = TasksToPlace(state, job);
  if (!IsGang(job) && tasks.size() > 1) tasks.resize(1);
  const Proposal proposal =
      ProposeStart(state, job, tasks, views, YieldableWatts(state, stamp.mono), stamp.mono, stamp.utc);
  AddBudgets(state, proposal.needs, response);
  for (const placement::ConstraintRow& row : placement::Table()) {
    if (row.constraint == Constraint::kNone) continue;
    const bool binds = proposal.shortfall.has_value() && proposal.shortfall->constraint == row.constraint;
    AddVerdict(
        row.constraint, !binds, binds ? proposal.shortfall->amount : 0,
        binds ? placement::Describe(row.constraint, proposal.shortfall->amount, proposal.shortfall->subject) : "",
        response);
  }
  if (proposal.shortfall.has_value()) {
    *response->mutable_binding() = PendingReason(*proposal.shortfall);
    response->set_expected_start_utc_ms(FirstKnownEnd(state).milliseconds());
    response->set_summary(fmt::format("{}; {} node(s) looked at", response->binding().text(), views.size()));
  } else {
    response->set_summary(proposal.immediate ? "starts with the next round"
                                             : "starts after a yield, planned with the next round");
  }
}

}  // namespace

absl::Status Explain(const State& state, const pb::Command& command, const Stamp& stamp,
                     v1::ExplainResponse* response) {
  const uint64_t id = command.query().explain().id();
  const auto found = state.jobs.find(id);
  if (found == state.jobs.end())
    return absl::NotFoundError(fmt::format("job \"{}\": not known; `switchyard jobs` lists them", id));
  const Job& job = found->second;
  if (absl::Status status = MayActFor(state, command, job.row.job().spec().tenant()); absl::IsPermissionDenied(status))
    return status;
  response->set_id(id);
  response->set_state(job.row.job().state());
  response->set_store_revision(stamp.sequence);
  if (Terminal(job.row.job().state())) {
    response->set_summary(fmt::format("{}{}{}", v1::JobState_Name(job.row.job().state()),
                                      job.row.job().reason().empty() ? "" : ": ", job.row.job().reason()));
    for (const v1::Task& task : job.row.job().tasks()) *response->add_tasks() = task;
  } else if (job.row.job().state() == v1::PENDING) {
    ExplainPending(state, job, stamp, response);
  } else {
    ExplainRunning(state, job, stamp, response);
    const bool stops = job.row.job().state() == v1::STOPPING;
    if (job.row.job().spec().kind() == v1::HASHING && !stops) ExplainHashing(state, job, stamp, response);
  }
  return absl::OkStatus();
}

}  // namespace switchyard::core
