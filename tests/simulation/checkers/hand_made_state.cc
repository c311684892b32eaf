#include "tests/simulation/checkers/hand_made_state.h"

#include <utility>

#include "common/check.h"
#include "common/topology/topology.h"
#include "common/topology/validate_configuration.h"

namespace switchyard::simulation {
namespace {

const v1::NodeModel& ModelOf(const v1::ClusterConfiguration& configuration, const std::string& id) {
  for (const v1::NodeModel& model : configuration.node_models()) {
    if (model.id() == id) return model;
  }
  SWITCHYARD_CHECK(false) << id;
  return configuration.node_models(0);
}

core::Group MakeGroup(const v1::ClusterConfiguration& configuration, const v1::DeviceGroup& described, uint32_t chain) {
  core::Group group;
  group.name = described.name();
  group.count = described.count();
  group.chain = chain;
  group.used_milli.resize(static_cast<size_t>(described.count()));
  for (const v1::DeviceModel& model : configuration.device_models()) {
    if (model.id() == described.device_model()) group.model = model;
  }
  group.enforcer = group.model.enforcer();
  if (group.model.power_cycle() == v1::PERSISTENT) group.pool = Milliwatts(group.model.idle_mw()) * described.count();
  return group;
}

power::Ledger MakeLedger(const v1::ClusterConfiguration& configuration, const topology::Topology& topology) {
  std::vector<power::Limit> limits;
  for (const topology::BudgetInfo& budget : topology.budgets()) {
    const v1::Site& site = configuration.sites(static_cast<int>(budget.site));
    const bool meter = budget.kind == v1::METER;
    power::Limit limit;
    limit.cap = budget.cap;
    limit.base = budget.base;
    limit.overhead = PartsPerMillion(meter ? site.overhead_marginal_ppm() : 0);
    limit.overhead_lag = Milliseconds(meter ? site.overhead_lag_ms() : 0);
    limits.push_back(limit);
  }
  std::vector<power::Chain> chains;
  for (const topology::Chain& from : topology.chains()) {
    power::Chain& chain = chains.emplace_back();
    for (const topology::ChainEdge& edge : from) chain.push_back({edge.budget, edge.coefficient});
  }
  return power::Ledger(std::move(limits), std::move(chains));
}

}  // namespace

core::State MakeState(const v1::ClusterConfiguration& raw) {
  core::State state;
  state.configuration = raw;
  topology::ApplyDefaults(&state.configuration);
  const absl::StatusOr<topology::Topology> built = topology::Topology::Build(state.configuration);
  SWITCHYARD_CHECK(built.ok()) << built.status().ToString();
  state.configured = state.term_started = true;
  state.ledger = MakeLedger(state.configuration, *built);
  for (uint32_t b = 0; b < built->budgets().size(); ++b) {
    core::Budget& budget = state.budgets.emplace_back();
    budget.id = built->budgets()[b].id.str();
    budget.shed_deadline = built->budgets()[b].shed_deadline;
    budget.nodes = built->NodesUnder(b);
    state.budget_index[budget.id] = b;
  }
  for (uint32_t n = 0; n < static_cast<uint32_t>(state.configuration.nodes_size()); ++n) {
    core::Node& node = state.nodes.emplace_back();
    node.configured = state.configuration.nodes(static_cast<int>(n));
    node.id = node.configured.site() + "/" + node.configured.id();
    node.site = node.configured.site();
    node.model = ModelOf(state.configuration, node.configured.model());
    node.platform_chain = built->ChainOf(n, topology::kPlatform);
    node.reported = node.heard = true;
    node.session = n + 1;
    for (int g = 0; g < node.model.groups_size(); ++g) {
      node.groups.push_back(MakeGroup(state.configuration, node.model.groups(g), built->ChainOf(n, g)));
    }
    state.node_index[node.id] = n;
    Charge(&state, n, -1, Milliwatts(node.model.platform_mw()));
    for (int g = 0; g < static_cast<int>(node.groups.size()); ++g) {
      const core::Group& group = node.groups[static_cast<size_t>(g)];
      const int64_t each = group.model.power_cycle() == v1::NEITHER ? group.model.max_mw() : group.model.idle_mw();
      Charge(&state, n, g, Milliwatts(each) * group.count);
    }
  }
  return state;
}

void Charge(core::State* state, uint32_t n, int g, Power watts) {
  core::Node& node = state->nodes[n];
  Power& charged = g < 0 ? node.platform_charged : node.groups[static_cast<size_t>(g)].charged;
  state->ledger.Move(g < 0 ? node.platform_chain : node.groups[static_cast<size_t>(g)].chain, charged, charged + watts,
                     At(0));
  charged += watts;
}

core::Allocation& AddAllocation(core::State* state, uint64_t id, uint32_t n, std::vector<int32_t> devices,
                                v1::JobKind kind, Power grant, uint64_t revision) {
  core::Node& node = state->nodes[n];
  core::Group& group = node.groups[0];
  const Power idle = Milliwatts(group.model.idle_mw()) * static_cast<int64_t>(devices.size());
  Charge(state, n, 0, -idle);
  if (group.pool.has_value()) *group.pool -= idle;
  core::Allocation allocation;
  allocation.id = id;
  allocation.node = n;
  allocation.group = 0;
  allocation.devices = std::move(devices);
  allocation.kind = kind;
  allocation.job = id;
  allocation.attempt = 1;
  allocation.phase = v1::RUN;
  allocation.reported = v1::TASK_RUNNING;
  allocation.ordered_revision = revision;
  allocation.bound.Order(revision, grant);
  allocation.bound.Confirm(revision, grant);
  allocation.charged = grant;
  state->ledger.Move(group.chain, Power(), grant, At(0));
  for (const int32_t device : allocation.devices) group.used_milli[static_cast<size_t>(device)] += 1000;
  node.allocations.insert(id);
  return state->allocations[id] = std::move(allocation);
}

core::Job& AddJob(core::State* state, uint64_t id, v1::JobSpec spec, v1::JobState job_state) {
  core::Job& job = state->jobs[id];
  job.row.mutable_job()->set_id(id);
  *job.row.mutable_job()->mutable_spec() = std::move(spec);
  job.row.mutable_job()->set_state(job_state);
  return job;
}

core::Row AllocationRow(uint64_t id) {
  store::v1::AllocationRow row;
  row.set_id(id);
  row.set_job(id);
  row.set_attempt(1);
  return {core::RowKind::kAllocation, core::NumberKey(id), row.SerializeAsString()};
}

core::Row Deleted(core::RowKind kind, uint64_t id) { return {kind, core::NumberKey(id), std::nullopt}; }

core::Row JobRow(const store::v1::JobRow& job) {
  return {core::RowKind::kJob, core::NumberKey(job.job().id()), job.SerializeAsString()};
}

core::Effects WithRows(std::vector<core::Row> rows) {
  core::Effects effects;
  effects.rows = std::move(rows);
  return effects;
}

core::Stamp StampAt(int64_t ms, uint64_t sequence) {
  core::Stamp stamp;
  stamp.mono = At(ms);
  stamp.utc = UtcTime(ms);
  stamp.sequence = sequence;
  return stamp;
}

store::v1::Command Heartbeat(const std::string& node) {
  store::v1::Command command;
  command.mutable_heartbeat()->set_node(node);
  return command;
}

store::v1::Command Report(const std::string& node, uint64_t id, uint64_t revision, Power confirmed) {
  store::v1::Command command;
  command.mutable_report()->set_node(node);
  v1::AllocationReport* report = command.mutable_report()->mutable_report()->add_allocations();
  report->set_allocation(id);
  report->set_revision(revision);
  report->set_phase(v1::TASK_RUNNING);
  report->set_confirmed_mw(confirmed.count());
  return command;
}

Deed Fault(FaultKind kind, const std::string& subject, Duration span) {
  Deed deed;
  deed.fault = kind;
  deed.subject = subject;
  deed.span = span;
  return deed;
}

v1::DesiredAllocation Desired(uint64_t id, v1::JobKind kind, std::vector<std::string> devices, int share_milli) {
  v1::DesiredAllocation order;
  order.set_allocation(id);
  order.set_job(id);
  order.set_epoch(1);
  order.set_kind(kind);
  order.set_device_share_milli(share_milli);
  order.mutable_launch()->set_attempt(1);
  for (std::string& device : devices) order.add_devices(std::move(device));
  return order;
}

}  // namespace switchyard::simulation
