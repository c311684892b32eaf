#include "scheduler/core/ramp.h"

#include <algorithm>

#include "common/check.h"

namespace switchyard::core {
namespace {

constexpr Duration kWindow = Minutes(1);

// Raises of one second are one entry, counted as if at its end: few entries, and none is forgotten too early.
MonoTime EndOfSecond(MonoTime now) { return MonoTime((now.milliseconds() + 999) / 1000 * 1000); }

}  // namespace

Power RaisedLately(const Budget& budget, MonoTime now) {
  Power spent;
  for (const auto& [at, rise] : budget.raises) {
    if (at + kWindow > now) spent += rise;
  }
  return spent;
}

void BeginRamps(State& state, MonoTime now) {
  for (Budget& budget : state.budgets) {
    budget.raises.clear();
    if (budget.ramp_up > Power()) budget.raises.emplace_back(now, budget.ramp_up);
  }
}

void InheritRaises(const Budget& before, Budget& budget, MonoTime now) {
  if (budget.ramp_up == Power()) return;
  budget.raises = before.raises;
  if (before.ramp_up == Power()) budget.raises.emplace_back(now, budget.ramp_up);
}

Power RampRoom(const State& state, uint32_t chain, MonoTime now) {
  Power room = Power::Max();
  for (const power::Edge& edge : state.ledger.chain(chain)) {
    const Budget& budget = state.budgets[edge.budget];
    if (budget.ramp_up == Power()) continue;
    room = std::min(room, UnscaleDown(std::max(Power(), budget.ramp_up - RaisedLately(budget, now)), edge.coefficient));
  }
  return room;
}

void SpendRamp(Step& step, uint32_t chain, Power rise) {
  const MonoTime now = step.stamp.mono;
  for (const power::Edge& edge : step.state.ledger.chain(chain)) {
    Budget& budget = step.state.budgets[edge.budget];
    if (budget.ramp_up == Power()) continue;
    while (!budget.raises.empty() && budget.raises.front().first + kWindow <= now) budget.raises.pop_front();
    const MonoTime at = EndOfSecond(now);
    if (budget.raises.empty() || budget.raises.back().first < at) budget.raises.emplace_back(at, Power());
    budget.raises.back().second += ScaleUp(rise, edge.coefficient);
    SWITCHYARD_CHECK(RaisedLately(budget, now) <= budget.ramp_up)
        << budget.id << " rises by " << RaisedLately(budget, now) << " within a minute, allowed are " << budget.ramp_up;
  }
}

void AwaitRamp(Step& step, uint32_t chain) {
  MonoTime next = MonoTime::Never();
  for (const power::Edge& edge : step.state.ledger.chain(chain)) {
    for (const auto& [at, rise] : step.state.budgets[edge.budget].raises) {
      if (at + kWindow <= step.stamp.mono) continue;
      next = std::min(next, at + kWindow);
      break;  // in the order of time
    }
  }
  if (next != MonoTime::Never()) step.RoundAt(next);
}

}  // namespace switchyard::core
