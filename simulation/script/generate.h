// A seed becomes a script.
//
// Promises: the same seed and profile give the same script, to the last byte; its configuration and each reloaded one
// are sound, its jobs are sound, its deeds are in the order of time and end before its length; a script of the everyday
// profile ("") lasts 30 minutes, and the last four are quiet.
#ifndef SWITCHYARD_SIMULATION_SCRIPT_GENERATE_H_
#define SWITCHYARD_SIMULATION_SCRIPT_GENERATE_H_

#include <cstdint>
#include <string>

#include "simulation/script/script.h"

namespace switchyard::simulation {

// REQUIRES: the profile exists (recipe.h).
Script Generate(uint64_t seed, const std::string& profile = "");

}  // namespace switchyard::simulation

#endif  // SWITCHYARD_SIMULATION_SCRIPT_GENERATE_H_
