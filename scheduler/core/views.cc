#include "scheduler/core/views.h"

#include <algorithm>

#include "common/quantity_text.h"
#include "fmt/format.h"
#include "scheduler/core/charges.h"
#include "scheduler/core/hashing.h"
#include "scheduler/core/jobs.h"
#include "scheduler/core/plans.h"
#include "scheduler/core/round.h"
#include "scheduler/core/rows.h"
#include "scheduler/core/ramp.h"
#include "scheduler/core/restored.h"
#include "scheduler/core/sessions.h"
#include "scheduler/economics/prices.h"
#include "scheduler/placement/constraint.h"

namespace switchyard::core {
namespace {

constexpr int kListed = 16;  // names in a "because of" list

// Charges of one budget, split by what draws them.
struct Split {
  Power hashing, training, inference, idle;
};

std::vector<Split> Splits(const State& state) {
  std::vector<Split> splits(state.budgets.size());
  const auto add = [&](uint32_t chain, Power watts, auto member) {
    for (const power::Edge& edge : state.ledger.chain(chain))
      splits[edge.budget].*member += ScaleUp(watts, edge.coefficient);
  };
  for (const Node& node : state.nodes) {
    add(node.platform_chain, node.platform_charged, &Split::idle);
    for (const Group& group : node.groups) add(group.chain, group.charged, &Split::idle);
  }
  const auto add_allocation = [&](const Allocation& allocation) {
    const Node& node = state.nodes[allocation.node];
    const uint32_t chain = allocation.group >= 0 ? node.groups[allocation.group].chain : node.platform_chain;
    add(chain, allocation.charged,
        allocation.kind == v1::HASHING    ? &Split::hashing
        : allocation.kind == v1::TRAINING ? &Split::training
                                          : &Split::inference);
  };
  for (const auto& [id, allocation] : state.allocations) add_allocation(allocation);
  for (const auto& [key, orphan] : state.orphans) add_allocation(orphan);
  return splits;
}

bool Commissioning(const State& state, const Budget& budget, std::vector<std::string>* waits_for) {
  bool commissioning = false;
  for (const uint32_t index : budget.nodes) {
    const Node& node = state.nodes[index];
    if (node.reported || node.lost || node.admitted) continue;
    commissioning = true;
    if (waits_for != nullptr && waits_for->size() < kListed) waits_for->push_back(node.id);
  }
  return commissioning;
}

Duration OverageOf(const Budget& budget, MonoTime now) {
  return budget.overage + (budget.overage_since.has_value() ? now - *budget.overage_since : Duration());
}

void FillBudgets(const State& state, const std::string& site, const Stamp& stamp, v1::ListBudgetsResponse* response) {
  const std::vector<Split> splits = Splits(state);
  for (uint32_t b = 0; b < state.budgets.size(); ++b) {
    const Budget& budget = state.budgets[b];
    if (!site.empty() && state.configuration.sites(static_cast<int>(budget.site_index)).id() != site) continue;
    v1::BudgetStatus* out = response->add_budgets();
    const power::Limit& limit = state.ledger.limit(b);
    out->set_id(budget.id);
    out->set_kind(budget.kind);
    out->set_cap_mw(limit.cap.count());
    out->set_base_mw(limit.base.count());
    out->set_bound_mw(state.ledger.Sum(b).count());
    out->set_earmarked_mw(state.ledger.Earmarked(b).count());
    out->set_headroom_mw(state.ledger.Headroom(b).count());
    out->set_fault_reserve_mw(limit.fault_reserve.count());
    out->set_measured_mw(-1);
    if (budget.metered) {
      const auto mean = budget.meter.Mean(stamp.mono - Seconds(5), stamp.mono);
      if (mean.has_value()) out->set_measured_mw(mean->count());
    }
    out->set_hashing_mw(splits[b].hashing.count());
    out->set_training_mw(splits[b].training.count());
    out->set_inference_mw(splits[b].inference.count());
    out->set_idle_mw(splits[b].idle.count());
    out->set_commissioning(Commissioning(state, budget, nullptr));
    out->set_overage_ms(OverageOf(budget, stamp.mono).count());
    for (const std::string& why : budget.blocked_by) out->add_blocked_by(why);
  }
  response->set_store_revision(stamp.sequence);
}

void FillSites(const State& state, const Stamp& stamp, v1::ListSitesResponse* response) {
  v1::ListBudgetsResponse budgets;
  FillBudgets(state, "", stamp, &budgets);
  for (int s = 0; s < state.configuration.sites_size(); ++s) {
    const v1::Site& site = state.configuration.sites(s);
    v1::SiteStatus* out = response->add_sites();
    out->set_id(site.id());
    for (const v1::BudgetStatus& budget : budgets.budgets()) {
      if (budget.kind() != v1::METER || budget.id().rfind(site.id() + "/", 0) != 0) continue;
      out->set_meter_budget(budget.id());
      out->set_cap_mw(budget.cap_mw());
      out->set_bound_mw(budget.bound_mw());
      out->set_measured_mw(budget.measured_mw());
      out->set_hashing_mw(budget.hashing_mw());
      out->set_ai_mw(budget.training_mw() + budget.inference_mw());
      out->set_commissioning(budget.commissioning());
    }
    std::vector<std::string> waits_for;
    for (const Node& node : state.nodes) {
      if (node.site != site.id()) continue;
      out->set_nodes(out->nodes() + 1);
      if (StateOf(node) == v1::READY) out->set_nodes_ready(out->nodes_ready() + 1);
      if (node.reported || node.lost || node.admitted) continue;
      out->set_nodes_unheard(out->nodes_unheard() + 1);
      if (waits_for.size() < kListed) waits_for.push_back(node.id);
    }
    for (const std::string& id : waits_for) out->add_commissioning_waits_for(id);
    HashRate rate;
    for (const auto& [id, allocation] : state.allocations) {
      if (allocation.kind == v1::HASHING && state.nodes[allocation.node].site == site.id())
        rate += GrantedHashRate(state, allocation);
    }
    out->set_hash_rate_ghs(rate.count());
    const economics::Prices prices = economics::PricesAt(site, stamp.utc);
    out->set_energy_price_micro_usd(prices.energy_per_mwh.count());
    out->set_hashprice_micro_usd(prices.hashprice_per_ph_day.count());
  }
}

void FillTenants(const State& state, v1::ListTenantsResponse* response) {
  for (const queueing::TenantShare& share : TenantShares(state)) {
    v1::TenantStatus* out = response->add_tenants();
    out->set_id(share.id.str());
    out->set_weight(share.weight);
    out->set_quota_mw(share.quota.count());
    out->set_used_mw(share.used.count());
    if (share.quota > Power()) out->set_borrowed_mw(std::max(Power(), share.used - share.quota).count());
    out->set_quota_gpu_milli(share.quota_gpu_milli);
    out->set_used_gpu_milli(share.used_gpu_milli);
    for (const auto& [id, job] : state.jobs) {
      if (job.row.job().spec().tenant() != share.id.str()) continue;
      const v1::JobState s = job.row.job().state();
      if (s == v1::PENDING) out->set_pending_jobs(out->pending_jobs() + 1);
      if (s == v1::RUNNING || s == v1::PREPARING || s == v1::STOPPING) out->set_running_jobs(out->running_jobs() + 1);
    }
    const auto sums = state.tenants.find(share.id.str());
    if (sums == state.tenants.end()) continue;
    out->set_energy_mj(sums->second.energy_mj());
    out->set_gpu_ms(sums->second.gpu_ms());
    out->set_spend_micro_usd(sums->second.spend_micro_usd());
  }
}

void AddAlarm(v1::ListAlarmsResponse* response, const char* kind, const std::string& subject, std::string text,
              UtcTime since = UtcTime()) {
  v1::Alarm* alarm = response->add_alarms();
  alarm->set_kind(kind);
  alarm->set_subject(subject);
  alarm->set_text(std::move(text));
  alarm->set_since_utc_ms(since.milliseconds());
}

void FillAlarms(const State& state, const Stamp& stamp, v1::ListAlarmsResponse* response) {
  for (uint32_t b = 0; b < state.budgets.size(); ++b) {
    const Budget& budget = state.budgets[b];
    if (budget.overage_since.has_value()) {
      const bool commissioning = Commissioning(state, budget, nullptr);
      AddAlarm(response, commissioning ? "commissioning" : "overage", budget.id,
               fmt::format("counts {} of {}; nothing rises beneath it{}", FormatPower(state.ledger.Sum(b)),
                           FormatPower(state.ledger.limit(b).cap),
                           commissioning ? " until every node beneath has reported, is lost or was admitted" : ""),
               stamp.utc - (stamp.mono - *budget.overage_since));
    }
    if (budget.unknown > Power())
      AddAlarm(response, "unknown-load", budget.id,
               fmt::format("its meter shows {} above the ledger; find what draws it", FormatPower(budget.unknown)));
  }
  if (const int64_t unclaimed = UnclaimedNodes(state); unclaimed > 0) {
    AddAlarm(response, "restored", state.configuration.cluster_id(),
             fmt::format("the store is a restored backup, and {} node(s) have not said to it yet what they draw: nothing "
                         "rises beneath their budgets; `switchyard why-not-rising` names them",
                         unclaimed));
  }
  for (const Node& node : state.nodes) {
    if (StateOf(node) == v1::UNREACHABLE) {
      AddAlarm(
          response, "unreachable", node.id,
          fmt::format("silent; its bounds stand. Mend it, or switch it off and `switchyard node lost {} --checked`",
                      node.id));
    }
    if (node.excess > Power())
      AddAlarm(response, "unknown-load", node.id,
               fmt::format("its meter shows {} above its bounds", FormatPower(node.excess)));
    if (!node.refusal.empty()) AddAlarm(response, "refused", node.id, node.refusal);
    if (!node.lowerings.empty() && node.session != 0 &&
        node.lowerings.begin()->second + Milliseconds(state.timing().confirm_timeout_ms()) < stamp.mono) {
      AddAlarm(response, "not-acknowledged", node.id, "does not acknowledge a lowering: its lease is not renewed");
    }
    for (const Group& group : node.groups) {
      for (const auto& [device, row] : group.quarantined) {
        const std::string name =
            static_cast<size_t>(device) < group.devices.size() ? group.devices[device] : std::to_string(device);
        AddAlarm(response, "quarantine", name,
                 fmt::format("on {}: {}; counts {}. Mend it, then `switchyard quarantine clear {}`", node.id,
                             row.reason(), FormatPower(Milliwatts(row.counted_mw())), name));
      }
    }
  }
  for (const auto& [key, orphan] : state.orphans) {
    AddAlarm(response, "orphan", std::to_string(orphan.id),
             fmt::format("runs on {} and is not in the store; `switchyard orphan stop {}` or `adopt`",
                         state.nodes[key.first].id, orphan.id));
  }
  for (const auto& [id, job] : state.jobs) {
    if (job.row.consecutive_failures() >= 6 && !Terminal(job.row.job().state())) {
      AddAlarm(response, placement::Name(placement::Constraint::kCrashLoop), std::to_string(id),
               job.row.job().reason());
    }
  }
  if (state.disk_full)
    AddAlarm(response, "disk", "store", "less than 256 MiB free: submissions are refused; free disk space");
  else if (state.disk_low)
    AddAlarm(response, "disk", "store", "less than 1 GiB free; free disk space");
}

absl::Status FillWhy(const State& state, const std::string& budget, MonoTime now, v1::WhyNotRisingResponse* response) {
  if (!budget.empty() && !state.budget_index.contains(budget)) {
    return absl::NotFoundError(fmt::format("budget \"{}\": not configured; `switchyard budgets` lists them", budget));
  }
  for (uint32_t b = 0; b < state.budgets.size(); ++b) {
    if (!budget.empty() && state.budgets[b].id != budget) continue;
    std::vector<std::string> why = state.budgets[b].blocked_by;
    for (const auto& [id, plan] : state.plans) {
      for (const pb::PlanBudget& need : plan.row.budgets()) {
        if (need.budget() != state.budgets[b].id || why.size() >= kListed) continue;
        why.push_back(fmt::format("plan {} of job {}: has {} of {}", id, plan.row.job(),
                                  FormatPower(Milliwatts(need.earmarked_mw())),
                                  FormatPower(Milliwatts(need.needed_mw()))));
      }
    }
    if (state.ledger.HeldOverhead(b) > Power())
      why.push_back(fmt::format("released overhead: {} still counts", FormatPower(state.ledger.HeldOverhead(b))));
    if (const Power raised = RaisedLately(state.budgets[b], now); raised > Power() && state.budgets[b].ramp_up > Power()) {
      why.push_back(fmt::format("ramp of hashing: {} of the {} a minute are spent", FormatPower(raised),
                                FormatPower(state.budgets[b].ramp_up)));
    }
    if (budget.empty() && why.empty()) continue;
    v1::WhyNotRisingResponse::Entry* entry = response->add_entries();
    entry->set_budget(state.budgets[b].id);
    entry->set_headroom_mw(state.ledger.Headroom(b).count());
    for (std::string& line : why) entry->add_blocked_by(std::move(line));
  }
  return absl::OkStatus();
}

void FillPlans(const State& state, const Stamp& stamp, v1::ListPlansResponse* response) {
  for (const auto& [id, plan] : state.plans) {
    v1::PlanStatus* out = response->add_plans();
    out->set_id(id);
    out->set_job(plan.row.job());
    out->set_attempt(plan.row.attempt());
    for (const pb::PlanBudget& need : plan.row.budgets()) {
      v1::BudgetUse* use = out->add_budgets();
      use->set_budget(need.budget());
      use->set_needed_mw(need.needed_mw());
      use->set_headroom_mw(need.earmarked_mw());
      use->set_cap_mw(state.ledger.limit(state.budget_index.at(need.budget())).cap.count());
    }
    for (const pb::PlanVictim& victim : plan.row.victims()) {
      const auto found = state.allocations.find(victim.allocation());
      out->add_victims(fmt::format("{} {} {} -> {}", victim.allocation(),
                                   found == state.allocations.end() ? "ended" : state.nodes[found->second.node].id,
                                   FormatPower(Milliwatts(victim.from_mw())),
                                   victim.end() ? "end" : FormatPower(Milliwatts(victim.target_mw()))));
    }
    out->set_opened_utc_ms(plan.row.opened_utc_ms());
    out->set_deadline_in_ms(std::max(Duration(), plan.deadline - stamp.mono).count());
    out->set_tasks(plan.row.members_size());
    out->set_preparing(static_cast<int32_t>(PreparingTasks(state, plan).size()));
    out->set_prepared(PreparedTasks(state, plan));
  }
}

absl::Status FillNodes(const State& state, const v1::ListNodesRequest& request, const Stamp& stamp,
                       v1::ListNodesResponse* response) {
  // Pages follow the order of names; the token is the last name given.
  auto it =
      request.page_token().empty() ? state.node_index.begin() : state.node_index.upper_bound(request.page_token());
  const int size = request.page_size() <= 0 ? 100 : std::min(request.page_size(), 1000);
  for (; it != state.node_index.end(); ++it) {
    const Node& node = state.nodes[it->second];
    if (!request.site().empty() && node.site != request.site()) continue;
    if (response->nodes_size() == size) {
      response->set_next_page_token(response->nodes(size - 1).id());
      break;
    }
    *response->add_nodes() = ToNodeStatus(state, node, stamp);
  }
  response->set_store_revision(stamp.sequence);
  return absl::OkStatus();
}

absl::Status FindLog(const State& state, const pb::Command& command, const v1::StreamLogsRequest& request,
                     pb::LogTarget* target) {
  const auto job = state.jobs.find(request.id());
  if (job == state.jobs.end()) return absl::NotFoundError(fmt::format("job \"{}\": not known", request.id()));
  if (absl::Status status = MayActFor(state, command, job->second.row.job().spec().tenant());
      absl::IsPermissionDenied(status))
    return status;
  for (const v1::Task& task : job->second.row.job().tasks()) {
    if ((!request.group().empty() && task.group() != request.group()) || task.index() != request.index()) continue;
    target->set_node(task.node());
    target->set_allocation(task.allocation());
    return absl::OkStatus();
  }
  if (job->second.row.job().spec().kind() == v1::HASHING) {
    const auto members = state.job_allocations.find(request.id());
    if (members != state.job_allocations.end() && static_cast<size_t>(request.index()) < members->second.size()) {
      const Allocation& allocation = state.allocations.at(*std::next(members->second.begin(), request.index()));
      target->set_node(state.nodes[allocation.node].id);
      target->set_allocation(allocation.id);
      return absl::OkStatus();
    }
  }
  return absl::FailedPreconditionError(fmt::format("job \"{}\": task {}/{} has not been placed yet; wait until it runs",
                                                   request.id(), request.group().empty() ? "*" : request.group(),
                                                   request.index()));
}

}  // namespace

v1::NodeStatus ToNodeStatus(const State& state, const Node& node, const Stamp& stamp) {
  v1::NodeStatus out;
  out.set_id(node.id);
  out.set_site(node.site);
  out.set_model(node.configured.model());
  out.set_state(StateOf(node));
  out.set_state_reason(!node.refusal.empty()            ? node.refusal
                       : node.damped_until > stamp.mono ? "flapping: takes nothing new yet"
                                                        : "");
  out.set_commissioned(node.reported || node.lost || node.admitted);
  out.set_agent_incarnation(node.agent_incarnation);
  out.set_boot_id(node.boot_id);
  out.set_hardware_id(node.hardware_id);
  out.set_set_revision(node.set_revision);
  out.set_applied_revision(node.applied_revision);
  out.set_platform_mw(PlatformWatts(node).count());
  Power grant, bound = node.platform_charged;
  for (const Group& group : node.groups) {
    v1::GroupStatus* status = out.add_groups();
    status->set_name(group.name);
    status->set_device_model(group.model.id());
    status->set_count(group.count);
    status->set_allocated(static_cast<int32_t>(
        std::count_if(group.used_milli.begin(), group.used_milli.end(), [](int32_t used) { return used > 0; })));
    status->set_quarantined(static_cast<int32_t>(group.quarantined.size()));
    status->set_bound_mw(group.charged.count());
    status->set_enforcer(group.enforcer);
    bound += group.charged;
  }
  for (const uint64_t id : node.allocations) {
    const Allocation& allocation = state.allocations.at(id);
    grant += allocation.bound.grant();
    bound += allocation.charged;
    *out.add_allocations() = ToStatus(state, allocation);
  }
  const uint32_t index = state.node_index.at(node.id);
  for (auto it = state.orphans.lower_bound({index, 0}); it != state.orphans.end() && it->first.first == index; ++it) {
    bound += it->second.charged;
    *out.add_allocations() = ToStatus(state, it->second);
  }
  out.set_grant_mw(grant.count());
  out.set_bound_mw(bound.count());
  out.set_measured_mw(node.draw.count());
  out.set_modelled(node.draw_modelled);
  out.set_lease_remaining_ms(-1);
  if (node.renewed.has_value() && node.session != 0)
    out.set_lease_remaining_ms(std::max(Duration(), *node.renewed + state.lease() - stamp.mono).count());
  for (const v1::Label& label : node.model.labels()) *out.add_labels() = label;
  for (const v1::Label& label : node.configured.labels()) *out.add_labels() = label;
  if (node.draining) out.set_drain_deadline_utc_ms(node.drain_deadline.milliseconds());
  out.set_store_revision(stamp.sequence);
  return out;
}

absl::Status Answer(const State& state, const pb::Command& command, const Stamp& stamp, pb::CommandResult* result) {
  const pb::Query& query = command.query();
  switch (query.what_case()) {
    case pb::Query::kExplain:
      return Explain(state, command, stamp, result->mutable_explain());
    case pb::Query::kBudgets:
      FillBudgets(state, query.budgets().site(), stamp, result->mutable_budgets());
      return absl::OkStatus();
    case pb::Query::kSites:
      FillSites(state, stamp, result->mutable_sites());
      return absl::OkStatus();
    case pb::Query::kTenants:
      FillTenants(state, result->mutable_tenants());
      return absl::OkStatus();
    case pb::Query::kAlarms:
      FillAlarms(state, stamp, result->mutable_alarms());
      return absl::OkStatus();
    case pb::Query::kWhy:
      return FillWhy(state, query.why().budget(), stamp.mono, result->mutable_why());
    case pb::Query::kOrphans:
      result->mutable_orphans();
      for (const auto& [key, orphan] : state.orphans)
        *result->mutable_orphans()->add_orphans() = ToStatus(state, orphan);
      return absl::OkStatus();
    case pb::Query::kQuarantine:
      result->mutable_quarantine();
      for (const Node& node : state.nodes) {
        for (const Group& group : node.groups) {
          for (const auto& [device, row] : group.quarantined) {
            v1::Quarantine* out = result->mutable_quarantine()->add_devices();
            out->set_node(node.id);
            out->set_device(static_cast<size_t>(device) < group.devices.size() ? group.devices[device]
                                                                               : std::to_string(device));
            out->set_counted_mw(row.counted_mw());
            out->set_reason(row.reason());
          }
        }
      }
      return absl::OkStatus();
    case pb::Query::kPlans:
      FillPlans(state, stamp, result->mutable_plans());
      return absl::OkStatus();
    case pb::Query::kNodes:
      return FillNodes(state, query.nodes(), stamp, result->mutable_nodes());
    case pb::Query::kNode: {
      const auto found = state.node_index.find(query.node().id());
      if (found == state.node_index.end())
        return absl::NotFoundError(
            fmt::format("node \"{}\": not configured; `switchyard nodes` lists them", query.node().id()));
      *result->mutable_node() = ToNodeStatus(state, state.nodes[found->second], stamp);
      return absl::OkStatus();
    }
    case pb::Query::kLogTarget:
      return FindLog(state, command, query.log_target(), result->mutable_log_target());
    case pb::Query::WHAT_NOT_SET:
      break;
  }
  return absl::InvalidArgumentError("query: nothing asked");
}

}  // namespace switchyard::core
