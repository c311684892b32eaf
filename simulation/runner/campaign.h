// Many seeds over several processes: which ran, which failed, and the first failure made short.
#ifndef SWITCHYARD_SIMULATION_RUNNER_CAMPAIGN_H_
#define SWITCHYARD_SIMULATION_RUNNER_CAMPAIGN_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "simulation/runner/seed_report.h"
#include "simulation/runner/summary.h"
#include "simulation/script/script.h"
#include "simulation/script/shrink.h"

namespace switchyard::simulation {

struct CampaignOptions {
  uint64_t seeds = 1, first_seed = 0;
  std::string profile;
  int jobs = 2;
  bool stop_at_first = false;  // seeds above the lowest failing one are not begun, and not counted
};

struct Campaign {
  Summary summary;
  std::vector<SeedReport> failures;  // by rising seed
};

// Reports come by rising seed, whatever process was faster, so that the output is the same each time. `told` is called
// for each.
Campaign RunCampaign(const CampaignOptions& options, const std::function<void(const SeedReport&)>& told);

// The shortest script found that fails the same check. REQUIRES: `report` is that of `script`, and failed.
Shrunk ShrinkFailure(const Script& script, const SeedReport& report, int most_runs);

}  // namespace switchyard::simulation

#endif  // SWITCHYARD_SIMULATION_RUNNER_CAMPAIGN_H_
