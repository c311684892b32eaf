// An open plan step by step: it collects, its tasks prepare, its tasks are released.
#include <algorithm>
#include <map>
#include <span>

#include "common/check.h"
#include "common/quantity_text.h"
#include "fmt/format.h"
#include "scheduler/core/charges.h"
#include "scheduler/core/jobs.h"
#include "scheduler/core/plans.h"
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

// Why these devices of a node may not rise now; empty: they may.
std::string MayNotRise(const State& state, uint32_t index, int32_t device_group, const std::vector<int32_t>& devices) {
  const Node& node = state.nodes[index];
  // No raise overtakes a lowering of its own node, though the watts would come from elsewhere.
  if (!node.lowerings.empty()) return fmt::format("node \"{}\" has not acknowledged a lowering", node.id);
  if (device_group >= 0) {
    for (const int32_t device : devices) {
      if (node.groups[device_group].quarantined.contains(device))
        return fmt::format("a device of node \"{}\" is in quarantine", node.id);
    }
  }
  const uint32_t chain = device_group >= 0 ? node.groups[device_group].chain : node.platform_chain;
  for (const power::Edge& edge : state.ledger.chain(chain)) {
    if (!state.budgets[edge.budget].blocked_by.empty())
      return fmt::format("nothing may rise under budget \"{}\"", state.budgets[edge.budget].id);
  }
  return "";
}

// Why a member cannot prepare where the plan put it, beside the members before it on that node; empty: it can.
std::string Obstacle(const State& state, const v1::JobSpec& spec, const placement::TaskPlacement& placement,
                     std::span<const placement::TaskPlacement> before, MonoTime now) {
  const Node& node = state.nodes[placement.node];
  if (!Available(state, node, now)) return fmt::format("node \"{}\" is not available", node.id);
  if (!HasRoom(state, spec, placement, before))
    return fmt::format("node \"{}\" still runs what shall make way", node.id);
  if (placement.device_group >= 0) {
    for (const int32_t device : placement.devices) {
      int32_t used = node.groups[placement.device_group].used_milli[device] + placement.share_milli;
      for (const placement::TaskPlacement& member : before) {
        if (member.device_group == placement.device_group &&
            std::binary_search(member.devices.begin(), member.devices.end(), device))
          used += member.share_milli;
      }
      if (used > 1000) return fmt::format("a device of node \"{}\" is still held", node.id);
    }
  }
  return MayNotRise(state, placement.node, placement.device_group, placement.devices);
}

std::string FirstObstacle(const State& state, const v1::JobSpec& spec,
                          const std::vector<placement::TaskPlacement>& placements, MonoTime now) {
  std::map<uint32_t, std::vector<placement::TaskPlacement>> before;  // by node
  for (const placement::TaskPlacement& placement : placements) {
    std::vector<placement::TaskPlacement>& beside = before[placement.node];
    if (std::string why = Obstacle(state, spec, placement, beside, now); !why.empty()) return why;
    beside.push_back(placement);
  }
  return "";
}

// Why a preparing task cannot be released, its watts apart; empty: it can.
std::string Hindrance(const State& state, const Allocation& task) {
  const Node& node = state.nodes[task.node];
  if (!IsPrepared(state, task))
    return fmt::format("task {}/{} on node \"{}\" is not prepared", task.task_group, task.index, node.id);
  if (node.session == 0 || node.expired) return fmt::format("node \"{}\" is not available", node.id);
  return MayNotRise(state, task.node, task.group, task.devices);
}

void Add(const std::map<uint32_t, Power>& needs, std::map<uint32_t, Power>* sum) {
  for (const auto& [budget, watts] : needs) (*sum)[budget] += watts;
}

// What others came to hold or gave up since may make the start dearer than it was when the plan was opened.
void RaiseNeeds(Step& step, Plan& plan, const std::map<uint32_t, Power>& needs) {
  for (const auto& [budget, watts] : needs) {
    const std::string& name = step.state.budgets[budget].id;
    const auto known = std::find_if(plan.row.mutable_budgets()->begin(), plan.row.mutable_budgets()->end(),
                                    [&](const pb::PlanBudget& need) { return need.budget() == name; });
    if (known != plan.row.mutable_budgets()->end() && Milliwatts(known->needed_mw()) >= watts) continue;
    if (known == plan.row.mutable_budgets()->end() && watts <= Power()) continue;
    pb::PlanBudget* need = known == plan.row.mutable_budgets()->end() ? plan.row.add_budgets() : &*known;
    need->set_budget(name);
    need->set_needed_mw(watts.count());
    step.changed_plans.insert(plan.row.id());
  }
}

void TopUp(Step& step, Plan& plan) {
  State& state = step.state;
  for (pb::PlanBudget& need : *plan.row.mutable_budgets()) {
    const uint32_t budget = state.budget_index.at(need.budget());
    const Power missing = Milliwatts(need.needed_mw() - need.earmarked_mw());
    const Power take = std::min(missing, std::max(Power(), state.ledger.Headroom(budget)));
    if (take <= Power()) continue;
    state.ledger.Earmark(budget, take);
    need.set_earmarked_mw(need.earmarked_mw() + take.count());
    step.changed_plans.insert(plan.row.id());
  }
}

