// A: what was acknowledged to a client is durable when it is acknowledged, and in the store of every later leader; the
// same key is the same request. An older backup or an empty store loses what came after it: that much is known, and no
// more.
#ifndef SWITCHYARD_SIMULATION_CHECKERS_ACKNOWLEDGED_H_
#define SWITCHYARD_SIMULATION_CHECKERS_ACKNOWLEDGED_H_

#include <map>
#include <set>
#include <string>
#include <vector>

#include "simulation/checkers/checker.h"

namespace switchyard::simulation {

class Acknowledged final : public Checker {
 public:
  Acknowledged() : Checker("a") {}

  void OnStart(MonoTime now, Leader leader, const core::State& state) override;
  void OnDurable(MonoTime now, Leader leader, uint64_t sequence, const std::vector<core::Row>& rows) override;
  void OnAnswer(MonoTime now, const std::string& key, const store::v1::Command& command,
                const core::Reply& reply) override;
  void OnFault(MonoTime now, const Deed& deed) override;
  void OnEnd(MonoTime now, const core::State& state, bool quiet) override;

 private:
  void CheckAll(MonoTime now, const core::State& state);

  std::set<uint64_t> durable_;                            // jobs, ever since the store's history is whole
  std::set<uint64_t> lost_;                               // durable in a history that was given up
  std::set<uint64_t> forgotten_;                          // deleted by a leader: history was pruned
  std::map<std::string, std::vector<uint64_t>> answers_;  // job ids by key
  std::set<uint64_t> acknowledged_, cancelled_;
  std::set<uint64_t> durably_cancelled_;
  bool restore_is_older_ = false;
  Leader newest_ = 0;
};

}  // namespace switchyard::simulation

#endif  // SWITCHYARD_SIMULATION_CHECKERS_ACKNOWLEDGED_H_
