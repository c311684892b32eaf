#include "simulation/world/world.h"

#include "common/stable_hash.h"
#include "simulation/world/living_world.h"
#include "simulation/world/stage.h"

namespace switchyard::simulation {
namespace {

// Of the last leader of every run: enough for a restore, a term's start, and the rounds after it.
constexpr size_t kReplayedBatches = 1'500;

}  // namespace

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
    // A run that broke a rule ended in the middle of something: what it is asked is only whether it is the same run
    // again.
    if (result.verdict.ok() && options.record) result.verdict = leader->record().Replay();
  }
  if (result.verdict.ok() && !options.record)
    result.verdict = world.leaders().back()->record().Replay(kReplayedBatches);
  stage.figures.digest = digest.Finish();
  result.figures = stage.figures;
  return result;
}

}  // namespace switchyard::simulation
