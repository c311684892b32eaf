#include "simulation/checkers/checkers.h"

#include <algorithm>
#include <utility>

#include "simulation/checkers/acknowledged.h"
#include "simulation/checkers/devices.h"
#include "simulation/checkers/gangs.h"
#include "simulation/checkers/hand_over.h"
#include "simulation/checkers/plans.h"
#include "simulation/checkers/raises.h"
#include "simulation/checkers/sessions.h"

namespace switchyard::simulation {

void CheckFigures::Add(const CheckFigures& other) {
  in_exception += other.in_exception;
  led += other.led;
  for (const auto& [cause, used] : other.allowances_used) {
    TrueWatts::Used& sum = allowances_used[cause];
    sum.times += used.times;
    sum.most = std::max(sum.most, used.most);
  }
  explained += other.explained;
  coverage.Add(other.coverage);
}

int64_t CheckFigures::ExceptionPpm() const {
  return led <= Duration() ? 0 : in_exception.count() * 1'000'000 / led.count();
}

Checkers::Checkers() {
  const auto add = [this](auto checker) {
    auto* const raw = checker.get();
    all_.push_back(std::move(checker));
    return raw;
  };
  true_watts_ = add(std::make_unique<TrueWatts>());
  add(std::make_unique<Raises>());
  ledger_watts_ = add(std::make_unique<LedgerWatts>());
  add(std::make_unique<Devices>());
  add(std::make_unique<Gangs>());
  add(std::make_unique<Acknowledged>());
  add(std::make_unique<HandOver>());
  add(std::make_unique<Sessions>());
  add(std::make_unique<Plans>());
  explains_ = add(std::make_unique<Explains>());
  coverage_ = add(std::make_unique<Coverage>());
}

std::vector<Observer*> Checkers::observers() const {
  std::vector<Observer*> observers;
  for (const std::unique_ptr<Observer>& checker : all_) observers.push_back(checker.get());
  return observers;
}

CheckFigures Checkers::figures() const {
  CheckFigures figures;
  figures.in_exception = ledger_watts_->in_exception();
  figures.led = ledger_watts_->led();
  figures.allowances_used = true_watts_->used();
  figures.explained = explains_->asked();
  figures.coverage = coverage_->table();
  return figures;
}

Checkers MakeAll(const Script&) { return Checkers(); }

}  // namespace switchyard::simulation
