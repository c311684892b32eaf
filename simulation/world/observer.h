// What the checkers are told. The world calls them in the order of true time; none of them can change anything.
#ifndef SWITCHYARD_SIMULATION_WORLD_OBSERVER_H_
#define SWITCHYARD_SIMULATION_WORLD_OBSERVER_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "common/units.h"
#include "scheduler/core/core.h"
#include "scheduler/core/state.h"
#include "simulation/physics/draw_book.h"
#include "simulation/physics/machine.h"
#include "simulation/script/script.h"
#include "switchyard/store/v1/rows.pb.h"

namespace switchyard::simulation {

// One scheduler process, as a number: rises with each start. A stale leader speaks on under its old number.
using Leader = int;

class Observer : public MachineObserver {
 public:
  // Before the run begins: the draw of everything, which outlives the run. A checker may watch it and set levels,
  // nothing else.
  virtual void OnBegin(DrawBook*) {}
  virtual void OnStart(MonoTime now, Leader leader, const core::State& state) = 0;  // restored, term started
  // A batch was decided; `state` is the leader's memory, ahead of its disk.
  virtual void OnDecided(MonoTime now, Leader leader, const core::Stamp& stamp,
                         const std::vector<store::v1::Command>& commands, const core::Effects& effects,
                         const core::Core& core) = 0;
  virtual void OnDurable(MonoTime now, Leader leader, uint64_t sequence, const std::vector<core::Row>& rows) = 0;
  virtual void OnDead(MonoTime now, Leader leader) = 0;
  // A client's request as it was answered; key is its idempotency key. `lost`: the leader died before the answer.
  virtual void OnAnswer(MonoTime now, const std::string& key, const store::v1::Command& command,
                        const core::Reply& reply) = 0;
  // What an agent was told, and what it said, when it was received.
  virtual void OnDown(MonoTime now, const v1::SchedulerMessage& message, bool accepted) = 0;
  virtual void OnUp(MonoTime now, Leader leader, const v1::AgentMessage& message) = 0;
  virtual void OnFault(MonoTime now, const Deed& deed) = 0;
  // The end of the run. `quiet`: the script's last stretch had no fault, so that everything must have come to rest.
  virtual void OnEnd(MonoTime now, const core::State& state, bool quiet) = 0;

  // OK, or the first violation with its numbers: the run stops there.
  virtual absl::Status verdict() const = 0;
};

}  // namespace switchyard::simulation

#endif  // SWITCHYARD_SIMULATION_WORLD_OBSERVER_H_
