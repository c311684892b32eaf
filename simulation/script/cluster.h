// A cluster for a run: one site whose budgets are a graph of four levels with crossing zones, miners of every class and
// enforcer, GPU servers, CPU boxes, tenants.
//
// Promises: the configuration is sound (common/topology), its defaults are applied, and every budget can carry all that
// beneath it draws with nothing granted, and more; the same seed and recipe give the same cluster.
#ifndef SWITCHYARD_SIMULATION_SCRIPT_CLUSTER_H_
#define SWITCHYARD_SIMULATION_SCRIPT_CLUSTER_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "common/units.h"
#include "simulation/script/recipe.h"
#include "switchyard/v1/configuration.pb.h"

namespace switchyard::simulation {

v1::ClusterConfiguration MakeCluster(uint64_t seed, const Recipe& recipe);

// What hangs on a budget, by its coefficients.
struct BudgetLoad {
  Power always;  // its base, platforms, and devices as they count with nothing granted
  Power most;    // with every device at its maximum
};
// In the order of topology::Topology::budgets(), that is of SetCap's too.
std::vector<BudgetLoad> Loads(const v1::ClusterConfiguration& configuration);

// The budgets of the one site, survivors last. SetCap writes the cap of the index-th one, rounded up to a watt.
std::vector<std::string> BudgetNames(const v1::ClusterConfiguration& configuration);
Power CapOf(const v1::ClusterConfiguration& configuration, size_t index);
void SetCap(v1::ClusterConfiguration* configuration, size_t index, Power cap);

}  // namespace switchyard::simulation

#endif  // SWITCHYARD_SIMULATION_SCRIPT_CLUSTER_H_
