// W-physical: what is truly drawn stays within the newest durable ledger in every budget, at every instant. Above it
// only with an injected fault that excuses the watts, each use counted by its cause; and a budget stays above its cap
// no longer than half of what its breaker bears.
#ifndef SWITCHYARD_SIMULATION_CHECKERS_TRUE_WATTS_H_
#define SWITCHYARD_SIMULATION_CHECKERS_TRUE_WATTS_H_

#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "simulation/checkers/checker.h"

namespace switchyard::simulation {

class TrueWatts final : public Checker {
 public:
  TrueWatts() : Checker("w-physical") {}

  void OnBegin(DrawBook* draws) override;
  void OnStart(MonoTime now, Leader leader, const core::State& state) override;
  void Decided(MonoTime now, Leader leader, const core::Stamp& stamp, const std::vector<store::v1::Command>& commands,
               const core::Effects& effects, const core::State& state) override;
  void OnDurable(MonoTime now, Leader leader, uint64_t sequence, const std::vector<core::Row>& rows) override;
  void OnDead(MonoTime now, Leader leader) override;
  void OnFault(MonoTime now, const Deed& deed) override;
  void OnEnd(MonoTime now, const core::State& state, bool quiet) override;

  // How often watts above the ledger were excused and how many at most, by the fault's name.
  struct Used {
    int64_t times = 0;
    Power most;
  };
  const std::map<std::string, Used>& used() const { return used_; }

 private:
  struct Snapshot {
    uint64_t sequence;
    std::vector<Power> sums, charges, caps;
  };

  void Take(const core::State& state, Snapshot* snapshot) const;
  void Apply(MonoTime now, const Snapshot& snapshot);
  void Refresh(MonoTime now);
  void Note(const std::string& cause, Power excess);
  void Peak(MonoTime at, uint32_t budget, Power draw);
  void Trip(MonoTime at, uint32_t budget, const DrawBook::Level& level, MonoTime since);
  Power Excused(MonoTime at, uint32_t budget, std::set<std::string>* causes) const;
  std::string Culprit(uint32_t budget) const;
  Power ReachOf(const std::string& node, uint32_t budget, Power watts) const;

  DrawBook* draws_ = nullptr;
  Leader newest_ = 0;
  const core::State* state_ = nullptr;  // of the newest leader, while it lives
  std::deque<Snapshot> flying_;         // decided, not durable
  std::vector<Power> sums_, charges_, caps_, watches_;
  std::vector<MonoTime> excepted_until_;  // its cap fell: the breaker is not the one that was lowered
  ReleasedOverhead held_;
  MonoTime refreshed_;
  int64_t loads_ = -1;
  MonoTime forgot_until_;
  std::string forgot_;  // the fault by which the newest leader knows less than was granted; until every node was heard
  bool restore_is_older_ = false;
  std::string restore_cause_;
  std::map<std::string, MonoTime> cloned_until_;   // by node
  std::map<std::string, MonoTime> muddled_until_;  // a store without history met two machines of one name
  std::map<std::string, Used> used_;
};

}  // namespace switchyard::simulation

#endif  // SWITCHYARD_SIMULATION_CHECKERS_TRUE_WATTS_H_
