// How far a watt at a node reaches: the coefficients with which its platform and each of its device groups load the
// budgets, worked out by the judge from the configuration alone. common/topology does the same for the scheduler; the
// judge does not ask the accused. Its products are rounded down, so that no rounding of its own ever accuses anybody.
#ifndef SWITCHYARD_SIMULATION_PHYSICS_REACH_H_
#define SWITCHYARD_SIMULATION_PHYSICS_REACH_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "common/units.h"
#include "switchyard/v1/configuration.pb.h"

namespace switchyard::simulation {

// What a site's overhead adds at its meter follows the load later: chillers take their time.
struct ReachEdge {
  uint32_t budget = 0;
  int64_t ppm = 0;           // felt at once
  int64_t overhead_ppm = 0;  // felt after the overhead's lag; on a meter only
};
using Reach = std::vector<ReachEdge>;  // ascending by budget

struct ReachedBudget {
  std::string id;  // "<site>/<budget>"
  v1::BudgetKind kind = v1::BUDGET_KIND_UNSPECIFIED;
  Power cap;   // in watts, rounded down
  Power base;  // base loads here and beneath, and on the meter the fixed overhead
  Duration shed_deadline, meter_lag;
  Duration overhead_lag;     // meters
  int64_t overhead_ppm = 0;  // meters: marginal overhead
};

class ReachMap {
 public:
  ReachMap() = default;
  // REQUIRES: a valid configuration. Defaults need not have been applied.
  explicit ReachMap(const v1::ClusterConfiguration& configuration);

  const std::vector<ReachedBudget>& budgets() const { return budgets_; }
  // Of a node "<site>/<node>" and a group of its model, "" for its platform; empty for what is not configured.
  const Reach& Of(const std::string& node, const std::string& group) const;

 private:
  std::vector<ReachedBudget> budgets_;
  std::map<std::pair<std::string, std::string>, Reach> reach_;
};

}  // namespace switchyard::simulation

#endif  // SWITCHYARD_SIMULATION_PHYSICS_REACH_H_
