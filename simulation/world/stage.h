// What every part of one run shares: the script, true time, chance, the draw of everything, and who watches.
#ifndef SWITCHYARD_SIMULATION_WORLD_STAGE_H_
#define SWITCHYARD_SIMULATION_WORLD_STAGE_H_

#include <vector>

#include "simulation/physics/draw_book.h"
#include "simulation/script/script.h"
#include "simulation/world/audience.h"
#include "simulation/world/chance.h"
#include "simulation/world/event_queue.h"
#include "simulation/world/world.h"

namespace switchyard::simulation {

// Civil time at the start of every run: some day in November 2023. No test may depend on which.
inline constexpr UtcTime kCivilStart{1'700'000'000'000};

struct Stage {
  Stage(const Script& script, const WorldOptions& options, const std::vector<Observer*>& observers)
      : script(script), options(options), chance(script.seed), audience(observers) {}

  const Script& script;
  const WorldOptions& options;
  const Chance chance;
  EventQueue events;
  Audience audience;
  DrawBook draws;
  RunFigures figures;
  Duration utc_step;  // by which the scheduler's civil time was set forward, or back

  MonoTime now() const { return events.now(); }
  UtcTime civil() const { return kCivilStart + Milliseconds(now().milliseconds()) + utc_step; }
};

}  // namespace switchyard::simulation

#endif  // SWITCHYARD_SIMULATION_WORLD_STAGE_H_
