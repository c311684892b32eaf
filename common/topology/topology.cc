#include "common/topology/topology.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "common/topology/chain_builder.h"
#include "common/topology/topology_builder.h"
#include "common/topology/validate_configuration.h"

namespace switchyard::topology {

// Builds from a configuration that was validated and has its defaults.
class TopologyBuilder {
 public:
  explicit TopologyBuilder(const v1::ClusterConfiguration& configuration) : configuration_(configuration) {}

  Topology Build() {
    AddBudgets();
    for (const v1::NodeModel& model : configuration_.node_models()) node_models_.emplace(model.id(), &model);
    for (const v1::DeviceModel& model : configuration_.device_models()) device_models_.emplace(model.id(), &model);
    for (uint32_t i = 0; i < static_cast<uint32_t>(configuration_.nodes_size()); ++i) AddNode(i);
    ResolveReserves();
    return std::move(result_);
  }

 private:
  struct SiteIndex {
    uint32_t first_budget;
    std::unique_ptr<SiteGraph> graph;
  };

  void AddBudgets() {
    for (uint32_t s = 0; s < static_cast<uint32_t>(configuration_.sites_size()); ++s) {
      const v1::Site& site = configuration_.sites(static_cast<int>(s));
      const uint32_t first = static_cast<uint32_t>(result_.budgets_.size());
      auto graph = std::make_unique<SiteGraph>(site);
      const std::vector<Power> base = graph->BaseLoads();
      for (int i = 0; i < site.budgets_size(); ++i) AddBudget(s, site, site.budgets(i), base[static_cast<size_t>(i)]);
      for (int i = 0; i < site.feed_pairs_size(); ++i) {
        AddSurvivor(s, site, site.feed_pairs(i), base[static_cast<size_t>(site.budgets_size() + i)]);
      }
      sites_.emplace(site.id(), SiteIndex{first, std::move(graph)});
    }
    result_.nodes_under_.resize(result_.budgets_.size());
    largest_device_.resize(result_.budgets_.size());
  }

  void AddBudget(uint32_t s, const v1::Site& site, const v1::Budget& budget, Power base) {
    if (budget.kind() == v1::METER) result_.meters_.push_back(static_cast<uint32_t>(result_.budgets_.size()));
    // The power factor is at most 1, and rounding down keeps the cap on the safe side.
    const Power cap = budget.power_factor_ppm() == kOne.count()
                          ? Milliwatts(budget.cap_mw())
                          : Milliwatts(static_cast<int64_t>(static_cast<__int128>(budget.cap_mw()) * budget.power_factor_ppm() / kOne.count()));
    Add({.id = BudgetId(site.id() + "/" + budget.id()),
         .site = s,
         .kind = budget.kind(),
         .cap = cap,
         .base = base,
         .fault_reserve = Milliwatts(budget.fault_reserve_mw()),
         .shed_deadline = Milliseconds(budget.shed_deadline_ms()),
         .meter_lag = Milliseconds(budget.meter_lag_ms()),
         .ramp_up = Milliwatts(budget.ramp_up_mw())});
  }

  // A survivor is no switchgear of its own: it answers as fast as the faster of its feeds must.
  void AddSurvivor(uint32_t s, const v1::Site& site, const v1::FeedPair& pair, Power base) {
    Duration deadline = Duration::Max();
    Duration lag;
    for (const v1::Budget& budget : site.budgets()) {
      if (budget.id() != pair.a() && budget.id() != pair.b()) continue;
      deadline = std::min(deadline, Milliseconds(budget.shed_deadline_ms()));
      lag = std::max(lag, Milliseconds(budget.meter_lag_ms()));
    }
    Add({.id = BudgetId(site.id() + "/" + pair.id()),
         .site = s,
         .kind = v1::SURVIVOR,
         .cap = Milliwatts(pair.failover_cap_mw()),
         .base = base,
         .fault_reserve = Milliwatts(-1),
         .shed_deadline = deadline,
         .meter_lag = lag,
         .ramp_up = Power()});
  }

  void Add(BudgetInfo info) {
    result_.budget_index_.emplace(info.id.str(), static_cast<uint32_t>(result_.budgets_.size()));
    result_.budgets_.push_back(std::move(info));
  }

