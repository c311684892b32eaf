#include "simulation/physics/reach.h"

#include <algorithm>
#include <functional>

#include "common/topology/validate_configuration.h"

namespace switchyard::simulation {
namespace {

constexpr int64_t kWhole = 1'000'000;

int64_t MultiplyDown(int64_t a, int64_t b) { return static_cast<int64_t>(static_cast<__int128>(a) * b / kWhole); }

// One site's share of the budgets, beginning at `first` of all of them.
class SiteReach {
 public:
  SiteReach(const v1::Site& site, uint32_t first) : site_(site), first_(first) {
    for (int i = 0; i < site.budgets_size(); ++i) index_.emplace(site.budgets(i).id(), static_cast<size_t>(i));
  }

  size_t size() const { return static_cast<size_t>(site_.budgets_size() + site_.feed_pairs_size()); }
  size_t IndexOf(const std::string& budget) const {
    const auto found = index_.find(budget);
    return found == index_.end() ? size() : found->second;
  }

  // Shares by budget of a load with these feeds: all paths up, each the product of its edges.
  std::vector<int64_t> Shares(const google::protobuf::RepeatedPtrField<v1::BudgetEdge>& feeds) const {
    std::vector<int64_t> shares(size());
    for (const v1::BudgetEdge& feed : feeds) Climb(feed.budget(), feed.coefficient_ppm(), &shares);
    AddSurvivors(&shares);
    return shares;
  }
  std::vector<int64_t> SharesAt(const std::string& budget) const {
    std::vector<int64_t> shares(size());
    Climb(budget, kWhole, &shares);
    AddSurvivors(&shares);
    return shares;
  }

  Reach ToReach(const std::vector<int64_t>& shares) const {
    Reach reach;
    for (size_t i = 0; i < shares.size(); ++i) {
      if (shares[i] <= 0) continue;
      ReachEdge edge = {.budget = first_ + static_cast<uint32_t>(i), .ppm = shares[i]};
      if (IsMeter(i)) edge.overhead_ppm = MultiplyDown(shares[i], site_.overhead_marginal_ppm());
      reach.push_back(edge);
    }
    return reach;
  }

  bool IsMeter(size_t i) const {
    return i < static_cast<size_t>(site_.budgets_size()) && site_.budgets(static_cast<int>(i)).kind() == v1::METER;
  }

 private:
  void Climb(const std::string& budget, int64_t share, std::vector<int64_t>* shares) const {
    const size_t at = IndexOf(budget);
    if (at >= static_cast<size_t>(site_.budgets_size()) || share <= 0) return;
    (*shares)[at] += share;
    for (const v1::BudgetEdge& edge : site_.budgets(static_cast<int>(at)).feeds_from()) {
      Climb(edge.budget(), MultiplyDown(share, edge.coefficient_ppm()), shares);
    }
  }

  // One feed alone carries what reaches either.
  void AddSurvivors(std::vector<int64_t>* shares) const {
    for (int pair = 0; pair < site_.feed_pairs_size(); ++pair) {
      int64_t both = 0;
      for (const std::string& feed : {site_.feed_pairs(pair).a(), site_.feed_pairs(pair).b()}) {
        const size_t at = IndexOf(feed);
        if (at < size()) both += (*shares)[at];
      }
      (*shares)[static_cast<size_t>(site_.budgets_size() + pair)] = both;
    }
  }

