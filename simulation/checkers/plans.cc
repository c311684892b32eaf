#include "simulation/checkers/plans.h"

#include <algorithm>

#include "fmt/format.h"

namespace switchyard::simulation {

void Plans::OnStart(MonoTime, Leader leader, const core::State&) {
  if (leader < newest_) return;
  newest_ = leader;
  restored_ = true;
}

void Plans::Decided(MonoTime now, Leader leader, const core::Stamp&, const std::vector<store::v1::Command>& commands,
                    const core::Effects& effects, const core::State& state) {
  if (restored_ && leader == newest_) {
    restored_ = false;
    CheckRestored(now, state, effects);
  }
  const bool changed = std::any_of(effects.rows.begin(), effects.rows.end(),
                                   [](const core::Row& r) { return r.kind == core::RowKind::kPlan; });
  if (changed || KindsOf(commands).configuration) CheckAccounts(now, state);
}

void Plans::CheckRestored(MonoTime now, const core::State& state, const core::Effects& effects) {
  if (restore_is_older_) {
    restore_is_older_ = false;
    plans_.clear();
    allocations_.clear();
    for (const auto& [id, plan] : state.plans) plans_.insert(id);
    for (const auto& [id, allocation] : state.allocations) allocations_.insert(id);
    return;
  }
  std::set<uint64_t> closed, ended;
  for (const core::Row& row : effects.rows) {
    if (row.value.has_value()) continue;
    if (row.kind == core::RowKind::kPlan) closed.insert(core::KeyNumber(row.key));
    if (const uint64_t id = AllocationOf(row); id != 0) ended.insert(id);
  }
  for (const uint64_t id : plans_) {
    if (!state.plans.contains(id) && !closed.contains(id))
      Fail(now, fmt::format("plan {} is durable, and leader {} does not know it", id, newest_));
  }
  for (const uint64_t id : allocations_) {
    if (!state.allocations.contains(id) && !ended.contains(id))
      Fail(now, fmt::format("allocation {} is durable, and leader {} does not know it", id, newest_));
  }
}

void Plans::CheckAccounts(MonoTime now, const core::State& state) {
  std::vector<Power> earmarked(state.budgets.size());
  for (const auto& [id, plan] : state.plans) {
    for (const store::v1::PlanBudget& need : plan.row.budgets()) {
      earmarked[state.budget_index.at(need.budget())] += Milliwatts(need.earmarked_mw());
      if (need.earmarked_mw() >= 0 && need.earmarked_mw() <= need.needed_mw()) continue;
      Fail(now, fmt::format("plan {} holds {} mW of {} mW in \"{}\"", id, need.earmarked_mw(), need.needed_mw(),
                            need.budget()));
    }
  }
  for (uint32_t b = 0; b < earmarked.size(); ++b) {
    if (earmarked[b] == state.ledger.Earmarked(b)) continue;
    Fail(now, fmt::format("budget \"{}\" has {} mW earmarked, its open plans hold {} mW", state.budgets[b].id,
                          state.ledger.Earmarked(b).count(), earmarked[b].count()));
  }
}

void Plans::OnDurable(MonoTime, Leader, uint64_t, const std::vector<core::Row>& rows) {
  for (const core::Row& row : rows) {
    std::set<uint64_t>* known = row.kind == core::RowKind::kPlan ? &plans_
                                : AllocationOf(row) != 0         ? &allocations_
                                                                 : nullptr;
    if (known == nullptr) continue;
    const uint64_t id = core::KeyNumber(row.key);
    if (row.value.has_value())
      known->insert(id);
    else
      known->erase(id);
  }
}

void Plans::OnFault(MonoTime, const Deed& deed) {
  if (deed.fault == FaultKind::kOlderBackup || deed.fault == FaultKind::kEmptyStore) restore_is_older_ = true;
}

void Plans::OnEnd(MonoTime now, const core::State& state, bool) { CheckAccounts(now, state); }

}  // namespace switchyard::simulation
