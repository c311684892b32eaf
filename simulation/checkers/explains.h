// Explain's verdict equals the decision: a job that is explained as one that starts, does; one that is explained as
// held back does not start while nothing happens. Asked of the core itself at moments spread over the run.
#ifndef SWITCHYARD_SIMULATION_CHECKERS_EXPLAINS_H_
#define SWITCHYARD_SIMULATION_CHECKERS_EXPLAINS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "simulation/checkers/checker.h"

namespace switchyard::simulation {

class Explains final : public Checker {
 public:
  Explains() : Checker("explain") {}

  void OnStart(MonoTime now, Leader leader, const core::State& state) override;
  void Decided(MonoTime now, Leader leader, const core::Stamp& stamp, const std::vector<store::v1::Command>& commands,
               const core::Effects& effects, const core::State& state) override;
  void OnDead(MonoTime now, Leader leader) override;

  int64_t asked() const { return asked_; }

 private:
  void Ask(MonoTime now, const core::Stamp& stamp, const core::State& state);

  struct Asked {
    uint64_t job = 0;  // 0: nothing is watched
    bool starts = false;
    std::string binding;
    MonoTime at;
    int batches = 0;
  };
  Asked last_;
  uint64_t after_ = 0;  // the job asked about last: the next one's turn comes
  MonoTime asked_at_;
  int64_t asked_ = 0;
  Leader newest_ = 0;
};

}  // namespace switchyard::simulation

#endif  // SWITCHYARD_SIMULATION_CHECKERS_EXPLAINS_H_
