// Everybody who looks at a run.
#ifndef SWITCHYARD_SIMULATION_CHECKERS_CHECKERS_H_
#define SWITCHYARD_SIMULATION_CHECKERS_CHECKERS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "simulation/checkers/coverage.h"
#include "simulation/checkers/explains.h"
#include "simulation/checkers/ledger_watts.h"
#include "simulation/checkers/true_watts.h"
#include "simulation/script/script.h"
#include "simulation/world/observer.h"

namespace switchyard::simulation {

// What is counted beside the verdicts; figures of several runs add up.
struct CheckFigures {
  Duration in_exception,
      led;  // time in which the newest leader counted a budget above its cap, and time under a leader
  std::map<std::string, TrueWatts::Used> allowances_used;  // by the fault's name
  int64_t explained = 0;
  CoverageTable coverage;

  void Add(const CheckFigures& other);
  // Of the time under a leader, in parts per million.
  int64_t ExceptionPpm() const;
};
inline constexpr int64_t kMostExceptionPpm = 300'000;

class Checkers {
 public:
  Checkers();
  std::vector<Observer*> observers() const;
  CheckFigures figures() const;

 private:
  std::vector<std::unique_ptr<Observer>> all_;
  LedgerWatts* ledger_watts_;
  TrueWatts* true_watts_;
  Explains* explains_;
  Coverage* coverage_;
};

// One of each, for one run.
Checkers MakeAll(const Script& script);

}  // namespace switchyard::simulation

#endif  // SWITCHYARD_SIMULATION_CHECKERS_CHECKERS_H_
