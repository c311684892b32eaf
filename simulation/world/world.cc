#include "simulation/world/world.h"

#include "common/stable_hash.h"
#include "simulation/world/living_world.h"
#include "simulation/world/stage.h"

namespace switchyard::simulation {

RunResult Run(const Script& script, const WorldOptions& options, const std::vector<Observer*>& observers) {
  Stage stage(script, options, observers);
  LivingWorld world(&stage);
  RunResult result;
  result.verdict = world.Live();
  result.at = stage.now();
  stage.figures.starts = stage.audience.firm_starts();
  StableHash digest;
  for (const auto& leader : world.leaders()) {
    leader->EndRecord();
    digest.Add(leader->record().digest());
    // A broken rule gives a broken run: what is asked here is whether it is the same run again.
    const bool last = leader == world.leaders().back();
    if (result.verdict.ok() && (last || options.record)) result.verdict = leader->record().Replay();
  }
  stage.figures.digest = digest.Finish();
  result.figures = stage.figures;
  return result;
}

}  // namespace switchyard::simulation