  const v1::Site& site_;
  uint32_t first_;
  std::map<std::string, size_t> index_;
};

std::vector<ReachedBudget> BudgetsOf(const v1::Site& site, const SiteReach& graph) {
  std::vector<ReachedBudget> budgets(graph.size());
  for (int i = 0; i < site.budgets_size(); ++i) {
    const v1::Budget& budget = site.budgets(i);
    ReachedBudget& out = budgets[static_cast<size_t>(i)];
    out.id = site.id() + "/" + budget.id();
    out.kind = budget.kind();
    out.cap = Milliwatts(MultiplyDown(budget.cap_mw(), budget.power_factor_ppm()));
    out.shed_deadline = Milliseconds(budget.shed_deadline_ms());
    out.meter_lag = Milliseconds(budget.meter_lag_ms());
    if (budget.kind() != v1::METER) continue;
    out.base += Milliwatts(site.overhead_fixed_mw());
    out.overhead_lag = Milliseconds(site.overhead_lag_ms());
    out.overhead_ppm = site.overhead_marginal_ppm();
  }
  for (int pair = 0; pair < site.feed_pairs_size(); ++pair) {
    ReachedBudget& out = budgets[static_cast<size_t>(site.budgets_size() + pair)];
    out.id = site.id() + "/" + site.feed_pairs(pair).id();
    out.kind = v1::SURVIVOR;
    out.cap = Milliwatts(site.feed_pairs(pair).failover_cap_mw());
    out.shed_deadline = Duration::Max();
    for (const std::string& feed : {site.feed_pairs(pair).a(), site.feed_pairs(pair).b()}) {
      const size_t at = graph.IndexOf(feed);
      if (at >= graph.size()) continue;
      out.shed_deadline = std::min(out.shed_deadline, budgets[at].shed_deadline);
      out.meter_lag = std::max(out.meter_lag, budgets[at].meter_lag);
    }
  }
  for (const v1::Budget& budget : site.budgets()) {
    if (budget.base_load_mw() <= 0) continue;
    const std::vector<int64_t> shares = graph.SharesAt(budget.id());
    for (size_t i = 0; i < shares.size(); ++i) {
      int64_t mw = MultiplyDown(budget.base_load_mw(), shares[i]);
      // What is attached at the meter itself is as the meter sees it.
      if (graph.IsMeter(i) && i != graph.IndexOf(budget.id())) mw += MultiplyDown(mw, site.overhead_marginal_ppm());
      budgets[i].base += Milliwatts(mw);
    }
  }
  return budgets;
}

}  // namespace

ReachMap::ReachMap(const v1::ClusterConfiguration& raw) {
  v1::ClusterConfiguration configuration = raw;
  topology::ApplyDefaults(&configuration);
  std::map<std::string, SiteReach> sites;
  for (const v1::Site& site : configuration.sites()) {
    const SiteReach& graph =
        sites.emplace(site.id(), SiteReach(site, static_cast<uint32_t>(budgets_.size()))).first->second;
    for (ReachedBudget& budget : BudgetsOf(site, graph)) budgets_.push_back(std::move(budget));
  }
  std::map<std::string, const v1::NodeModel*> models;
  for (const v1::NodeModel& model : configuration.node_models()) models.emplace(model.id(), &model);
  for (const v1::Node& node : configuration.nodes()) {
    const auto site = sites.find(node.site());
    const auto model = models.find(node.model());
    if (site == sites.end() || model == models.end()) continue;
    const SiteReach& graph = site->second;
    const std::vector<int64_t> power = graph.Shares(node.feeds_from());
    const auto with_heat = [&](int64_t liquid_ppm) {
      std::vector<int64_t> shares = power;
      const auto heat = [&](const std::string& zone, int64_t ppm) {
        const size_t at = graph.IndexOf(zone);
        if (!zone.empty() && at < graph.size()) shares[at] += ppm;
      };
      heat(node.air_zone(), kWhole - liquid_ppm);
      heat(node.liquid_zone(), liquid_ppm);
      return graph.ToReach(shares);
    };
    const std::string id = node.site() + "/" + node.id();
    reach_[{id, ""}] = with_heat(0);
    for (const v1::DeviceGroup& group : model->second->groups())
      reach_[{id, group.name()}] = with_heat(group.liquid_ppm());
  }
}

const Reach& ReachMap::Of(const std::string& node, const std::string& group) const {
  static const Reach kNone;
  const auto found = reach_.find({node, group});
  return found == reach_.end() ? kNone : found->second;
}

}  // namespace switchyard::simulation
