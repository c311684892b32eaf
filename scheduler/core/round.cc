#include "scheduler/core/round.h"

#include <algorithm>
#include <memory>

#include "common/quantity_text.h"
#include "fmt/format.h"
#include "scheduler/core/hashing.h"
#include "scheduler/core/jobs.h"
#include "scheduler/core/plans.h"
#include "scheduler/core/sessions.h"
#include "scheduler/queueing/order.h"

namespace switchyard::core {
namespace {

using placement::Constraint;

// Placements tried in one round; the next round goes on. Bounds the time of a batch with a long queue.
constexpr int kTriesPerRound = 256;
// Starts that may jump over a job that would fit an empty cluster, before nothing below its priority starts (invariant
// F).
constexpr int kMostPassedBy = 64;

Power FirmWatts(const State& state, uint32_t budget) {
  Power hashing;
  for (const uint64_t id : HashingAllocations(state)) {
    const Allocation& allocation = state.allocations.at(id);
    if (allocation.group < 0) continue;
    const Node& node = state.nodes[allocation.node];
    const Group& group = node.groups[allocation.group];
    // What keeps its nameplate gives nothing, nor does a node that nobody reaches.
    if (group.model.power_cycle() == v1::NEITHER || node.expired) continue;
    const Power floor = std::min(allocation.charged, OffWatts(node, allocation));
    for (const power::Edge& edge : state.ledger.chain(group.chain)) {
      if (edge.budget == budget)
        hashing += ScaleUp(allocation.charged, edge.coefficient) - ScaleUp(floor, edge.coefficient);
    }
  }
  return state.ledger.Sum(budget) - hashing;
}

bool Touches(const State& state, const Job& job, uint32_t budget) {
  const auto members = state.job_allocations.find(job.row.job().id());
  if (members == state.job_allocations.end()) return false;
  return std::any_of(members->second.begin(), members->second.end(), [&](uint64_t id) {
    const Allocation& allocation = state.allocations.at(id);
    if (allocation.group < 0) return false;
    const power::Chain& chain = state.ledger.chain(state.nodes[allocation.node].groups[allocation.group].chain);
    return std::any_of(chain.begin(), chain.end(), [&](const power::Edge& edge) { return edge.budget == budget; });
  });
}

// 1. A fall of a cap cancels open plans beneath it, youngest first.
void CancelPlansOverCap(Step& step) {
  State& state = step.state;
  for (uint32_t b = 0; b < state.budgets.size() && !state.plans.empty(); ++b) {
    if (!state.ledger.Overage(b)) continue;
    const Power room = state.ledger.limit(b).cap - FirmWatts(state, b);
    Power needed;
    for (const auto& [id, plan] : state.plans) {
      for (const pb::PlanBudget& need : plan.row.budgets()) {
        if (need.budget() == state.budgets[b].id) needed += Milliwatts(need.needed_mw());
      }
    }
    std::vector<uint64_t> youngest;
    for (const auto& [id, plan] : state.plans) youngest.insert(youngest.begin(), id);
    for (const uint64_t id : youngest) {
      if (needed <= room) break;
      if (!state.plans.contains(id)) continue;
      Power beneath;
      for (const pb::PlanBudget& need : state.plans.at(id).row.budgets()) {
        if (need.budget() == state.budgets[b].id) beneath = Milliwatts(need.needed_mw());
      }
      if (beneath == Power()) continue;
      needed -= beneath;
      AbandonPlan(step, id, fmt::format("budget \"{}\" fell below it", state.budgets[b].id));
    }
  }
}

bool Began(const State& state, uint64_t job) {
  const std::set<uint64_t>& members = state.job_allocations.at(job);
  return std::any_of(members.begin(), members.end(),
                     [&](uint64_t id) { return state.allocations.at(id).running_since != UtcTime(); });
}

// 2. What hashing cannot give up is shed from AI: highest flex tier first, then lowest priority, grace cut to the
// deadline.
void ShedFirm(Step& step) {
  State& state = step.state;
  for (uint32_t b = 0; b < state.budgets.size(); ++b) {
    if (!state.ledger.Overage(b)) continue;
    Power over = FirmWatts(state, b) - state.ledger.limit(b).cap;
    if (over <= Power()) continue;
    std::vector<uint64_t> order;
    for (const auto& [id, members] : state.job_allocations) {
      const Job& job = state.jobs.at(id);
      if (members.empty() || job.row.job().spec().kind() == v1::HASHING || !Touches(state, job, b)) continue;
      if (job.row.job().state() == v1::STOPPING) {
        for (const uint64_t member : members) {
          const Allocation& allocation = state.allocations.at(member);
          if (allocation.group < 0) continue;
          for (const power::Edge& edge :
               state.ledger.chain(state.nodes[allocation.node].groups[allocation.group].chain)) {
            if (edge.budget == b) over -= ScaleUp(allocation.charged, edge.coefficient);
          }
        }
        continue;
      }
      order.push_back(id);
    }
    std::stable_sort(order.begin(), order.end(), [&](uint64_t x, uint64_t y) {
      const v1::JobSpec& a = state.jobs.at(x).row.job().spec();
      const v1::JobSpec& c = state.jobs.at(y).row.job().spec();
      // A released gang of which nobody has acknowledged to run has lost nothing yet.
      const bool x_began = Began(state, x), y_began = Began(state, y);
      if (x_began != y_began) return y_began;
      return a.flex_tier() != c.flex_tier() ? a.flex_tier() > c.flex_tier() : a.priority() < c.priority();
    });
    for (const uint64_t id : order) {
      if (over <= Power()) break;
      for (const uint64_t member : state.job_allocations.at(id)) {
        const Allocation& allocation = state.allocations.at(member);
        if (allocation.group < 0) continue;
        for (const power::Edge& edge :
             state.ledger.chain(state.nodes[allocation.node].groups[allocation.group].chain)) {
          if (edge.budget == b) over -= ScaleUp(allocation.charged, edge.coefficient);
        }
      }
      Job& job = state.jobs.at(id);
      job.row.set_preempted(true);
      StopAttempt(step, job, v1::PENDING, fmt::format("shed: budget \"{}\" is above its cap", state.budgets[b].id),
                  state.budgets[b].shed_deadline);
    }
  }
}

// Sizes of jobs by their shape, each worked out once a round.
class Sizes {
 public:
  explicit Sizes(const State& state) : state_(state) {}
  const JobSize& Of(const Job& job) {
    const auto [at, is_new] = sizes_.try_emplace(job.shape);
    if (is_new) at->second = SizeOf(state_, job.row.job().spec());
    return at->second;
  }

