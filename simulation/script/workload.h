// What clients do in a run: hashing over everything, then bursts of gangs, services, shares of GPUs, cores, arrays and
// chains, of all priorities, some of which fail, crash in circles, run out of wall time or are cancelled.
//
// Promises: every job is sound (common/validation); nothing is submitted or cancelled in the quiet stretch.
#ifndef SWITCHYARD_SIMULATION_SCRIPT_WORKLOAD_H_
#define SWITCHYARD_SIMULATION_SCRIPT_WORKLOAD_H_

#include <cstdint>
#include <vector>

#include "simulation/script/recipe.h"
#include "simulation/script/script.h"

namespace switchyard::simulation {

// Deeds in no order.
std::vector<Deed> MakeWorkload(uint64_t seed, const Recipe& recipe, const v1::ClusterConfiguration& configuration);

// Hashing over everything under a key of its own, for whoever starts it anew.
Deed SubmitHashing(MonoTime at, const std::string& key, const v1::ClusterConfiguration& configuration);

}  // namespace switchyard::simulation

#endif  // SWITCHYARD_SIMULATION_SCRIPT_WORKLOAD_H_
