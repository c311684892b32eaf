// One script, run under all checkers, in this process or in one of its own.
#ifndef SWITCHYARD_SIMULATION_RUNNER_SEED_RUN_H_
#define SWITCHYARD_SIMULATION_RUNNER_SEED_RUN_H_

#include <string>

#include "simulation/runner/seed_report.h"
#include "simulation/runner/summary.h"
#include "simulation/runner/workers.h"
#include "simulation/script/script.h"

namespace switchyard::simulation {

SeedReport RunScript(const Script& script);

// What a process that was told to return ToJson(RunScript(script)) came to: its report, or the check that ended it.
SeedReport ReportOf(uint64_t seed, const WorkResult& result);

// RunScript in a process of its own, so that a failed SWITCHYARD_CHECK is a result.
SeedReport RunScriptAlone(const Script& script);

// Rows and columns of the table of strikes.
TableShape ShapeOfTable();

}  // namespace switchyard::simulation

#endif  // SWITCHYARD_SIMULATION_RUNNER_SEED_RUN_H_
