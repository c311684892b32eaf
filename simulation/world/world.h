// One run: true time, the network, the scheduler processes and their stores, the agents and their machines, the clients
// and the operators, driven by a script to its end.
//
//   engine::Batching + core::Core + orders::OrderBook   (scheduler/)     the very objects of the daemon
//   agent::reconcile::Reconciler                        (agent/)         the very object of the agent
//
// Nothing here decides about a grant, a lease or a phase. The same script gives the same run, to the last bit.
#ifndef SWITCHYARD_SIMULATION_WORLD_WORLD_H_
#define SWITCHYARD_SIMULATION_WORLD_WORLD_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "simulation/script/script.h"
#include "simulation/world/observer.h"

namespace switchyard::simulation {

struct RunFigures {
  int64_t starts = 0;  // firm tasks that began to run
  int64_t batches = 0, commands = 0, messages = 0;
  int64_t leaders = 0;  // scheduler starts
  uint64_t digest = 0;  // of the last leader's core, and of all batches before it
};

struct RunResult {
  absl::Status verdict;  // OK, or the first violation and its moment
  MonoTime at;           // of the violation, or the end
  RunFigures figures;
};

struct WorldOptions {
  core::CheckLevel checks = core::CheckLevel::kEvery64th;  // of the core itself
  // Every run keeps what happened to its leaders and replays the beginning of the last one's term into a fresh core,
  // whose effects and digests must be the same. When set: every leader's whole term.
  bool record = false;
};

// Runs `script` under `observers` until its end or the first violation.
RunResult Run(const Script& script, const WorldOptions& options, const std::vector<Observer*>& observers);

}  // namespace switchyard::simulation

#endif  // SWITCHYARD_SIMULATION_WORLD_WORLD_H_
