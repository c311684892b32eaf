// W, by the leader's own ledger: base + sum of coefficient x bound stays within the cap of every budget but in the
// three exceptions, each of which has a cause in the batch that brings it, is recorded, and is answered: what hashing
// can be lowered is ordered lower within the budget's shed deadline. The ledger's sums are counted again by the judge,
// from the entities and the configuration.
#ifndef SWITCHYARD_SIMULATION_CHECKERS_LEDGER_WATTS_H_
#define SWITCHYARD_SIMULATION_CHECKERS_LEDGER_WATTS_H_

#include <map>
#include <vector>

#include "simulation/checkers/checker.h"
#include "simulation/physics/reach.h"

namespace switchyard::simulation {

class LedgerWatts final : public Checker {
 public:
  LedgerWatts() : Checker("w-ledger") {}

  void OnStart(MonoTime now, Leader leader, const core::State& state) override;
  void Decided(MonoTime now, Leader leader, const core::Stamp& stamp, const std::vector<store::v1::Command>& commands,
               const core::Effects& effects, const core::State& state) override;
  void OnDead(MonoTime now, Leader leader) override;
  void OnEnd(MonoTime now, const core::State& state, bool quiet) override;

  // Time during which the newest leader counted a budget above its cap, and time under a leader.
  Duration in_exception() const { return in_exception_; }
  Duration led() const { return led_; }

 private:
  struct Leading {
    std::vector<Power> sums;
    std::vector<bool> over;
    std::vector<MonoTime> since, looked;
    ReachMap reach;
    int64_t batches = 0;
  };

  void Configure(const core::State& state, Leading* leading);
  void Look(MonoTime now, const core::State& state, const BatchKinds& kinds, Leading* leading);
  void CheckShed(MonoTime now, const core::State& state, uint32_t budget);
  void Recount(MonoTime now, const core::State& state, const Leading& leading);
  void Pass(MonoTime now);

  std::map<Leader, Leading> leaders_;
  std::string bodies_;
  Leader newest_ = 0;
  bool newest_over_ = false;
  MonoTime passed_;
  Duration in_exception_, led_;
};

}  // namespace switchyard::simulation

#endif  // SWITCHYARD_SIMULATION_CHECKERS_LEDGER_WATTS_H_
