#include "common/topology/validate_configuration.h"

#include <algorithm>

#include "common/topology/checker.h"
#include "common/topology/topology_builder.h"

namespace switchyard::topology {
namespace {

Names CollectNames(const v1::ClusterConfiguration& configuration) {
  Names names;
  for (const v1::Site& site : configuration.sites()) {
    names.sites.emplace(site.id(), &site);
    for (const v1::Budget& budget : site.budgets()) names.budgets.emplace(std::pair(site.id(), budget.id()), budget.kind());
    for (const v1::FeedPair& pair : site.feed_pairs()) names.budgets.emplace(std::pair(site.id(), pair.id()), v1::SURVIVOR);
  }
  for (const v1::DeviceModel& model : configuration.device_models()) names.device_models.emplace(model.id(), &model);
  for (const v1::NodeModel& model : configuration.node_models()) names.node_models.emplace(model.id(), &model);
  for (const v1::Tenant& tenant : configuration.tenants()) names.tenants.insert(tenant.id());
  return names;
}

// As authentication writes them: uid:0, user:alice, cn:ops; loopback where TCP without TLS was allowed on purpose.
bool IsPrincipal(const std::string& text) {
  if (text == "loopback") return true;
  if (text.size() > 256 || text.find_first_of(" \t\n") != std::string::npos) return false;
  if (text.starts_with("uid:")) return text.size() > 4 && text.find_first_not_of("0123456789", 4) == std::string::npos;
  return (text.starts_with("user:") && text.size() > 5) || (text.starts_with("cn:") && text.size() > 3);
}

void CheckPrincipals(const std::string& at, const std::string& subject, const google::protobuf::RepeatedPtrField<std::string>& principals,
                     bool everybody, Checker* checker) {
  checker->Count(at, subject, "principals", principals.size(), 0, kMaxMembers);
  for (int i = 0; i < principals.size(); ++i) {
    if (IsPrincipal(principals[i]) || (everybody && principals[i] == "*")) continue;
    checker->Add(fmt::format("{}[{}]", at, i), subject,
                 fmt::format("\"{}\" is not a principal, allowed are uid:N, user:NAME, cn:NAME, loopback{}; correct it", principals[i].substr(0, 80),
                             everybody ? " and \"*\" for everybody" : ""));
  }
}

void CheckZone(const std::string& path, const std::string& subject, const v1::Node& node, const std::string& zone, const Names& names,
               Checker* checker) {
  if (zone.empty()) return;
  const auto found = names.budgets.find({node.site(), zone});
  if (found == names.budgets.end()) {
    checker->Add(path, subject, fmt::format("zone \"{}\" is not a budget of site \"{}\"; define it or correct the name", zone, node.site()));
  } else if (found->second != v1::COOLING_ZONE) {
    checker->Add(path, subject, fmt::format("zone \"{}\" is not of kind cooling_zone; name a cooling zone", zone));
  }
}

void CheckNode(const std::string& at, const v1::Node& node, const Names& names, Checker* checker) {
  const std::string subject = Checker::Subject("node", node.site() + "/" + node.id());
  if (!names.sites.contains(node.site())) {
    checker->Add(at + ".site", subject, fmt::format("site \"{}\" is not known; define it under sites or correct the name", node.site()));
    return;  // nothing else of it can be judged
  }
  checker->Count(at + ".feeds_from", subject, "feeds", node.feeds_from_size(), 1, kMaxNodeParents);
  CheckFeeds(at + ".feeds_from", subject, node.site(), node.feeds_from(), names, checker);
  CheckZone(at + ".air_zone", subject, node, node.air_zone(), names, checker);
  CheckZone(at + ".liquid_zone", subject, node, node.liquid_zone(), names, checker);
  const auto model = names.node_models.find(node.model());
  if (model == names.node_models.end()) {
    checker->Add(at + ".model", subject, fmt::format("model \"{}\" is not known; define it under node_models or correct the name", node.model()));
  } else if (node.liquid_zone().empty()) {
    for (const v1::DeviceGroup& group : model->second->groups()) {
      if (group.liquid_ppm() == 0) continue;
      checker->Add(at + ".liquid_zone", subject,
                   fmt::format("its group \"{}\" gives heat to liquid, but no liquid zone is named; name one", group.name()));
    }
  }
  if (!node.rack().empty()) checker->Name(at + ".rack", subject, "rack", node.rack());
  if (!node.switch_name().empty()) checker->Name(at + ".switch_name", subject, "switch", node.switch_name());
  checker->Labels(at + ".labels", subject, node.labels(), kMaxNodeLabels);
  checker->Count(at + ".taints", subject, "taints", node.taints_size(), 0, 16);
  for (int i = 0; i < node.taints_size(); ++i) checker->Name(fmt::format("{}.taints[{}]", at, i), subject, "taint", node.taints(i));
  if (!node.owner().empty() && !names.tenants.contains(node.owner())) {
    checker->Add(at + ".owner", subject, fmt::format("owner \"{}\" is not a tenant; define it under tenants or correct the name", node.owner()));
  }
}

void CheckNodes(const v1::ClusterConfiguration& configuration, const Names& names, Checker* checker) {
  checker->Count("nodes", "cluster", "nodes", configuration.nodes_size(), 0, kMaxNodes);
  std::map<std::string, std::set<std::string>> seen;
  for (int i = 0; i < configuration.nodes_size() && !checker->full(); ++i) {
    const std::string at = fmt::format("nodes[{}]", i);
    checker->NewName(at + ".id", "node", configuration.nodes(i).id(), &seen[configuration.nodes(i).site()]);
    CheckNode(at, configuration.nodes(i), names, checker);
  }
}

void CheckTenants(const v1::ClusterConfiguration& configuration, Checker* checker) {
  checker->Count("tenants", "cluster", "tenants", configuration.tenants_size(), 0, kMaxTenants);
  std::set<std::string> seen;
  for (int i = 0; i < configuration.tenants_size(); ++i) {
    const v1::Tenant& tenant = configuration.tenants(i);
    const std::string at = fmt::format("tenants[{}]", i);
    const std::string subject = Checker::Subject("tenant", tenant.id());
    checker->NewName(at + ".id", "tenant", tenant.id(), &seen);
    CheckPrincipals(at + ".members", subject, tenant.members(), true, checker);
    checker->Range(at + ".weight", subject, "weight", tenant.weight(), 1, 1'000'000);
    checker->Range(at + ".quota_mw", subject, "quota", Milliwatts(tenant.quota_mw()), Milliwatts(0), kMaxCap);
    checker->Range(at + ".borrow_mw", subject, "borrow", Milliwatts(tenant.borrow_mw()), Milliwatts(0), kMaxCap);
    checker->Range(at + ".quota_gpu_milli", subject, "GPU quota (thousandths)", tenant.quota_gpu_milli(), 0, int64_t{1} << 40);
    checker->Range(at + ".max_pending_jobs", subject, "max_pending_jobs", tenant.max_pending_jobs(), 1, 10'000'000);
    if (tenant.borrow_mw() > 0 && tenant.quota_mw() == 0) {
      checker->Add(at + ".borrow_mw", subject, "borrow without a quota, which is no limit already; set a quota or remove it");
    }
  }
}

void CheckTiming(const v1::Timing& timing, Checker* checker) {
  const auto range = [&](const char* field, const char* word, int64_t value, Duration least, Duration most) {
    checker->Range(std::string("timing.") + field, "timing", word, Milliseconds(value), least, most);
  };
  range("lease_ms", "lease", timing.lease_ms(), Seconds(1), Minutes(10));
  // Two heartbeats must fit into a lease, or one lost message would end it.
  range("heartbeat_ms", "heartbeat", timing.heartbeat_ms(), Milliseconds(100), Milliseconds(std::max<int64_t>(100, timing.lease_ms() / 2)));
  range("margin_ms", "margin", timing.margin_ms(), Milliseconds(100), Minutes(1));
  range("confirm_timeout_ms", "confirm_timeout", timing.confirm_timeout_ms(), Milliseconds(100), Minutes(10));
  range("prepare_timeout_ms", "prepare_timeout", timing.prepare_timeout_ms(), Seconds(1), Hours(24));
  range("member_timeout_ms", "member_timeout", timing.member_timeout_ms(), Seconds(1), Hours(24));
  range("restart_hold_ms", "restart_hold", timing.restart_hold_ms(), Seconds(1), Hours(24));
  range("backoff_initial_ms", "backoff_initial", timing.backoff_initial_ms(), Milliseconds(10), Hours(1));
  range("backoff_max_ms", "backoff_max", timing.backoff_max_ms(), Milliseconds(timing.backoff_initial_ms()), Hours(24));
  range("dwell_ms", "dwell", timing.dwell_ms(), Milliseconds(1), Hours(1));
  range("report_interval_ms", "report_interval", timing.report_interval_ms(), Milliseconds(100), Minutes(5));
  range("history_ms", "history", timing.history_ms(), Minutes(1), kMaxTiming * 10);
  range("start_grace_ms", "start_grace", timing.start_grace_ms(), Milliseconds(100), Minutes(10));
  checker->Range("timing.ramp_scale_ppm", "timing", "ramp_scale (millionths)", timing.ramp_scale_ppm(), 1'000, 10'000'000);
}

// A ramp below the largest step of one device would never let that device start.
void CheckRamps(const v1::ClusterConfiguration& configuration, const Topology& topology, const Names& names, Checker* checker) {
  std::map<std::string, Power> step_of;  // by device model: from off to its highest point
  for (const v1::DeviceModel& model : configuration.device_models()) {
    if (model.operating_points().empty()) continue;
    step_of[model.id()] = Milliwatts(model.operating_points(model.operating_points_size() - 1).mw() - model.idle_mw());
  }
  std::vector<Power> largest(topology.budgets().size());
  for (uint32_t n = 0; n < topology.node_count(); ++n) {
    const v1::NodeModel& model = *names.node_models.at(configuration.nodes(static_cast<int>(n)).model());
    for (int g = 0; g < model.groups_size(); ++g) {
      const auto step = step_of.find(model.groups(g).device_model());
      if (step == step_of.end()) continue;
      for (const ChainEdge& edge : topology.ChainFor(n, g)) largest[edge.budget] = std::max(largest[edge.budget], ScaleUp(step->second, edge.coefficient));
    }
  }
  for (int s = 0; s < configuration.sites_size(); ++s) {
    const v1::Site& site = configuration.sites(s);
    for (int b = 0; b < site.budgets_size(); ++b) {
      const std::string id = site.id() + "/" + site.budgets(b).id();
      const Power ramp = Milliwatts(site.budgets(b).ramp_up_mw());
      const Power step = largest[*topology.FindBudget(id)];
      if (ramp == Power() || ramp >= step) continue;
      checker->Add(fmt::format("sites[{}].budgets[{}].ramp_up_mw", s, b), Checker::Subject("budget", id),
                   fmt::format("ramp_up {} a minute, required is 0W (no limit) or at least {}, the largest step of one device beneath it; raise it",
                               FormatPower(ramp), FormatPower(step)));
    }
  }
}

// What only the sums of a sound structure can show.
void CheckSums(const v1::ClusterConfiguration& configuration, const Names& names, Checker* checker) {
  const Topology topology = BuildTopology(configuration);
  std::vector<Power> platform(topology.budgets().size());
  for (uint32_t n = 0; n < topology.node_count(); ++n) {
    const v1::Node& node = configuration.nodes(static_cast<int>(n));
    const v1::NodeModel& model = *names.node_models.at(node.model());
    size_t longest = 0;
    for (int group = kPlatform; group < model.groups_size(); ++group) longest = std::max(longest, topology.ChainFor(n, group).size());
    if (longest > kMaxChainLength) {
      checker->Add(fmt::format("nodes[{}].feeds_from", n), Checker::Subject("node", node.site() + "/" + node.id()),
                   fmt::format("its watts load {} budgets, allowed are {}; make its path to the meter shorter", longest, kMaxChainLength));
    }
    for (const ChainEdge& edge : topology.ChainFor(n, kPlatform)) {
      platform[edge.budget] += ScaleUp(Milliwatts(model.platform_mw()), edge.coefficient);
    }
  }
  CheckRamps(configuration, topology, names, checker);
  uint32_t index = 0;
  for (int s = 0; s < configuration.sites_size(); ++s) {
    const v1::Site& site = configuration.sites(s);
    for (int b = 0; b < site.budgets_size() + site.feed_pairs_size(); ++b, ++index) {
      const BudgetInfo& budget = topology.budgets()[index];
      if (budget.cap >= budget.base + platform[index]) continue;
      const bool pair = b >= site.budgets_size();
      checker->Add(pair ? fmt::format("sites[{}].feed_pairs[{}].failover_cap_mw", s, b - site.budgets_size()) : fmt::format("sites[{}].budgets[{}].cap_mw", s, b),
                   Checker::Subject("budget", budget.id.str()),
                   fmt::format("cap {}, required is at least {} (base load {} and platform watts {} beneath it); raise the cap or move nodes",
                               FormatPower(budget.cap), FormatPower(budget.base + platform[index]), FormatPower(budget.base),
                               FormatPower(platform[index])));
    }
  }
}

}  // namespace

std::vector<validation::Problem> ValidateConfiguration(const v1::ClusterConfiguration& configuration) {
  v1::ClusterConfiguration complete = configuration;
  ApplyDefaults(&complete);
  Checker checker;
  const Names names = CollectNames(complete);
  checker.Name("cluster_id", "cluster", "id", complete.cluster_id());
  CheckSites(complete, names, &checker);
  CheckModels(complete, names, &checker);
  CheckNodes(complete, names, &checker);
  CheckTenants(complete, &checker);
  CheckTiming(complete.timing(), &checker);
  CheckPrincipals("operators", "cluster", complete.operators(), false, &checker);
  if (checker.empty()) CheckSums(complete, names, &checker);
  return checker.Take();
}

}  // namespace switchyard::topology
