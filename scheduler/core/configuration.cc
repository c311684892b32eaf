#include "scheduler/core/configuration.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_join.h"
#include "common/faults/mutation.h"
#include "common/quantity_text.h"
#include "common/topology/topology.h"
#include "common/topology/validate_configuration.h"
#include "fmt/format.h"
#include "scheduler/core/charges.h"
#include "scheduler/core/evidence.h"
#include "scheduler/core/plans.h"
#include "scheduler/core/ramp.h"
#include "scheduler/core/restored.h"
#include "scheduler/core/rows.h"

namespace switchyard::core {
namespace {

std::string NodeName(const v1::Node& node) { return node.site() + "/" + node.id(); }

const v1::NodeModel* FindNodeModel(const v1::ClusterConfiguration& configuration, const std::string& id) {
  for (const v1::NodeModel& model : configuration.node_models())
    if (model.id() == id) return &model;
  return nullptr;
}

// Built anew from a configuration, without any history.
struct House {
  std::vector<Node> nodes;
  std::map<std::string, uint32_t> node_index;
  std::vector<Budget> budgets;
  std::map<std::string, uint32_t> budget_index;
  power::Ledger ledger;
};

Group MakeGroup(const v1::ClusterConfiguration& configuration, const v1::DeviceGroup& group, uint32_t chain) {
  Group out;
  out.name = group.name();
  out.count = group.count();
  out.chain = chain;
  for (const v1::DeviceModel& model : configuration.device_models()) {
    if (model.id() == group.device_model()) out.model = model;
  }
  const int64_t scale = configuration.timing().ramp_scale_ppm();
  out.model.set_ramp_up_ms((out.model.ramp_up_ms() * scale + 999'999) / 1'000'000);
  out.model.set_ramp_down_ms((out.model.ramp_down_ms() * scale + 999'999) / 1'000'000);
  out.enforcer = v1::ENFORCER_NONE;  // until an agent has tested it
  out.used_milli.assign(static_cast<size_t>(out.count), 0);
  return out;
}

House BuildHouse(const v1::ClusterConfiguration& configuration, const topology::Topology& topology) {
  House house;
  std::vector<power::Limit> limits;
  for (uint32_t b = 0; b < topology.budgets().size(); ++b) {
    const topology::BudgetInfo& info = topology.budgets()[b];
    const v1::Site& site = configuration.sites(static_cast<int>(info.site));
    Budget budget;
    budget.id = info.id.str();
    budget.site_index = info.site;
    budget.kind = info.kind;
    budget.shed_deadline = info.shed_deadline;
    budget.meter_lag = info.meter_lag;
    budget.ramp_up = info.ramp_up;
    budget.nodes = topology.NodesUnder(b);
    house.budget_index[budget.id] = b;
    house.budgets.push_back(std::move(budget));
    const bool meter = info.kind == v1::METER;
    limits.push_back({.cap = info.cap,
                      .base = info.base,
                      .fault_reserve = info.fault_reserve,
                      .overhead = PartsPerMillion(meter ? site.overhead_marginal_ppm() : 0),
                      .overhead_lag = Milliseconds(meter ? site.overhead_lag_ms() : 0)});
  }
  std::vector<power::Chain> chains;
  for (const topology::Chain& chain : topology.chains()) {
    power::Chain edges;
    for (const topology::ChainEdge& edge : chain) {
      if (SWITCHYARD_MUTATION(survivor_feed_forgotten) && house.budgets[edge.budget].kind == v1::SURVIVOR) continue;
      edges.push_back({edge.budget, edge.coefficient});
    }
    chains.push_back(std::move(edges));
  }
  house.ledger = power::Ledger(std::move(limits), std::move(chains));
  for (int n = 0; n < configuration.nodes_size(); ++n) {
    const v1::Node& configured = configuration.nodes(n);
    Node node;
    node.id = NodeName(configured);
    node.site = configured.site();
    node.configured = configured;
    for (int s = 0; s < configuration.sites_size(); ++s) {
      if (configuration.sites(s).id() == node.site) node.site_index = static_cast<uint32_t>(s);
    }
    node.model = *FindNodeModel(configuration, configured.model());
    node.platform_chain = topology.ChainOf(static_cast<uint32_t>(n), topology::kPlatform);
    for (int g = 0; g < node.model.groups_size(); ++g) {
      node.groups.push_back(
          MakeGroup(configuration, node.model.groups(g), topology.ChainOf(static_cast<uint32_t>(n), g)));
    }
    house.node_index[node.id] = static_cast<uint32_t>(n);
    house.nodes.push_back(std::move(node));
  }
  return house;
}

enum class Compare { kBudgets, kCoefficients };

bool SameEdges(const State& state, uint32_t chain, const House& house, uint32_t next_chain, Compare compare) {
  const bool exact = compare == Compare::kCoefficients;
  std::set<std::pair<std::string, int64_t>> edges, next_edges;
  for (const power::Edge& edge : state.ledger.chain(chain))
    edges.insert({state.budgets[edge.budget].id, exact ? edge.coefficient.count() : 0});
  for (const power::Edge& edge : house.ledger.chain(next_chain))
    next_edges.insert({house.budgets[edge.budget].id, exact ? edge.coefficient.count() : 0});
  return edges == next_edges;
}

// Whether a node stays under the same budgets. A coefficient that changes is handled as a cap that does; only what was
// worked out with it (a plan) is void.
bool SamePlace(const State& state, const Node& node, const House& house, const Node& next, Compare compare) {
  if (!SameEdges(state, node.platform_chain, house, next.platform_chain, compare)) return false;
  if (node.groups.size() != next.groups.size()) return false;
  for (size_t g = 0; g < node.groups.size(); ++g) {
    if (!SameEdges(state, node.groups[g].chain, house, next.groups[g].chain, compare)) return false;
  }
  return true;
}

// Whether a node's devices may draw what they might before: grants were worked out with it.
bool SameDevices(const Node& node, const Node& next) {
  return std::equal(node.groups.begin(), node.groups.end(), next.groups.begin(), next.groups.end(),
                    [](const Group& a, const Group& b) { return Bytes(a.model) == Bytes(b.model); });
}

// A plan lives on where its members and budgets are what they were; a lower cap cancels it in the round.
bool PlanStands(const State& state, const Plan& plan, const House& house) {
  for (const pb::PlanBudget& need : plan.row.budgets()) {
    if (!house.budget_index.contains(need.budget())) return false;
  }
  for (const pb::PlanMember& member : plan.row.members()) {
    const auto next = house.node_index.find(member.node());
    if (next == house.node_index.end()) return false;
    const Node& node = state.nodes[state.node_index.at(member.node())];
    if (node.configured.model() != house.nodes[next->second].configured.model()) return false;
    if (!SameDevices(node, house.nodes[next->second])) return false;
    if (!SamePlace(state, node, house, house.nodes[next->second], Compare::kCoefficients)) return false;
  }
  return true;
}

// Why a reload may not happen: everything still named by what lives (docs/protocol.md, "Reconfiguration").
std::vector<std::string> Objections(const State& state, const v1::ClusterConfiguration& next, const House& house) {
  std::vector<std::string> objections;
  if (next.cluster_id() != state.configuration.cluster_id()) {
    objections.push_back(
        fmt::format("cluster_id \"{}\": the store belongs to \"{}\"; a store is never moved to another cluster",
                    next.cluster_id(), state.configuration.cluster_id()));
  }
  for (const Node& node : state.nodes) {
    const auto found = house.node_index.find(node.id);
    const bool silent = !node.reported && node.allocations.empty();  // configured only: nothing depends on it yet
    if (found == house.node_index.end()) {
      if (!node.lost && !silent)
        objections.push_back(
            fmt::format("node \"{}\": is gone from the file but not lost; `switchyard drain {}`, switch it "
                        "off, then `switchyard node lost {} --checked`",
                        node.id, node.id, node.id));
      continue;
    }
    if (node.allocations.empty()) continue;
    const Node& renewed = house.nodes[found->second];
    if (node.configured.model() != renewed.configured.model() ||
        node.model.groups_size() != renewed.model.groups_size()) {
      objections.push_back(
          fmt::format("node \"{}\": changes its model while {} allocation(s) live on it; `switchyard drain {}` first",
                      node.id, node.allocations.size(), node.id));
    } else if (!SamePlace(state, node, house, renewed, Compare::kBudgets)) {
      objections.push_back(fmt::format(
          "node \"{}\": moves to other budgets while {} allocation(s) live on it; `switchyard drain {}` first", node.id,
          node.allocations.size(), node.id));
    }
  }
  std::set<std::string> tenants;
  for (const v1::Tenant& tenant : next.tenants()) tenants.insert(tenant.id());
  std::map<std::string, int> jobs_of;
  for (const auto& [id, allocations] : state.job_allocations) {
    const std::string& tenant = state.jobs.at(id).row.job().spec().tenant();
    if (!allocations.empty() && !tenants.contains(tenant)) ++jobs_of[tenant];
  }
  for (const auto& [tenant, count] : jobs_of) {
    objections.push_back(fmt::format(
        "tenant \"{}\": is gone from the file but has {} running job(s); cancel them first", tenant, count));
  }
  return objections;
}

// A raised nameplate counts for everything unallocated at once: it must fit.
void AddNameplateObjections(const State& state, const House& house, std::vector<std::string>* objections) {
  for (const Node& node : state.nodes) {
    const auto found = house.node_index.find(node.id);
    if (found == house.node_index.end() || node.lost || !node.reported) continue;
    const Node& renewed = house.nodes[found->second];
    for (size_t g = 0; g < node.groups.size() && g < renewed.groups.size(); ++g) {
      const Power rise = (Milliwatts(renewed.groups[g].model.max_mw()) - Milliwatts(node.groups[g].model.max_mw())) *
                         node.groups[g].count;
      if (rise <= Power()) continue;
      for (const power::Edge& edge : state.ledger.chain(node.groups[g].chain)) {
        if (ScaleUp(rise, edge.coefficient) > state.ledger.Headroom(edge.budget)) {
          objections->push_back(
              fmt::format("node \"{}\": the raised nameplate of \"{}\" adds {}, budget \"{}\" has {} headroom; lower "
                          "hashing or raise the cap first",
                          node.id, node.groups[g].name, FormatPower(rise), state.budgets[edge.budget].id,
                          FormatPower(state.ledger.Headroom(edge.budget))));
        }
      }
    }
  }
}

// Carries a node's history over to its rebuilt self.
void Inherit(const Node& old_node, Node* node) {
  Node renewed = *node;
  *node = old_node;
  node->configured = renewed.configured;
  node->model = renewed.model;
  node->site_index = renewed.site_index;
  node->platform_chain = renewed.platform_chain;
  node->platform_charged = Power();
  for (Group& group : renewed.groups) {
    for (const Group& before : old_node.groups) {
      if (before.name != group.name || before.count != group.count || before.model.id() != group.model.id()) continue;
      const v1::DeviceModel model = group.model;
      const uint32_t chain = group.chain;
      group = before;
      group.model = model;
      group.chain = chain;
      group.charged = Power();
    }
  }
  node->groups = std::move(renewed.groups);
}

// What this batch marked before the reload speaks of nodes by their old numbers.
void RenumberMarks(Step& step, const std::map<uint32_t, uint32_t>& renumbered) {
  const auto changed_nodes = std::exchange(step.changed_nodes, {});
  const auto changed_orphans = std::exchange(step.changed_orphans, {});
  const auto stop_orphans = std::exchange(step.stop_orphans, {});
  auto changed_sets = std::exchange(step.changed_sets, {});
  for (const auto& [before, now] : renumbered) {
    if (changed_nodes.contains(before)) step.changed_nodes.insert(now);
    for (const auto& [node, id] : changed_orphans)
      if (node == before) step.changed_orphans.insert({now, id});
    for (const auto& [node, id] : stop_orphans)
      if (node == before) step.stop_orphans.push_back({now, id});
    const auto set = changed_sets.find(before);
    if (set != changed_sets.end()) step.changed_sets[now] = std::move(set->second);
  }
}

void Install(Step& step, House house) {
  State& state = step.state;
  std::map<uint32_t, uint32_t> renumbered;
  for (const Node& node : state.nodes) {
    const auto found = house.node_index.find(node.id);
    if (found == house.node_index.end()) {
      step.removed_node_rows.insert(node.id);
      continue;
    }
    renumbered[state.node_index.at(node.id)] = found->second;
    Inherit(node, &house.nodes[found->second]);
  }
  for (Budget& budget : house.budgets) {
    const auto found = state.budget_index.find(budget.id);
    if (found == state.budget_index.end()) continue;
    const Budget& before = state.budgets[found->second];
    house.ledger.HoldOn(state.ledger, found->second, house.budget_index.at(budget.id));
    budget.meter = before.meter;
    budget.meter_seen = before.meter_seen;
    budget.metered = before.metered;
    budget.unknown = before.unknown;
    budget.overage = before.overage;
    budget.overage_since = before.overage_since;
    InheritRaises(before, budget, step.stamp.mono);
  }
  std::erase_if(state.allocations, [&](const auto& entry) { return !renumbered.contains(entry.second.node); });
  std::map<std::pair<uint32_t, uint64_t>, Allocation> orphans;
  for (auto& [key, orphan] : state.orphans) {
    if (!renumbered.contains(key.first)) continue;
    orphan.node = renumbered.at(key.first);
    orphan.charged = Power();
    orphans.emplace(std::make_pair(orphan.node, key.second), std::move(orphan));
  }
  for (auto& [id, allocation] : state.allocations) {
    allocation.node = renumbered.at(allocation.node);
    allocation.charged = Power();
    allocation.shared.reset();
    allocation.watch.reset();
  }
  state.tenant_use.clear();  // counted anew with the ledger
  state.views.clear();
  state.orphans = std::move(orphans);
  state.nodes = std::move(house.nodes);
  state.node_index = std::move(house.node_index);
  state.budgets = std::move(house.budgets);
  state.budget_index = std::move(house.budget_index);
  state.ledger = std::move(house.ledger);
  RenumberMarks(step, renumbered);
  const bool restored = UnclaimedNodes(state) > 0;
  for (uint32_t index = 0; index < state.nodes.size(); ++index) {
    step.WakeAt(step.stamp.mono, TimerKind::kNode, index);
    if (state.nodes[index].set_revision != 0) continue;
    // A new node: its set is known, and empty. To a store that was restored it may be news alone.
    state.nodes[index].unclaimed = restored;
    if (restored) step.changed_nodes.insert(index);
    state.nodes[index].set_revision = step.stamp.sequence;
    step.changed_sets[index].reset = true;
  }
  RebuildLedger(step);
  RecountUnknown(state);
}

}  // namespace

void RebuildLedger(Step& step) {
  State& state = step.state;
  for (Node& node : state.nodes) ChargeNode(step, node);
  for (auto& [id, plan] : state.plans) {
    for (const pb::PlanBudget& need : plan.row.budgets()) {
      const auto budget = state.budget_index.find(need.budget());
      if (budget != state.budget_index.end()) state.ledger.Earmark(budget->second, Milliwatts(need.earmarked_mw()));
    }
  }
}

absl::Status LoadConfiguration(Step& step, const v1::ClusterConfiguration& given) {
  v1::ClusterConfiguration configuration = given;
  topology::ApplyDefaults(&configuration);
  absl::StatusOr<topology::Topology> topology = topology::Topology::Build(configuration);
  if (!topology.ok()) return topology.status();
  State& state = step.state;
  House house = BuildHouse(configuration, *topology);
  if (state.configured) {
    std::vector<std::string> objections = Objections(state, configuration, house);
    AddNameplateObjections(state, house, &objections);
    if (!objections.empty()) {
      return absl::FailedPreconditionError("configuration refused, nothing of it was applied:\n" +
                                           absl::StrJoin(objections, "\n"));
    }
    std::vector<uint64_t> void_plans;
    for (const auto& [id, plan] : state.plans) {
      if (!PlanStands(state, plan, house)) void_plans.push_back(id);
    }
    for (const uint64_t id : void_plans) AbandonPlan(step, id, "the configuration was reloaded");
  }
  const bool changed = !state.configured || Bytes(configuration) != Bytes(state.configuration);
  state.configuration = std::move(configuration);
  Install(step, std::move(house));
  for (const v1::Tenant& tenant : state.configuration.tenants()) state.tenants[tenant.id()].set_id(tenant.id());
  if (changed) {
    state.configuration_loaded = step.stamp.utc;
    pb::ConfigurationRow row;
    *row.mutable_configuration() = state.configuration;
    row.set_loaded_utc_ms(step.stamp.utc.milliseconds());
    step.PutRow(RowKind::kConfiguration, "configuration", Bytes(row));
    step.Event("ConfigurationLoaded", state.configuration.cluster_id(),
               fmt::format("{} site(s), {} node(s), {} budget(s)", state.configuration.sites_size(), state.nodes.size(),
                           state.budgets.size()));
  }
  state.configured = true;
  state.round_needed = true;
  return absl::OkStatus();
}

absl::Status RestoreConfiguration(Step& step, const v1::ClusterConfiguration& configuration) {
  absl::StatusOr<topology::Topology> topology = topology::Topology::Build(configuration);
  if (!topology.ok()) return absl::DataLossError("stored configuration: " + std::string(topology.status().message()));
  State& state = step.state;
  House house = BuildHouse(configuration, *topology);
  state.configuration = configuration;
  state.nodes = std::move(house.nodes);
  state.node_index = std::move(house.node_index);
  state.budgets = std::move(house.budgets);
  state.budget_index = std::move(house.budget_index);
  state.ledger = std::move(house.ledger);
  state.configured = true;
  return absl::OkStatus();
}

}  // namespace switchyard::core
