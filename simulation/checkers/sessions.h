// The session's own promises: an agent follows no lower term; sequences and set revisions rise over leaders; an agent
// has applied nothing that is not durable; a report that is not scanning names everything that its machine holds.
#ifndef SWITCHYARD_SIMULATION_CHECKERS_SESSIONS_H_
#define SWITCHYARD_SIMULATION_CHECKERS_SESSIONS_H_

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "simulation/checkers/checker.h"

namespace switchyard::simulation {

class Sessions final : public Checker {
 public:
  Sessions() : Checker("session") {}

  void OnPrepared(MonoTime now, const std::string& node, const v1::DesiredAllocation& order) override;
  void OnGone(MonoTime now, const std::string& node, uint64_t allocation, uint32_t epoch) override;
  void OnStart(MonoTime now, Leader leader, const core::State& state) override;
  void Decided(MonoTime now, Leader leader, const core::Stamp& stamp, const std::vector<store::v1::Command>& commands,
               const core::Effects& effects, const core::State& state) override;
  void OnDurable(MonoTime now, Leader leader, uint64_t sequence, const std::vector<core::Row>& rows) override;
  void OnDown(MonoTime now, const v1::SchedulerMessage& message, bool accepted) override;
  void OnUp(MonoTime now, Leader leader, const v1::AgentMessage& message) override;
  void OnFault(MonoTime now, const Deed& deed) override;

 private:
  using Sender = std::pair<uint64_t, uint64_t>;  // store incarnation and term

  std::map<std::string, Sender> followed_;
  std::map<std::string, uint64_t> revisions_;                  // newest set of each node that a newest leader ordered
  std::map<std::string, std::map<uint64_t, MonoTime>> holds_;  // by node: allocations and since when
  std::set<std::string> cloned_;
  std::set<uint64_t> flying_;  // of the newest leader: batches with rows that are decided and not durable
  uint64_t durable_ = 0;
  bool restore_is_older_ = false;
  Leader newest_ = 0;
  Calm calm_;
};

}  // namespace switchyard::simulation

#endif  // SWITCHYARD_SIMULATION_CHECKERS_SESSIONS_H_
