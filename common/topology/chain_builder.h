// Internal to this room: how far a load that hangs on some budgets of a site reaches up, and how strongly.
#ifndef SWITCHYARD_COMMON_TOPOLOGY_CHAIN_BUILDER_H_
#define SWITCHYARD_COMMON_TOPOLOGY_CHAIN_BUILDER_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "common/topology/topology.h"
#include "switchyard/v1/configuration.pb.h"

namespace switchyard::topology {

// The budgets of one site as a graph. Budgets are numbered within the site: the configured ones in order, then the survivors.
class SiteGraph {
 public:
  // Reads what is sound and passes over what dangles: a validator names those. REQUIRES: defaults are applied.
  explicit SiteGraph(const v1::Site& site);

  // The ids of one cycle in order, the first repeated at the end; empty if there is none.
  std::vector<std::string> FindCycle() const;

  // Coefficients of a load on every budget of the power tree that it reaches. REQUIRES: no cycle.
  Chain PowerChain(const google::protobuf::RepeatedPtrField<v1::BudgetEdge>& feeds_from) const;

  // Adds `share` of heat in a cooling zone to a chain (by its id; unknown or empty: nothing).
  void AddHeat(const std::string& zone, PartsPerMillion share, Chain* chain) const;

  // Base loads as every budget sees them: its own, those beneath it, on the meter the fixed overhead. REQUIRES: no cycle.
  std::vector<Power> BaseLoads() const;

  size_t budget_count() const { return static_cast<size_t>(site_.budgets_size() + site_.feed_pairs_size()); }
  const std::map<std::string, uint32_t>& index() const { return index_; }

 private:
  struct Parent {
    uint32_t budget;
    int64_t coefficient_ppm;
  };
  Chain Flatten(std::vector<int64_t> reach) const;

  const v1::Site& site_;
  std::map<std::string, uint32_t> index_;
  std::vector<std::vector<Parent>> parents_;  // of configured budgets
  std::vector<uint32_t> rising_;              // configured budgets, each before its parents; short if there is a cycle
};

}  // namespace switchyard::topology

#endif  // SWITCHYARD_COMMON_TOPOLOGY_CHAIN_BUILDER_H_
