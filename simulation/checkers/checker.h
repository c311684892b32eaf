// What all checkers share: a verdict that keeps the first violation, and what a batch of the core touched, looked at
// through its rows so that a checker's cost is that of what changed.
#ifndef SWITCHYARD_SIMULATION_CHECKERS_CHECKER_H_
#define SWITCHYARD_SIMULATION_CHECKERS_CHECKER_H_

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "simulation/world/observer.h"

namespace switchyard::simulation {

// An observer to whom nothing happens unless it says so. A verdict is "<checker> at <time>: <what was found>, <what is
// allowed>".
class Checker : public Observer {
 public:
  explicit Checker(std::string name) : name_(std::move(name)) {}

  void OnInstruction(MonoTime, const std::string&, const v1::DesiredAllocation&) override {}
  void OnGone(MonoTime, const std::string&, uint64_t, uint32_t) override {}
  void OnStart(MonoTime, Leader, const core::State&) override {}
  void OnDecided(MonoTime now, Leader leader, const core::Stamp& stamp, const std::vector<store::v1::Command>& commands,
                 const core::Effects& effects, const core::Core& core) final {
    Decided(now, leader, stamp, commands, effects, core.state());
  }
  // A batch was decided: its state is all of the core that a checker looks at, so that a test can make one by hand.
  virtual void Decided(MonoTime, Leader, const core::Stamp&, const std::vector<store::v1::Command>&,
                       const core::Effects&, const core::State&) {}
  void OnDurable(MonoTime, Leader, uint64_t, const std::vector<core::Row>&) override {}
  void OnDead(MonoTime, Leader) override {}
  void OnAnswer(MonoTime, const std::string&, const store::v1::Command&, const core::Reply&) override {}
  void OnDown(MonoTime, const v1::SchedulerMessage&, bool) override {}
  void OnUp(MonoTime, Leader, const v1::AgentMessage&) override {}
  void OnFault(MonoTime, const Deed&) override {}
  void OnEnd(MonoTime, const core::State&, bool) override {}

  absl::Status verdict() const override { return verdict_; }

 protected:
  // The first one counts.
  void Fail(MonoTime now, const std::string& text);
  bool failed() const { return !verdict_.ok(); }

 private:
  std::string name_;
  absl::Status verdict_;
};

// The number of an allocation's row; 0: the row is an orphan's or no allocation's.
uint64_t AllocationOf(const core::Row& row);

// What kinds of commands a batch held.
struct BatchKinds {
  bool configuration = false;  // caps and coefficients may have changed
  bool evidence = false;   // something was learned that may raise a bound: reports, readings, sessions, a term's start
  bool operators = false;  // an operator's word
};
BatchKinds KindsOf(const std::vector<store::v1::Command>& commands);
// The node of which a command brings news; empty: none.
const std::string& NodeOf(const store::v1::Command& command);

// Overhead that was released and may still be drawn: of each meter, for as long as its site says. Kept over leaders,
// which forget.
class ReleasedOverhead {
 public:
  // The ledger's sum at a meter went from `before` to `after`.
  void Note(MonoTime now, uint32_t budget, const ReachedBudget& reached, Power before, Power after);
  Power Held(MonoTime now, uint32_t budget);
  void Clear() { held_.clear(); }

 private:
  struct Part {
    MonoTime until;
    Power watts;
  };
  std::map<uint32_t, std::deque<Part>> held_;
};

// Whether something injected is at work, or was a short while ago.
class Calm {
 public:
  void Note(MonoTime now, const Deed& deed);
  bool For(MonoTime now, Duration span) const { return now >= troubled_until_ + span; }

 private:
  MonoTime troubled_until_;
};

std::string InWatts(Power power);

}  // namespace switchyard::simulation

#endif  // SWITCHYARD_SIMULATION_CHECKERS_CHECKER_H_
