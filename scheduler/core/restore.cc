#include <algorithm>
#include <functional>

#include "absl/status/status.h"
#include "common/faults/mutation.h"
#include "fmt/format.h"
#include "scheduler/core/charges.h"
#include "scheduler/core/configuration.h"
#include "scheduler/core/core.h"
#include "scheduler/core/jobs.h"
#include "scheduler/core/rows.h"
#include "scheduler/core/state.h"

namespace switchyard::core {
namespace {

absl::Status Unreadable(const char* what, const std::string& key) {
  return absl::DataLossError(fmt::format("{} row \"{}\": cannot be read; restore a backup", what, key));
}

template <typename Message>
absl::Status Each(const std::vector<Row>& rows, RowKind kind, const char* what,
                  const std::function<absl::Status(const Row&, const Message&)>& take) {
  for (const Row& row : rows) {
    if (row.kind != kind || !row.value.has_value()) continue;
    Message message;
    if (!message.ParseFromString(*row.value)) return Unreadable(what, row.key);
    if (absl::Status status = take(row, message); !status.ok()) return status;
  }
  return absl::OkStatus();
}

// Binds a restored allocation to its node, job and devices.
absl::Status Attach(State& state, Allocation allocation) {
  Node& node = state.nodes[allocation.node];
  if (allocation.group >= 0) {
    Group& group = node.groups[allocation.group];
    for (const int32_t device : allocation.devices) {
      group.used_milli[device] += allocation.share_milli;
      if (group.used_milli[device] > 1000 && !allocation.orphan) {
        return absl::DataLossError(
            fmt::format("allocation \"{}\": device {} of node \"{}\" is held twice", allocation.id, device, node.id));
      }
    }
  }
  state.next_allocation = std::max(state.next_allocation, allocation.id + 1);
  if (allocation.orphan) {
    const auto key = std::make_pair(allocation.node, allocation.id);
    state.orphans.emplace(key, std::move(allocation));
    return absl::OkStatus();
  }
  if (!state.jobs.contains(allocation.job)) {
    return absl::DataLossError(
        fmt::format("allocation \"{}\": of job \"{}\", which the store does not have", allocation.id, allocation.job));
  }
  node.allocations.insert(allocation.id);
  state.job_allocations[allocation.job].insert(allocation.id);
  const uint64_t id = allocation.id;
  state.allocations.emplace(id, std::move(allocation));
  return absl::OkStatus();
}

}  // namespace

absl::Status Core::Restore(const std::vector<Row>& rows) {
  State& state = *state_;
  Step step(state, Stamp{});
  absl::Status status = Each<pb::MetaRow>(rows, RowKind::kMeta, "meta", [&](const Row&, const pb::MetaRow& row) {
    state.meta = row;
    state.meta.set_next_job(std::max<uint64_t>(1, row.next_job()));
    state.next_allocation = std::max<uint64_t>(1, row.next_allocation());
    state.next_plan = std::max<uint64_t>(1, row.next_plan());
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  status = Each<pb::ConfigurationRow>(rows, RowKind::kConfiguration, "configuration",
                                      [&](const Row&, const pb::ConfigurationRow& row) {
                                        state.configuration_loaded = UtcTime(row.loaded_utc_ms());
                                        return RestoreConfiguration(step, row.configuration());
                                      });
  if (!status.ok()) return status;
  status = Each<pb::NodeRow>(rows, RowKind::kNode, "node", [&](const Row&, const pb::NodeRow& row) {
    const auto found = state.node_index.find(row.id());
    if (found != state.node_index.end()) FromRow(row, &state.nodes[found->second]);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  status = Each<pb::JobRow>(rows, RowKind::kJob, "job", [&](const Row&, const pb::JobRow& row) {
    Job job;
    job.row = row;
    job.pending = row.job().pending();
    job.shape = ShapeOf(row.job().spec());
    state.meta.set_next_job(std::max(state.meta.next_job(), row.job().id() + 1));
    if (Terminal(row.job().state())) state.finished.emplace(UtcTime(row.job().finished_utc_ms()), row.job().id());
    if (row.job().spec().kind() == v1::HASHING) state.hashing_jobs.insert(row.job().id());
    state.jobs.emplace(row.job().id(), std::move(job));
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  status =
      Each<pb::AllocationRow>(rows, RowKind::kAllocation, "allocation", [&](const Row&, const pb::AllocationRow& row) {
        absl::StatusOr<Allocation> allocation = FromRow(state, row);
        if (!allocation.ok()) return allocation.status();
        return Attach(state, *std::move(allocation));
      });
  if (!status.ok()) return status;
  status = Each<pb::PlanRow>(rows, RowKind::kPlan, "plan", [&](const Row&, const pb::PlanRow& row) {
    if (SWITCHYARD_MUTATION(plan_forgotten_at_restart)) return absl::OkStatus();
    for (const pb::PlanBudget& need : row.budgets()) {
      if (!state.budget_index.contains(need.budget())) return Unreadable("plan", need.budget());
    }
    if (!state.jobs.contains(row.job())) return Unreadable("plan", std::to_string(row.id()));
    state.plans[row.id()].row = row;
    state.next_plan = std::max(state.next_plan, row.id() + 1);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  status = Each<pb::TenantRow>(rows, RowKind::kTenant, "tenant", [&](const Row&, const pb::TenantRow& row) {
    state.tenants[row.id()] = row;
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  status = Each<pb::IdempotencyRow>(rows, RowKind::kIdempotency, "idempotency",
                                    [&](const Row& row, const pb::IdempotencyRow& message) {
                                      state.idempotency[row.key] = message;
                                      return absl::OkStatus();
                                    });
  if (!status.ok()) return status;
  status = Each<pb::TokenRow>(rows, RowKind::kToken, "token", [&](const Row&, const pb::TokenRow& row) {
    state.tokens[row.node()] = row;
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  for (const Row& row : rows) {
    if (row.kind == RowKind::kEvent && row.key.size() == 8) state.event_keys.push_back(KeyNumber(row.key));
  }
  RebuildLedger(step);
  for (auto& [id, job] : state.jobs) UpdateWaiting(state, job);
  return CheckInvariants();
}

}  // namespace switchyard::core