// Makes a change that charges the plan's tasks more, and takes what it charged out of the earmarks: watts pass from the
// plan to its tasks within one command, and none is in both. REQUIRES: the plan has them in every budget.
template <typename Change>
void PassOn(Step& step, Plan& plan, Change change) {
  power::Ledger& ledger = step.state.ledger;
  std::vector<Power> before;
  for (const pb::PlanBudget& need : plan.row.budgets())
    before.push_back(ledger.Charged(step.state.budget_index.at(need.budget())));
  change();
  auto charged = before.begin();
  for (pb::PlanBudget& need : *plan.row.mutable_budgets()) {
    const uint32_t budget = step.state.budget_index.at(need.budget());
    const Power taken = std::max(Power(), ledger.Charged(budget) - *charged++);
    SWITCHYARD_CHECK(taken.count() <= need.earmarked_mw()) << "plan " << plan.row.id() << " charges " << taken << " of "
                                                           << need.earmarked_mw() << " mW in " << need.budget();
    ledger.Earmark(budget, -taken);
    need.set_needed_mw(need.needed_mw() - taken.count());
    need.set_earmarked_mw(need.earmarked_mw() - taken.count());
  }
  step.changed_plans.insert(plan.row.id());
}

// Lets all tasks of a plan prepare once their devices are free and what preparing takes is earmarked.
void TryPrepare(Step& step, Plan& plan) {
  State& state = step.state;
  Job& job = state.jobs.at(plan.row.job());
  const v1::JobSpec& spec = job.row.job().spec();
  const std::vector<placement::TaskPlacement> placements = Placements(state, plan.row);
  if (!FirstObstacle(state, spec, placements, step.stamp.mono).empty()) return;
  std::map<uint32_t, Power> to_prepare, to_run;
  TakenDevices taken;
  for (const placement::TaskPlacement& placement : placements) {
    Add(NeedOf(state, spec, placement, taken), &to_run);
    Add(PrepareNeedOf(state, spec, placement, taken), &to_prepare);
    taken.merge(DevicesOf(placement));
  }
  RaiseNeeds(step, plan, to_run);
  TopUp(step, plan);
  for (const pb::PlanBudget& need : plan.row.budgets()) {
    const auto watts = to_prepare.find(state.budget_index.at(need.budget()));
    if (watts != to_prepare.end() && Milliwatts(need.earmarked_mw()) < watts->second) return;
  }
  PassOn(step, plan, [&] { StartTasks(step, job, placements, plan.row.id()); });
  plan.prepare_deadline = step.stamp.mono + Milliseconds(state.timing().prepare_timeout_ms());
  step.Event("PlanPrepares", std::to_string(plan.row.job()),
             fmt::format("plan {}: its devices are free, {} task(s) prepare", plan.row.id(), placements.size()));
}

// Turns the earmarks into grants and releases the tasks, in one command, once all are prepared and the plan is full.
void TryRelease(Step& step, Plan& plan, const std::vector<uint64_t>& tasks) {
  State& state = step.state;
  RaiseNeeds(step, plan, ReleaseNeeds(state, plan));
  TopUp(step, plan);
  const bool ready = std::all_of(tasks.begin(), tasks.end(),
                                 [&](uint64_t id) { return Hindrance(state, state.allocations.at(id)).empty(); });
  if (!ready || !IsFull(plan)) return;
  Job& job = state.jobs.at(plan.row.job());
  PassOn(step, plan, [&] {
    for (const uint64_t id : tasks) {
      Allocation& task = state.allocations.at(id);
      const Release release = ReleaseOf(state, plan, task);
      OrderGrant(step, task, release.grant, release.transient);
    }
  });
  ClosePlan(step, plan.row.id(), "full: its tasks run");
  ReleaseTasks(step, job, tasks);
}

}  // namespace

void AdvancePlans(Step& step) {
  State& state = step.state;
  std::vector<uint64_t> ids;
  for (const auto& [id, plan] : state.plans) ids.push_back(id);
  for (const uint64_t id : ids) {
    Plan& plan = state.plans.at(id);
    TopUp(step, plan);
    const std::vector<uint64_t> tasks = PreparingTasks(state, plan);
    if (tasks.empty())
      TryPrepare(step, plan);
    else
      TryRelease(step, plan, tasks);
  }
}

std::string MissingOf(const State& state, const Plan& plan, MonoTime now) {
  for (const pb::PlanBudget& need : plan.row.budgets()) {
    if (need.needed_mw() <= need.earmarked_mw()) continue;
    return fmt::format("budget \"{}\" lacks {}", need.budget(),
                       FormatPower(Milliwatts(need.needed_mw() - need.earmarked_mw())));
  }
  const std::vector<uint64_t> tasks = PreparingTasks(state, plan);
  for (const uint64_t id : tasks) {
    if (std::string why = Hindrance(state, state.allocations.at(id)); !why.empty()) return why;
  }
  if (!tasks.empty()) return "";
  const v1::JobSpec& spec = state.jobs.at(plan.row.job()).row.job().spec();
  return FirstObstacle(state, spec, Placements(state, plan.row), now);
}

}  // namespace switchyard::core
