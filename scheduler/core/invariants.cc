#include "scheduler/core/invariants.h"

#include <algorithm>
#include <map>
#include <vector>

#include "common/quantity_text.h"
#include "common/stable_hash.h"
#include "fmt/format.h"
#include "scheduler/core/charges.h"
#include "scheduler/core/jobs.h"
#include "scheduler/core/plans.h"
#include "scheduler/core/rows.h"

namespace switchyard::core {
namespace {

absl::Status Violation(const std::string& text) { return absl::InternalError("invariant " + text); }

void Add(const State& state, uint32_t chain, Power watts, std::vector<Power>& sums) {
  for (const power::Edge& edge : state.ledger.chain(chain)) sums[edge.budget] += ScaleUp(watts, edge.coefficient);
}

// W: the ledger's sums are what the entities count, and nothing is above its cap without being recorded.
absl::Status CheckWatts(const State& state) {
  std::vector<Power> sums(state.budgets.size());
  for (const Node& node : state.nodes) {
    Add(state, node.platform_chain, PlatformWatts(node), sums);
    for (const Group& group : node.groups) Add(state, group.chain, UnallocatedWatts(node, group), sums);
  }
  const auto add = [&](const Allocation& allocation) {
    const Node& node = state.nodes[allocation.node];
    Add(state, allocation.group >= 0 ? node.groups[allocation.group].chain : node.platform_chain,
        AllocationWatts(node, allocation), sums);
  };
  for (const auto& [id, allocation] : state.allocations) add(allocation);
  for (const auto& [key, orphan] : state.orphans) add(orphan);
  for (uint32_t b = 0; b < sums.size(); ++b) {
    if (sums[b] != state.ledger.Charged(b)) {
      return Violation(fmt::format("W: budget \"{}\" is charged {} mW, its entities count {} mW", state.budgets[b].id,
                                   state.ledger.Charged(b).count(), sums[b].count()));
    }
    if (state.ledger.Overage(b) && state.term_started && !state.budgets[b].overage_since.has_value()) {
      return Violation(fmt::format("W: budget \"{}\" counts {} of {} and no overage is recorded", state.budgets[b].id,
                                   FormatPower(state.ledger.Sum(b)), FormatPower(state.ledger.limit(b).cap)));
    }
  }
  return absl::OkStatus();
}

// What a plan's tasks hold already: all prepare or none does, each at what preparing takes, and what their release will
// add in any budget is what the plan collects there.
absl::Status CheckPreparing(const State& state, uint64_t id, const Plan& plan) {
  const std::vector<uint64_t> tasks = PreparingTasks(state, plan);
  if (tasks.empty()) return absl::OkStatus();
  if (tasks.size() != static_cast<size_t>(plan.row.members_size()))
    return Violation(fmt::format("Y: {} of {} tasks of plan {} prepare", tasks.size(), plan.row.members_size(), id));
  for (const uint64_t task : tasks) {
    if (state.allocations.at(task).phase != v1::PREPARE)
      return Violation(fmt::format("Y: allocation {} of open plan {} does not prepare", task, id));
  }
  if (UngrantedWatts(state, plan) < Power())
    return Violation(fmt::format("Y: tasks of plan {} are granted more than it plans", id));
  std::map<uint32_t, Power> needs = ReleaseNeeds(state, plan);
  for (const pb::PlanBudget& need : plan.row.budgets()) {
    Power& left = needs[state.budget_index.at(need.budget())];
    left -= std::min(left, Milliwatts(need.needed_mw()));
  }
  for (const auto& [budget, watts] : needs) {
    if (watts > Power())
      return Violation(fmt::format("Y: the release of plan {} needs {} mW more in \"{}\" than it collects", id,
                                   watts.count(), state.budgets[budget].id));
  }
  return absl::OkStatus();
}

// Y: earmarks are exactly those of the open plans, each at most what the plan needs; a bound is never below a grant
// that may still be followed.
absl::Status CheckYields(const State& state) {
  std::vector<Power> earmarks(state.budgets.size());
  for (const auto& [id, plan] : state.plans) {
    if (!state.jobs.contains(plan.row.job()))
      return Violation(fmt::format("Y: plan {} is for job {}, which is gone", id, plan.row.job()));
    for (const pb::PlanBudget& need : plan.row.budgets()) {
      earmarks[state.budget_index.at(need.budget())] += Milliwatts(need.earmarked_mw());
      if (need.earmarked_mw() < 0 || need.earmarked_mw() > need.needed_mw()) {
        return Violation(fmt::format("Y: plan {} has {} mW of {} mW in \"{}\"", id, need.earmarked_mw(),
                                     need.needed_mw(), need.budget()));
      }
    }
    if (absl::Status status = CheckPreparing(state, id, plan); !status.ok()) return status;
  }
  for (uint32_t b = 0; b < earmarks.size(); ++b) {
    if (earmarks[b] != state.ledger.Earmarked(b)) {
      return Violation(fmt::format("Y: budget \"{}\" has {} mW earmarked, its plans hold {} mW", state.budgets[b].id,
                                   state.ledger.Earmarked(b).count(), earmarks[b].count()));
    }
  }
  for (const auto& [id, allocation] : state.allocations) {
    if (allocation.bound.value() < allocation.bound.grant())
      return Violation(fmt::format("Y: allocation {} has a bound below its grant", id));
  }
  return absl::OkStatus();
}

// D: shares of a device never exceed 1,000 thousandths, and the counters are those of the allocations.
absl::Status CheckDevices(const State& state) {
  std::map<std::pair<uint32_t, int32_t>, std::vector<int32_t>> used;
  const auto count = [&](const Allocation& allocation, bool live) -> absl::Status {
    if (allocation.group < 0) return absl::OkStatus();
    const Group& group = state.nodes[allocation.node].groups[allocation.group];
    std::vector<int32_t>& shares = used[{allocation.node, allocation.group}];
    shares.resize(static_cast<size_t>(group.count));
    for (const int32_t device : allocation.devices) {
      if ((shares[static_cast<size_t>(device)] += allocation.share_milli) > 1000 && live) {
        return Violation(fmt::format("D: device {} of \"{}\" {} holds {} thousandths", device,
                                     state.nodes[allocation.node].id, group.name, shares[static_cast<size_t>(device)]));
      }
    }
    return absl::OkStatus();
  };
  for (const auto& [id, allocation] : state.allocations) {
    if (absl::Status status = count(allocation, true); !status.ok()) return status;
    if (!state.jobs.contains(allocation.job))
      return Violation(fmt::format("D: allocation {} is of job {}, which is gone", id, allocation.job));
    if (!state.nodes[allocation.node].allocations.contains(id))
      return Violation(fmt::format("D: allocation {} is unknown to its node", id));
    const auto members = state.job_allocations.find(allocation.job);
    if (members == state.job_allocations.end() || !members->second.contains(id))
      return Violation(fmt::format("D: allocation {} is unknown to its job", id));
  }
  // An orphan and an allocation may hold the same device: that is what makes it an orphan. It only has to be counted.
  for (const auto& [key, orphan] : state.orphans) count(orphan, false).IgnoreError();
  for (uint32_t n = 0; n < state.nodes.size(); ++n) {
    for (size_t g = 0; g < state.nodes[n].groups.size(); ++g) {
      const auto found = used.find({n, static_cast<int32_t>(g)});
      const std::vector<int32_t> none(state.nodes[n].groups[g].used_milli.size());
      if ((found == used.end() ? none : found->second) != state.nodes[n].groups[g].used_milli) {
        return Violation(fmt::format("D: node \"{}\" group \"{}\": the counters are not those of its allocations",
                                     state.nodes[n].id, state.nodes[n].groups[g].name));
      }
    }
  }
  return absl::OkStatus();
}

// G: a member runs only in a released gang; all live members are of one attempt.
absl::Status CheckGangs(const State& state) {
  for (const auto& [id, members] : state.job_allocations) {
    const auto job = state.jobs.find(id);
    if (job == state.jobs.end() || !IsGang(job->second)) continue;
    int32_t attempt = -1;
    for (const uint64_t member : members) {
      const Allocation& allocation = state.allocations.at(member);
      if (attempt >= 0 && allocation.attempt != attempt)
        return Violation(fmt::format("G: job {} has members of attempts {} and {}", id, attempt, allocation.attempt));
      attempt = allocation.attempt;
      if (allocation.phase == v1::RUN && !job->second.row.released())
        return Violation(fmt::format("G: job {} runs a member without its release", id));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckWaiting(const State& state) {
  for (const auto& [id, job] : state.jobs) {
    const auto blocked = state.dependents.find(job.blocked_on);
    const bool is_blocked = blocked != state.dependents.end() && blocked->second.contains(id);
    const bool listed = state.pending.contains(id) || is_blocked;
    if (!TasksToPlace(state, job).empty() != listed) {
      return Violation(fmt::format("waiting: job {} is {}listed", id, listed ? "" : "not "));
    }
    if (is_blocked != (job.blocked_on != 0) || (is_blocked && UnmetDependency(state, job) == 0)) {
      return Violation(fmt::format("waiting: job {} is blocked on {} and need not be", id, job.blocked_on));
    }
    if ((job.row.job().spec().kind() == v1::HASHING) != state.hashing_jobs.contains(id)) {
      return Violation(fmt::format("waiting: job {} is not where its kind belongs", id));
    }
  }
  return absl::OkStatus();
}

// What a tenant uses is what its allocations are granted.
absl::Status CheckShares(const State& state) {
  std::map<std::string, TenantUse> counted;
  for (const auto& [id, allocation] : state.allocations) {
    if (allocation.kind == v1::HASHING) continue;
    TenantUse& use = counted[state.jobs.at(allocation.job).row.job().spec().tenant()];
    use.watts += allocation.bound.grant();
    use.gpu_milli += GpuMilli(state, allocation);
  }
  for (const auto& [tenant, use] : state.tenant_use) {
    if (use == counted[tenant]) continue;
    return Violation(fmt::format(
        "shares: tenant \"{}\" is charged {} mW and {} thousandths of a GPU, its allocations hold {} and {}", tenant,
        use.watts.count(), use.gpu_milli, counted[tenant].watts.count(), counted[tenant].gpu_milli));
  }
  for (const auto& [tenant, use] : counted) {
    if (!state.tenant_use.contains(tenant) && !(use == TenantUse()))
      return Violation(
          fmt::format("shares: tenant \"{}\" holds {} mW that it is not charged", tenant, use.watts.count()));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckInvariants(const State& state) {
  for (const auto check : {CheckWatts, CheckYields, CheckDevices, CheckGangs, CheckWaiting, CheckShares}) {
    if (absl::Status status = check(state); !status.ok()) return status;
  }
  return absl::OkStatus();
}

uint64_t Digest(const State& state) {
  StableHash hash;
  hash.Add(Bytes(state.meta)).Add(Bytes(state.configuration));
  for (const auto& [id, job] : state.jobs) hash.Add(Bytes(job.row));
  for (const auto& [id, allocation] : state.allocations) hash.Add(Bytes(ToRow(state, allocation)));
  for (const auto& [key, orphan] : state.orphans)
    hash.Add(static_cast<uint64_t>(key.first)).Add(Bytes(ToRow(state, orphan)));
  for (const auto& [id, plan] : state.plans) hash.Add(Bytes(plan.row));
  for (const Node& node : state.nodes) {
    hash.Add(Bytes(ToRow(node))).Add(node.session).Add(node.set_revision).Add(node.applied_revision);
    hash.Add(node.renewed.has_value() ? node.renewed->milliseconds() : int64_t{-1});
  }
  for (uint32_t b = 0; b < state.ledger.budgets(); ++b)
    hash.Add(state.ledger.Sum(b).count()).Add(state.ledger.Earmarked(b).count());
  for (const auto& [key, row] : state.idempotency) hash.Add(key).Add(row.body_hash());
  return hash.Finish();
}

}  // namespace switchyard::core