 private:
  const State& state_;
  std::map<uint64_t, JobSize> sizes_;
};

std::vector<uint64_t> QueueOrder(const State& state, const std::vector<queueing::TenantShare>& shares, Sizes& sizes) {
  std::vector<queueing::PendingJob> waiting;
  waiting.reserve(state.pending.size());
  for (const uint64_t id : state.pending) {
    const Job& job = state.jobs.at(id);
    const v1::JobSpec& spec = job.row.job().spec();
    waiting.push_back({.id = JobId(id),
                       .tenant = TenantId(spec.tenant()),
                       .priority = spec.priority(),
                       .queued = UtcTime(job.row.queued_utc_ms()),
                       .watts = sizes.Of(job).watts,
                       .gpu_milli = sizes.Of(job).gpu_milli});
  }
  std::vector<uint64_t> order;
  for (const JobId id : queueing::Order(shares, std::move(waiting))) order.push_back(id.value());
  return order;
}

// `Shares`: a vector of TenantShare, const or not.
template <typename Shares>
auto* ShareOf(const std::string& tenant, Shares& shares) {
  const auto share = std::lower_bound(
      shares.begin(), shares.end(), tenant,
      [](const queueing::TenantShare& entry, const std::string& wanted) { return entry.id.str() < wanted; });
  return share == shares.end() || share->id.str() != tenant ? nullptr : std::to_address(share);
}

// A start or a plan for one of its jobs changed what the tenant uses.
void UpdateShare(const State& state, const std::string& tenant, std::vector<queueing::TenantShare>& shares) {
  queueing::TenantShare* const share = ShareOf(tenant, shares);
  if (share == nullptr) return;
  const auto use = state.tenant_use.find(tenant);
  share->used = use == state.tenant_use.end() ? Power() : use->second.watts;
  share->used_gpu_milli = use == state.tenant_use.end() ? 0 : use->second.gpu_milli;
  for (const auto& [id, plan] : state.plans) {
    if (state.jobs.at(plan.row.job()).row.job().spec().tenant() != tenant) continue;
    share->used += UngrantedWatts(state, plan);
  }
}

// 4. The queue: each job in its order gets its place, a plan, or its one true reason.
void ServeQueue(Step& step) {
  State& state = step.state;
  if (state.pending.empty()) return;
  std::vector<queueing::TenantShare> shares = TenantShares(state);
  Sizes sizes(state);
  const std::vector<uint64_t> order = QueueOrder(state, shares, sizes);
  RefreshViews(state, step.stamp.mono, step.stamp.utc, nullptr, state.views);
  placement::RankMemo memo;
  std::vector<Power> yieldable = YieldableWatts(state, step.stamp.mono);
  std::map<uint64_t, v1::PendingReason> failed_shapes;
  std::vector<uint64_t> passed;
  int tries = 0;
  int32_t floor_priority = -1;  // nothing below it starts: a job of it was passed by too often
  for (const uint64_t id : order) {
    Job& job = state.jobs.at(id);
    const v1::JobSpec& spec = job.row.job().spec();
    if (const auto shortfall = JobShortfall(state, job, step.stamp.mono, shares, sizes.Of(job));
        shortfall.has_value()) {
      job.pending = PendingReason(*shortfall);
      continue;
    }
    if (spec.priority() < floor_priority) {
      job.pending =
          PendingReason({.constraint = Constraint::kPriorityQueue, .amount = 0, .subject = "", .rejected_nodes = {}});
      continue;
    }
    const auto known = failed_shapes.find(job.shape);
    if (known != failed_shapes.end()) {
      job.pending = known->second;
      continue;
    }
    if (++tries > kTriesPerRound) {
      step.RoundAt(step.stamp.mono);
      break;
    }
    // A service's replicas come one by one, as many as fit; a gang whole.
    std::vector<placement::TaskToPlace> tasks = TasksToPlace(state, job);
    if (!IsGang(job) && tasks.size() > 1) tasks.resize(1);
    const Proposal proposal =
        ProposeStart(state, job, tasks, state.views, yieldable, step.stamp.mono, step.stamp.utc, &memo);
    if (proposal.shortfall.has_value()) {
      job.pending = PendingReason(*proposal.shortfall);
      failed_shapes[job.shape] = job.pending;
      if (proposal.shortfall->constraint != Constraint::kBudgetCap) passed.push_back(id);
      if (job.passed_by >= kMostPassedBy) floor_priority = std::max(floor_priority, spec.priority());
      continue;
    }
    for (const uint64_t jumped : passed) ++state.jobs.at(jumped).passed_by;
    job.passed_by = 0;
    if (proposal.immediate) {
      StartTasks(step, job, proposal.placements, 0);
      if (!IsGang(job) && state.pending.contains(id)) step.RoundAt(step.stamp.mono);
    } else {
      OpenPlan(step, job, proposal.placements, proposal.needs, proposal.preempted);
      job.pending =
          PendingReason({.constraint = Constraint::kYieldPending, .amount = 0, .subject = "", .rejected_nodes = {}});
      if (!proposal.preempted.empty()) {
        RefreshViews(state, step.stamp.mono, step.stamp.utc, nullptr, state.views);
        memo = {};
      }
      yieldable = YieldableWatts(state, step.stamp.mono);
    }
    if (proposal.preempted.empty()) {
      UpdateShare(state, spec.tenant(), shares);
    } else {
      shares = TenantShares(state);
    }
  }
}

}  // namespace

v1::PendingReason PendingReason(const placement::Shortfall& shortfall) {
  v1::PendingReason reason;
  reason.set_constraint(placement::Name(shortfall.constraint));
  reason.set_text(placement::Describe(shortfall.constraint, shortfall.amount, shortfall.subject));
  reason.set_shortfall(shortfall.amount);
  reason.set_subject(shortfall.subject);
  return reason;
}

v1::PendingReason DependencyReason(uint64_t job) {
  return PendingReason(
      {.constraint = Constraint::kDependency, .amount = 1, .subject = std::to_string(job), .rejected_nodes = {}});
}

void FindBlockedBudgets(Step& step) {
  State& state = step.state;
  const MonoTime now = step.stamp.mono;
  for (uint32_t b = 0; b < state.budgets.size(); ++b) {
    Budget& budget = state.budgets[b];
    budget.blocked_by.clear();
    const bool over = state.ledger.Overage(b);
    if (over)
      budget.blocked_by.push_back(fmt::format("overage: counts {} of {}", FormatPower(state.ledger.Sum(b)),
                                              FormatPower(state.ledger.limit(b).cap)));
    if (over && !budget.overage_since.has_value()) {
      budget.overage_since = now;
      step.Event("OverageBegan", budget.id, budget.blocked_by.front());
    } else if (!over && budget.overage_since.has_value()) {
      budget.overage += now - *budget.overage_since;
      budget.overage_since.reset();
      step.Event("OverageEnded", budget.id, fmt::format("above its cap for {} in all", FormatDuration(budget.overage)));
    }
    if (budget.unknown > Power())
      budget.blocked_by.push_back(
          fmt::format("unknown load: the meter shows {} above the ledger", FormatPower(budget.unknown)));
    const power::Limit& limit = state.ledger.limit(b);
    if (limit.overhead.count() > 0 && state.term_start + limit.overhead_lag > now && state.meta.term() > 1) {
      budget.blocked_by.push_back(
          fmt::format("term {}: overhead released before the restart may still be drawn", state.meta.term()));
      step.RoundAt(state.term_start + limit.overhead_lag);
    }
  }
  for (const Node& node : state.nodes) {
    if (!Silent(state, node, now)) continue;
    const std::string why = fmt::format("node {}: {}", node.id,
                                        node.unclaimed   ? "has not said to the restored store yet what it draws"
                                        : node.repowered ? "its power came back, and it has not reported yet"
                                        : node.heard     ? "silent"
                                                         : "not heard since the scheduler's start");
    std::set<uint32_t> touched;
    for (const power::Edge& edge : state.ledger.chain(node.platform_chain)) touched.insert(edge.budget);
    for (const Group& group : node.groups)
      for (const power::Edge& edge : state.ledger.chain(group.chain)) touched.insert(edge.budget);
    for (const uint32_t b : touched) {
      if (state.budgets[b].blocked_by.size() < 16) state.budgets[b].blocked_by.push_back(why);
    }
  }
}

std::vector<queueing::TenantShare> TenantShares(const State& state) {
  std::map<std::string, queueing::TenantShare> shares;
  for (const v1::Tenant& tenant : state.configuration.tenants()) {
    shares[tenant.id()] = {.id = TenantId(tenant.id()),
                           .weight = tenant.weight(),
                           .quota = Milliwatts(tenant.quota_mw()),
                           .borrow = Milliwatts(tenant.borrow_mw()),
                           .quota_gpu_milli = tenant.quota_gpu_milli(),
                           .used = Power(),
                           .used_gpu_milli = 0};
  }
  for (const auto& [tenant, use] : state.tenant_use) {
    const auto share = shares.find(tenant);
    if (share == shares.end()) continue;
    share->second.used = use.watts;
    share->second.used_gpu_milli = use.gpu_milli;
  }
  for (const auto& [id, plan] : state.plans) {
    const auto share = shares.find(state.jobs.at(plan.row.job()).row.job().spec().tenant());
    if (share == shares.end()) continue;
    share->second.used += UngrantedWatts(state, plan);
  }
  std::vector<queueing::TenantShare> out;
  for (auto& [id, share] : shares) out.push_back(std::move(share));
  return out;
}

placement::Shortfall BackoffShortfall(const Job& job, MonoTime now) {
  const bool crash_loop = job.row.consecutive_failures() >= 6;
  return {.constraint = crash_loop ? Constraint::kCrashLoop : Constraint::kBackoff,
          .amount = (job.not_before - now).count(),
          .subject = std::to_string(job.row.job().id()),
          .rejected_nodes = {}};
}

std::optional<placement::Shortfall> JobShortfall(const State& state, const Job& job, MonoTime now,
                                                 const std::vector<queueing::TenantShare>& shares,
                                                 const JobSize& size) {
  const v1::Job& face = job.row.job();
  const auto shortfall = [](Constraint constraint, int64_t amount, std::string subject) {
    return placement::Shortfall{
        .constraint = constraint, .amount = amount, .subject = std::move(subject), .rejected_nodes = {}};
  };
  if (const uint64_t id = UnmetDependency(state, job); id != 0)
    return shortfall(Constraint::kDependency, 1, std::to_string(id));
  if (job.not_before > now) return BackoffShortfall(job, now);
  for (const auto& [id, plan] : state.plans) {
    // What prepares already stands in nobody's way: other replicas of a service may plan for themselves.
    if (plan.row.job() == face.id() && PreparingTasks(state, plan).empty())
      return shortfall(Constraint::kYieldPending, 0, fmt::format("plan {}", id));
  }
  Power watts = size.watts;
  int64_t gpus = size.gpu_milli;
  if (!IsGang(job)) {
    int64_t replicas = 0;
    for (const v1::TaskGroup& group : face.spec().groups()) replicas += group.count();
    watts = watts / std::max<int64_t>(1, replicas);
    gpus /= std::max<int64_t>(1, replicas);
  }
  if (const queueing::TenantShare* share = ShareOf(face.spec().tenant(), shares); share != nullptr) {
    const auto excess = queueing::QuotaExcess(*share, watts, gpus);
    if (!excess.has_value()) return std::nullopt;
    const bool of_watts = excess->kind == queueing::QuotaShortfall::Kind::kWatts;
    return shortfall(of_watts ? Constraint::kQuotaWatts : Constraint::kQuotaGpus, excess->amount, face.spec().tenant());
  }
  return std::nullopt;
}

void RunRound(Step& step) {
  State& state = step.state;
  if (!state.configured || !state.term_started) return;
  FindBlockedBudgets(step);
  CancelPlansOverCap(step);  // 1
  ShedFirm(step);            // 2
  AdvancePlans(step);        // 3
  ServeQueue(step);          // 4
  FillHashing(step);         // 5
  AdvancePlans(step);        // 6. what a lowering freed without waiting (a grant that was never drawn) tops up at once
}

}  // namespace switchyard::core
