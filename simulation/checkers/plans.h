// The accounts of plans: what is earmarked in the ledger is what open plans hold, in every budget; a plan that is
// closed holds nothing; and what was durable (plans, allocations) is what the next leader begins with.
#ifndef SWITCHYARD_SIMULATION_CHECKERS_PLANS_H_
#define SWITCHYARD_SIMULATION_CHECKERS_PLANS_H_

#include <set>
#include <vector>

#include "simulation/checkers/checker.h"

namespace switchyard::simulation {

class Plans final : public Checker {
 public:
  Plans() : Checker("plans") {}

  void OnStart(MonoTime now, Leader leader, const core::State& state) override;
  void Decided(MonoTime now, Leader leader, const core::Stamp& stamp, const std::vector<store::v1::Command>& commands,
               const core::Effects& effects, const core::State& state) override;
  void OnDurable(MonoTime now, Leader leader, uint64_t sequence, const std::vector<core::Row>& rows) override;
  void OnFault(MonoTime now, const Deed& deed) override;
  void OnEnd(MonoTime now, const core::State& state, bool quiet) override;

 private:
  void CheckAccounts(MonoTime now, const core::State& state);
  void CheckRestored(MonoTime now, const core::State& state, const core::Effects& effects);

  std::set<uint64_t> plans_, allocations_;  // durable
  bool restore_is_older_ = false;
  bool restored_ = false;  // the newest leader's first batch comes next
  Leader newest_ = 0;
};

}  // namespace switchyard::simulation

#endif  // SWITCHYARD_SIMULATION_CHECKERS_PLANS_H_
