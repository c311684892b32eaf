// A failing script becomes a short one that still fails: what happened after the violation goes first, then deeds, in
// ever smaller pieces, then nodes, devices, and what nothing names any more.
//
// Promises: what it returns fails, its configurations are sound, and it took at most `most_runs` runs. It decides from
// the answers alone, so that the same failure shrinks to the same script.
#ifndef SWITCHYARD_SIMULATION_SCRIPT_SHRINK_H_
#define SWITCHYARD_SIMULATION_SCRIPT_SHRINK_H_

#include <functional>
#include <optional>

#include "common/units.h"
#include "simulation/script/script.h"

namespace switchyard::simulation {

// Runs a script: the moment at which it fails in the same way (zero: it is not known), or nothing.
using Fails = std::function<std::optional<MonoTime>(const Script&)>;

struct Shrunk {
  Script script;
  int runs = 0;
  bool finished = false;  // no single deed and no single node can go; false: the runs were used up before
};

// REQUIRES: `script` fails at `at`.
Shrunk Shrink(const Script& script, MonoTime at, const Fails& fails, int most_runs);

}  // namespace switchyard::simulation

#endif  // SWITCHYARD_SIMULATION_SCRIPT_SHRINK_H_
