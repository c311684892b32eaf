#include "common/topology/chain_builder.h"

#include <algorithm>

#include "common/check.h"

namespace switchyard::topology {
namespace {

constexpr int64_t kWhole = 1'000'000;

// a x b in parts per million, rounded up: a coefficient is never short.
int64_t MultiplyUp(int64_t a, int64_t b) {
  return static_cast<int64_t>((static_cast<__int128>(a) * b + (kWhole - 1)) / kWhole);
}

}  // namespace

SiteGraph::SiteGraph(const v1::Site& site) : site_(site), parents_(site.budgets_size()) {
  const uint32_t configured = static_cast<uint32_t>(site.budgets_size());
  for (uint32_t i = 0; i < configured; ++i) index_.emplace(site.budgets(static_cast<int>(i)).id(), i);
  for (uint32_t i = 0; i < configured; ++i) {
    for (const v1::BudgetEdge& edge : site.budgets(static_cast<int>(i)).feeds_from()) {
      const auto parent = index_.find(edge.budget());
      if (parent != index_.end()) parents_[i].push_back({parent->second, edge.coefficient_ppm()});
    }
  }
  // Survivors are named after the edges were read: nothing feeds from one.
  for (int i = 0; i < site.feed_pairs_size(); ++i) index_.emplace(site.feed_pairs(i).id(), configured + static_cast<uint32_t>(i));

  std::vector<int> children(configured, 0);
  for (const std::vector<Parent>& parents : parents_) {
    for (const Parent& parent : parents) ++children[parent.budget];
  }
  for (uint32_t i = 0; i < configured; ++i) {
    if (children[i] == 0) rising_.push_back(i);
  }
  for (size_t next = 0; next < rising_.size(); ++next) {
    for (const Parent& parent : parents_[rising_[next]]) {
      if (--children[parent.budget] == 0) rising_.push_back(parent.budget);
    }
  }
}

std::vector<std::string> SiteGraph::FindCycle() const {
  if (rising_.size() == parents_.size()) return {};
  std::vector<bool> free(parents_.size(), false);
  for (const uint32_t budget : rising_) free[budget] = true;
  // Whatever did not come free has a child that did not either: walking down against the edges must close a cycle.
  std::vector<uint32_t> child(parents_.size(), 0);
  uint32_t at = 0;
  for (uint32_t i = 0; i < parents_.size(); ++i) {
    if (free[i]) continue;
    at = i;
    for (const Parent& parent : parents_[i]) {
      if (!free[parent.budget]) child[parent.budget] = i;
    }
  }
  std::vector<uint32_t> walk;
  std::vector<bool> seen(parents_.size(), false);
  for (; !seen[at]; at = child[at]) {
    seen[at] = true;
    walk.push_back(at);
  }
  std::vector<std::string> names{site_.budgets(static_cast<int>(at)).id()};
  for (auto step = walk.rbegin(); step != walk.rend() && *step != at; ++step) names.push_back(site_.budgets(static_cast<int>(*step)).id());
  names.push_back(names.front());
  return names;
}

Chain SiteGraph::Flatten(std::vector<int64_t> reach) const {
  SWITCHYARD_CHECK(rising_.size() == parents_.size()) << "a cycle in site " << site_.id();
  for (const uint32_t budget : rising_) {
    if (reach[budget] == 0) continue;
    for (const Parent& parent : parents_[budget]) reach[parent.budget] += MultiplyUp(reach[budget], parent.coefficient_ppm);
  }
  Chain chain;
  for (uint32_t i = 0; i < parents_.size(); ++i) {
    if (reach[i] == 0) continue;
    const bool meter = site_.budgets(static_cast<int>(i)).kind() == v1::METER;
    const int64_t coefficient = meter ? MultiplyUp(reach[i], kWhole + site_.overhead_marginal_ppm()) : reach[i];
    chain.push_back({i, PartsPerMillion(coefficient)});
  }
  for (int pair = 0; pair < site_.feed_pairs_size(); ++pair) {
    int64_t both = 0;
    for (const std::string& feed : {site_.feed_pairs(pair).a(), site_.feed_pairs(pair).b()}) {
      const auto found = index_.find(feed);
      if (found != index_.end() && found->second < parents_.size()) both += reach[found->second];
    }
    if (both > 0) chain.push_back({static_cast<uint32_t>(parents_.size()) + static_cast<uint32_t>(pair), PartsPerMillion(both)});
  }
  return chain;
}

Chain SiteGraph::PowerChain(const google::protobuf::RepeatedPtrField<v1::BudgetEdge>& feeds_from) const {
  std::vector<int64_t> reach(parents_.size(), 0);
  for (const v1::BudgetEdge& edge : feeds_from) {
    const auto found = index_.find(edge.budget());
    if (found != index_.end() && found->second < parents_.size()) reach[found->second] += edge.coefficient_ppm();
  }
  return Flatten(std::move(reach));
}

void SiteGraph::AddHeat(const std::string& zone, PartsPerMillion share, Chain* chain) const {
  const auto found = index_.find(zone);
  if (found == index_.end() || share.count() <= 0) return;
  const auto place = std::lower_bound(chain->begin(), chain->end(), found->second,
                                      [](const ChainEdge& edge, uint32_t budget) { return edge.budget < budget; });
  if (place != chain->end() && place->budget == found->second) {
    place->coefficient = PartsPerMillion(place->coefficient.count() + share.count());
  } else {
    chain->insert(place, {found->second, share});
  }
}

std::vector<Power> SiteGraph::BaseLoads() const {
  std::vector<Power> loads(budget_count());
  for (uint32_t i = 0; i < parents_.size(); ++i) {
    const v1::Budget& budget = site_.budgets(static_cast<int>(i));
    if (budget.kind() == v1::METER) loads[i] += Milliwatts(site_.overhead_fixed_mw());
    if (budget.base_load_mw() <= 0) continue;
    std::vector<int64_t> reach(parents_.size(), 0);
    reach[i] = kWhole;
    for (const ChainEdge& edge : Flatten(std::move(reach))) {
      // What is attached at the meter itself is as the meter sees it; what hangs beneath brings its overhead.
      const PartsPerMillion coefficient = edge.budget == i ? kOne : edge.coefficient;
      loads[edge.budget] += ScaleUp(Milliwatts(budget.base_load_mw()), coefficient);
    }
  }
  return loads;
}

}  // namespace switchyard::topology
