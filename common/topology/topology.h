// Pure: the graph of budgets, flattened. For every device group of every node, and for every node's platform watts, it says which
// budgets are loaded and with which coefficient: one short chain, interned, so that charging a device group is a loop over at most
// 16 neighbouring pairs.
//
// The coefficient on an ancestor is the sum over all paths of the products of their shares, rounded up. On the meter it is
// multiplied by 1 + the site's marginal overhead. Heat goes to the cooling zones that the node names: the liquid share of a group
// to its liquid zone, the rest and all platform watts to its air zone. A survivor budget of a feed pair takes whole whatever
// reaches either feed: the sum of its shares on both.
#ifndef SWITCHYARD_COMMON_TOPOLOGY_TOPOLOGY_H_
#define SWITCHYARD_COMMON_TOPOLOGY_TOPOLOGY_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/ids.h"
#include "common/units.h"
#include "switchyard/v1/configuration.pb.h"

namespace switchyard::topology {

inline constexpr int kPlatform = -1;          // in place of a group's index: the node's platform watts
inline constexpr size_t kMaxChainLength = 16;  // meter, two feeders, survivor, PDUs, rack, zones: real ones need 8

struct ChainEdge {
  uint32_t budget = 0;  // index into Topology::budgets()
  PartsPerMillion coefficient;
  bool operator==(const ChainEdge&) const = default;
};
using Chain = std::vector<ChainEdge>;  // ascending by budget, coefficients > 0

struct BudgetInfo {
  BudgetId id;         // "<site>/<budget>"
  uint32_t site = 0;   // index into the configuration's sites
  v1::BudgetKind kind = v1::BUDGET_KIND_UNSPECIFIED;
  Power cap;           // in watts: after the power factor, rounded down
  Power base;          // base loads attached here or beneath, and on the meter the site's fixed overhead
  Power fault_reserve;  // as configured; where that says so, the largest single device beneath, times its coefficient
  Duration shed_deadline;
  Duration meter_lag;
  Power ramp_up;        // hashing beneath rises by at most this within any minute; 0: no limit
};

class Topology {
 public:
  // INVALID_ARGUMENT lists every problem of ValidateConfiguration. Defaults need not have been applied.
  static absl::StatusOr<Topology> Build(const v1::ClusterConfiguration& configuration);

  // By site in the configuration's order; within a site its budgets in order, then its survivors in the order of the pairs.
  const std::vector<BudgetInfo>& budgets() const { return budgets_; }
  const std::vector<Chain>& chains() const { return chains_; }

  // Index into chains() for a node (its index in the configuration) and a group of its model, or kPlatform.
  uint32_t ChainOf(uint32_t node, int group) const;
  const Chain& ChainFor(uint32_t node, int group) const { return chains_[ChainOf(node, group)]; }

  size_t node_count() const { return first_chain_.size(); }
  // By "<site>/<node>" and "<site>/<budget>".
  std::optional<uint32_t> FindNode(const std::string& name) const;
  std::optional<uint32_t> FindBudget(const std::string& name) const;

  // Nodes of which any watt reaches the budget, ascending.
  const std::vector<uint32_t>& NodesUnder(uint32_t budget) const { return nodes_under_[budget]; }

  // The meter of a site (index in the configuration).
  uint32_t MeterOf(uint32_t site) const { return meters_[site]; }

 private:
  friend class TopologyBuilder;
  std::vector<BudgetInfo> budgets_;
  std::vector<Chain> chains_;
  std::vector<uint32_t> first_chain_;   // per node: where in chain_of_ its platform stands; its groups follow
  std::vector<uint32_t> chain_of_;
  std::vector<std::vector<uint32_t>> nodes_under_;
  std::vector<uint32_t> meters_;
  std::map<std::string, uint32_t> node_index_;
  std::map<std::string, uint32_t> budget_index_;
};

}  // namespace switchyard::topology

#endif  // SWITCHYARD_COMMON_TOPOLOGY_TOPOLOGY_H_
