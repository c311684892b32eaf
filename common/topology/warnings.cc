// What is allowed but must be known before a cluster is switched on.
#include <algorithm>

#include "common/topology/checker.h"
#include "common/topology/topology_builder.h"
#include "common/topology/validate_configuration.h"

namespace switchyard::topology {
namespace {

using ModelIndex = std::map<std::string, const v1::DeviceModel*>;

// The most that the load beneath each budget may draw: base, platform and every device at its nameplate.
std::vector<Power> Nameplates(const v1::ClusterConfiguration& configuration, const Topology& topology, const ModelIndex& devices) {
  std::map<std::string, const v1::NodeModel*> models;
  for (const v1::NodeModel& model : configuration.node_models()) models.emplace(model.id(), &model);
  std::vector<Power> sums;
  for (const BudgetInfo& budget : topology.budgets()) sums.push_back(budget.base);
  for (uint32_t n = 0; n < topology.node_count(); ++n) {
    const v1::NodeModel& model = *models.at(configuration.nodes(static_cast<int>(n)).model());
    for (const ChainEdge& edge : topology.ChainFor(n, kPlatform)) sums[edge.budget] += ScaleUp(Milliwatts(model.platform_mw()), edge.coefficient);
    for (int g = 0; g < model.groups_size(); ++g) {
      const Power watts = Milliwatts(devices.at(model.groups(g).device_model())->max_mw()) * model.groups(g).count();
      for (const ChainEdge& edge : topology.ChainFor(n, g)) sums[edge.budget] += ScaleUp(watts, edge.coefficient);
    }
  }
  return sums;
}

void WarnOfCommissioning(const v1::ClusterConfiguration& configuration, const ModelIndex& devices, Checker* checker) {
  const Topology topology = BuildTopology(configuration);
  const std::vector<Power> sums = Nameplates(configuration, topology, devices);
  uint32_t index = 0;
  for (int s = 0; s < configuration.sites_size(); ++s) {
    const v1::Site& site = configuration.sites(s);
    for (int b = 0; b < site.budgets_size() + site.feed_pairs_size(); ++b, ++index) {
      const BudgetInfo& budget = topology.budgets()[index];
      if (sums[index] <= budget.cap) continue;
      const bool pair = b >= site.budgets_size();
      checker->Add(pair ? fmt::format("sites[{}].feed_pairs[{}].failover_cap_mw", s, b - site.budgets_size()) : fmt::format("sites[{}].budgets[{}].cap_mw", s, b),
                   Checker::Subject("budget", budget.id.str()),
                   fmt::format("nameplates beneath it sum to {}, its cap is {}; it starts in commissioning and nothing beneath it rises until "
                               "every node has reported, is lost or was admitted",
                               FormatPower(sums[index]), FormatPower(budget.cap)));
    }
  }
}

// Firm AI may only be funded by watts that are surely gone: by expiry or by what a device counts without an allocation.
void WarnOfMiners(const v1::ClusterConfiguration& configuration, Checker* checker) {
  std::set<std::string> node_models, used;  // a catalogue may hold what this cluster does not have
  for (const v1::Node& node : configuration.nodes()) node_models.insert(node.model());
  for (const v1::NodeModel& model : configuration.node_models()) {
    if (!node_models.contains(model.id())) continue;
    for (const v1::DeviceGroup& group : model.groups()) used.insert(group.device_model());
  }
  for (int i = 0; i < configuration.device_models_size(); ++i) {
    const v1::DeviceModel& model = configuration.device_models(i);
    if (model.operating_points_size() == 0 || !used.contains(model.id())) continue;
    const std::string subject = Checker::Subject("device model", model.id());
    if (model.power_cycle() == v1::NEITHER) {
      checker->Add(fmt::format("device_models[{}].power_cycle", i), subject,
                   "cannot fund firm AI: it may come up at its maximum after a power cycle, so it counts its nameplate always and lowering it "
                   "frees nothing without a switched outlet");
    } else if (model.enforcer() == v1::ENFORCER_NONE || model.enforcer() == v1::ENFORCER_AGENT) {
      checker->Add(fmt::format("device_models[{}].enforcer", i), subject,
                   fmt::format("cannot fund firm AI while its agent is silent: enforcer {} means that an expired lease frees nothing until a meter "
                               "or a new session shows it",
                               model.enforcer() == v1::ENFORCER_NONE ? "none" : "agent"));
    }
  }
}

}  // namespace

std::vector<validation::Problem> Warnings(const v1::ClusterConfiguration& configuration) {
  v1::ClusterConfiguration complete = configuration;
  ApplyDefaults(&complete);
  ModelIndex devices;
  for (const v1::DeviceModel& model : complete.device_models()) devices.emplace(model.id(), &model);
  Checker checker;
  WarnOfCommissioning(complete, devices, &checker);
  WarnOfMiners(complete, &checker);
  return checker.Take();
}

}  // namespace switchyard::topology