  // Nodes that hang on the same budgets share their chains: power chains are flattened once for each distinct set of feeds.
  const Chain& PowerChain(const SiteIndex& site, const v1::Node& node) {
    std::vector<std::pair<uint32_t, int64_t>> key{{site.first_budget, 0}};
    for (const v1::BudgetEdge& edge : node.feeds_from()) key.emplace_back(site.graph->index().at(edge.budget()), edge.coefficient_ppm());
    std::sort(key.begin() + 1, key.end());
    const auto [place, fresh] = power_chains_.try_emplace(std::move(key));
    if (fresh) place->second = site.graph->PowerChain(node.feeds_from());
    return place->second;
  }

  uint32_t Intern(Chain chain, uint32_t first_budget) {
    std::vector<std::pair<uint32_t, int64_t>> key;
    for (ChainEdge& edge : chain) {
      edge.budget += first_budget;
      key.emplace_back(edge.budget, edge.coefficient.count());
    }
    const auto [place, fresh] = interned_.try_emplace(std::move(key), static_cast<uint32_t>(result_.chains_.size()));
    if (fresh) result_.chains_.push_back(std::move(chain));
    return place->second;
  }

  void AddNode(uint32_t index) {
    const v1::Node& node = configuration_.nodes(static_cast<int>(index));
    const SiteIndex& site = sites_.at(node.site());
    const Chain& power = PowerChain(site, node);
    result_.node_index_.emplace(node.site() + "/" + node.id(), index);
    result_.first_chain_.push_back(static_cast<uint32_t>(result_.chain_of_.size()));

    Chain platform = power;
    site.graph->AddHeat(node.air_zone(), kOne, &platform);
    std::vector<uint32_t> used{Intern(std::move(platform), site.first_budget)};
    const v1::NodeModel& model = *node_models_.at(node.model());
    for (const v1::DeviceGroup& group : model.groups()) {
      Chain chain = power;
      site.graph->AddHeat(node.air_zone(), PartsPerMillion(kOne.count() - group.liquid_ppm()), &chain);
      site.graph->AddHeat(node.liquid_zone(), PartsPerMillion(group.liquid_ppm()), &chain);
      used.push_back(Intern(std::move(chain), site.first_budget));
      const Power max = Milliwatts(device_models_.at(group.device_model())->max_mw());
      for (const ChainEdge& edge : result_.chains_[used.back()]) {
        largest_device_[edge.budget] = std::max(largest_device_[edge.budget], ScaleUp(max, edge.coefficient));
      }
    }
    for (const uint32_t chain : used) {
      result_.chain_of_.push_back(chain);
      for (const ChainEdge& edge : result_.chains_[chain]) {
        std::vector<uint32_t>& under = result_.nodes_under_[edge.budget];
        if (under.empty() || under.back() != index) under.push_back(index);
      }
    }
  }

  void ResolveReserves() {
    for (size_t i = 0; i < result_.budgets_.size(); ++i) {
      BudgetInfo& budget = result_.budgets_[i];
      if (budget.fault_reserve < Power()) budget.fault_reserve = largest_device_[i];
    }
  }

  const v1::ClusterConfiguration& configuration_;
  Topology result_;
  std::map<std::string, SiteIndex> sites_;
  std::map<std::string, const v1::NodeModel*> node_models_;
  std::map<std::string, const v1::DeviceModel*> device_models_;
  std::map<std::vector<std::pair<uint32_t, int64_t>>, Chain> power_chains_;
  std::map<std::vector<std::pair<uint32_t, int64_t>>, uint32_t> interned_;
  std::vector<Power> largest_device_;  // by budget: the most that one device beneath can load it with
};

Topology BuildTopology(const v1::ClusterConfiguration& configuration) { return TopologyBuilder(configuration).Build(); }

absl::StatusOr<Topology> Topology::Build(const v1::ClusterConfiguration& configuration) {
  const std::vector<validation::Problem> problems = ValidateConfiguration(configuration);
  if (!problems.empty()) return validation::ProblemsToStatus(problems);
  v1::ClusterConfiguration complete = configuration;
  ApplyDefaults(&complete);
  return BuildTopology(complete);
}

uint32_t Topology::ChainOf(uint32_t node, int group) const { return chain_of_[first_chain_[node] + static_cast<uint32_t>(group + 1)]; }

std::optional<uint32_t> Topology::FindNode(const std::string& name) const {
  const auto found = node_index_.find(name);
  if (found == node_index_.end()) return std::nullopt;
  return found->second;
}

std::optional<uint32_t> Topology::FindBudget(const std::string& name) const {
  const auto found = budget_index_.find(name);
  if (found == budget_index_.end()) return std::nullopt;
  return found->second;
}

}  // namespace switchyard::topology
