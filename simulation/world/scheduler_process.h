// One scheduler process from its start to its death: the daemon's batching and core on a virtual store, with a gate.
//
//   Start -> the store opens a term -> Restore -> StartTerm [, LoadConfiguration] durable -> it listens
//
// As in the engine two batches are in flight at most, one commits at a time, and effects leave in order once their rows
// are durable. The process may be killed at any moment: the batch that is being committed is then in the store or not,
// never half.
//
// A stale leader is one whom another has replaced while it lived. The embedded store cannot have two; a replicated one
// will: each leader then holds a leadership for a time, and speaks in its name only while that, less drift, runs
// (docs/protocol.md, "Session"). That part is modelled here: a batch that writes nothing leaves only if its stamp lies
// within the leadership, one that writes needs the store, which fences it off.
#ifndef SWITCHYARD_SIMULATION_WORLD_SCHEDULER_PROCESS_H_
#define SWITCHYARD_SIMULATION_WORLD_SCHEDULER_PROCESS_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "common/units.h"
#include "scheduler/core/core.h"
#include "scheduler/engine/batching.h"
#include "simulation/world/record.h"
#include "simulation/world/session_gate.h"
#include "simulation/world/stage.h"
#include "simulation/world/virtual_store.h"

namespace switchyard::simulation {

// How long a leadership of a replicated store runs on after its last renewal; and what clocks may differ by.
inline constexpr Duration kLeadership = Seconds(5);
inline constexpr int64_t kRhoPpm = 10'000;

class SchedulerProcess final : private engine::EffectSink {
 public:
  // What the world beneath hears of.
  struct Hooks {
    // A configuration is in force: it is durable, or a process serves with it.
    std::function<void(const v1::ClusterConfiguration&)> configured;
    // Jobs were made, or known again by their key; not yet durable.
    std::function<void(const v1::SubmitRequest&, const v1::SubmitResponse&)> submitted;
  };
  SchedulerProcess(Stage* stage, Network* network, VirtualStore* store, Hooks hooks, Leader number);

  // Reads the store and begins its term; listens as soon as that is durable. `file`: the configuration of the
  // operators' file.
  void Start(const v1::ClusterConfiguration& file);

  // SIGKILL. `late`: the machine with it, so that agents find out by themselves.
  void Kill(bool late);
  // Its leadership is not renewed any more; it finds out when it wants to write something, or after `span`.
  void Isolate(Duration span);

  Leader number() const { return number_; }
  bool alive() const { return core_ != nullptr; }
  bool listening() const { return gate_.listening(); }
  bool isolated() const { return notices_at_ != kNoInstant; }
  SessionGate& gate() { return gate_; }
  const core::State& state() const { return core_->state(); }
  const Record& record() const { return record_; }
  Record& record() { return record_; }

  // `done` is told once its batch is durable; never, where the process dies before.
  void Post(store::v1::Command command, engine::Done done);

  // Closes the record of a process that the end of the run finds alive.
  void EndRecord();

 private:
  // Decided, not yet out.
  struct InFlight {
    engine::Batch batch;
    bool released = false;  // of a broken engine: its effects left before it was durable
  };

  MonoTime Mono() const { return MonoTime((stage_.events.instant() - started_) / 1000); }
  void BeginTerm(const v1::ClusterConfiguration& file);
  void PlanTake();
  void TakeAll();
  void Decide();
  void CommitNext();
  void FinishCommit();
  bool MayLeave(const engine::Batch& batch) const;
  void TellSubmits(const engine::Batch& batch);
  void Durable(const engine::Batch& batch);
  void Release(engine::Batch batch);
  void Fence();
  void Die(bool late);

  void OnRows(uint64_t, std::vector<core::Row>) override {}  // the read model of the daemon
  void OnReasons(uint64_t, std::vector<core::ReasonChange>) override {}
  void OnOrders(uint64_t sequence, std::vector<core::NodeOrder> orders) override;
  void OnSessions(uint64_t sequence, std::vector<core::SessionEffect> effects) override;

  Stage& stage_;
  VirtualStore& store_;
  const Hooks hooks_;
  const Leader number_;
  SessionGate gate_;
  Record record_;
  std::unique_ptr<core::Core> core_;
  std::optional<engine::Batching> batching_;
  VirtualTerm term_;
  Instant started_ = 0;
  bool told_start_ = false;

  std::deque<InFlight> decided_;
  bool committing_ = false;
  Instant take_planned_ = kNoInstant;

  MonoTime leads_until_ = MonoTime::Never();  // on its own clock
  Instant notices_at_ = kNoInstant;           // a stale leader does at the latest
};

}  // namespace switchyard::simulation

#endif  // SWITCHYARD_SIMULATION_WORLD_SCHEDULER_PROCESS_H_
