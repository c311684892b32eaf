// What goes wrong in a run, and what operators say: faults near the moments that matter (just after submits and
// reloads, and within a lease of another fault), reloads of the configuration, words at bad moments; and the mending,
// so that the quiet stretch finds nothing broken.
//
// Promises: no fault reaches into the quiet stretch but a clock's drift; every reloaded configuration is sound; the
// last one is the first one again; whoever broke something on a node says the word that mends it.
#ifndef SWITCHYARD_SIMULATION_SCRIPT_TROUBLE_H_
#define SWITCHYARD_SIMULATION_SCRIPT_TROUBLE_H_

#include <cstdint>
#include <vector>

#include "simulation/script/recipe.h"
#include "simulation/script/script.h"

namespace switchyard::simulation {

// Deeds in no order. `work` gives the moments that matter.
std::vector<Deed> MakeTrouble(uint64_t seed, const Recipe& recipe, const v1::ClusterConfiguration& configuration,
                              const std::vector<Deed>& work);

}  // namespace switchyard::simulation

#endif  // SWITCHYARD_SIMULATION_SCRIPT_TROUBLE_H_
