// F, over spans without an active fault or a fallen cap: a plan hands its watts over within
//
//   confirm_timeout + worst ramp + meter and overhead lag + grace of its victims + prepare_timeout
//
// or gives them back; what prepares is released or ended within its timeout; what stops is over within its grace. And
// when the run's last stretch was quiet everything has come to rest.
#ifndef SWITCHYARD_SIMULATION_CHECKERS_HAND_OVER_H_
#define SWITCHYARD_SIMULATION_CHECKERS_HAND_OVER_H_

#include <map>
#include <vector>

#include "simulation/checkers/checker.h"

namespace switchyard::simulation {

class HandOver final : public Checker {
 public:
  HandOver() : Checker("f") {}

  void OnStart(MonoTime now, Leader leader, const core::State& state) override;
  void Decided(MonoTime now, Leader leader, const core::Stamp& stamp, const std::vector<store::v1::Command>& commands,
               const core::Effects& effects, const core::State& state) override;
  void OnFault(MonoTime now, const Deed& deed) override;
  void OnEnd(MonoTime now, const core::State& state, bool quiet) override;

 private:
  void Look(MonoTime now, const core::State& state);
  static Duration HandOverBound(const core::State& state);

  std::map<uint64_t, MonoTime> plans_, preparing_, stopping_;  // first seen; plans, jobs, allocations
  Leader newest_ = 0;
  MonoTime looked_;
  Calm calm_;
};

}  // namespace switchyard::simulation

#endif  // SWITCHYARD_SIMULATION_CHECKERS_HAND_OVER_H_
