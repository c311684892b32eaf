// The command line of switchyard-sim.
#ifndef SWITCHYARD_SIMULATION_RUNNER_OPTIONS_H_
#define SWITCHYARD_SIMULATION_RUNNER_OPTIONS_H_

#include <optional>
#include <string>

#include "simulation/runner/campaign.h"

namespace switchyard::simulation {

struct Options {
  CampaignOptions campaign;
  bool profile_given = false;
  std::string mutation;   // "": none
  std::string script;     // a file to run instead of seeds
  std::string json;       // a file that gets the figures
  std::string keep;       // a file that gets the shrunk script
  int shrink_runs = 300;  // 0: no shrinking
  bool quiet = false;
  bool print_script = false;
  bool list_mutations = false, list_profiles = false;
};

// Nothing: the program shall end with *exit_code (0 after --help, 2 after a usage error).
std::optional<Options> ParseOptions(int argc, char** argv, int* exit_code);

}  // namespace switchyard::simulation

#endif  // SWITCHYARD_SIMULATION_RUNNER_OPTIONS_H_
