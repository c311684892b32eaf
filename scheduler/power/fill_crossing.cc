#include "scheduler/power/fill_crossing.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <tuple>
#include <utility>

#include "scheduler/power/fill_program.h"

namespace switchyard::power {
namespace {

using Wide = __int128;  // parts per million x milliwatts

// Items that load the remaining budgets in the same way. Among them value per watt alone decides.
struct Class {
  Chain loads;                  // by budget, ascending
  std::vector<uint32_t> items;  // ascending, and so of falling value
  Wide watts = 0;               // of all of them
};

bool SameLoads(const Class& a, const Class& b) {
  return std::equal(a.loads.begin(), a.loads.end(), b.loads.begin(), b.loads.end(), [](const Edge& x, const Edge& y) {
    return x.budget == y.budget && x.coefficient == y.coefficient;
  });
}

bool LoadsBefore(const Class& a, const Class& b) {
  return std::lexicographical_compare(a.loads.begin(), a.loads.end(), b.loads.begin(), b.loads.end(),
                                      [](const Edge& x, const Edge& y) {
                                        return std::tie(x.budget, x.coefficient) < std::tie(y.budget, y.coefficient);
                                      });
}

class Division {
 public:
  Division(const std::vector<FillItem>& items, const std::vector<Chain>& chains, const std::vector<Power>& room)
      : items_(items) {
    MakeClasses(chains);
    MakeLimits(chains, room);
  }

  // Until no budget can be dropped or bounded any more.
  void Reduce() {
    bool changed = true;
    while (changed) {
      DropBudgetsThatCannotBind();
      changed = BoundSingleClasses();
      std::erase_if(classes_, [](const Class& c) { return c.watts == 0; });
      changed = Merge() || changed;
    }
  }

  bool Crosses() const {
    return std::any_of(classes_.begin(), classes_.end(), [](const Class& c) { return !c.loads.empty(); });
  }

  CrossingDivision Solve() {
    const PackingAnswer answer = SolvePacking(MakeProgram());
    size_t column = 0;
    for (Class& c : classes_) {
      Wide watts = 0;
      for (const size_t end = column + Columns(c); column < end; ++column) watts += answer.amounts[column];
      Truncate(c, watts);
    }
    return {std::move(devices_), answer.best};
  }

 private:
  void MakeClasses(const std::vector<Chain>& chains) {
    std::map<uint32_t, size_t> of_chain;
    for (uint32_t i = 0; i < items_.size(); ++i) {
      const FillItem& item = items_[i];
      devices_.push_back(item.devices);
      if (item.devices == 0) continue;
      const auto [at, is_new] = of_chain.try_emplace(item.chain, classes_.size());
      if (is_new) {
        Class& added = classes_.emplace_back();
        for (const Edge& edge : chains[item.chain])
          if (edge.coefficient.count() > 0) added.loads.push_back(edge);
        std::sort(added.loads.begin(), added.loads.end(),
                  [](const Edge& a, const Edge& b) { return a.budget < b.budget; });
      }
      classes_[at->second].items.push_back(i);
      classes_[at->second].watts += Wide(item.rise.count()) * item.devices;
    }
    Merge();
  }

  // The ledger rounds each unit's product up: a milliwatt of each is kept for that, unless the product is whole.
  void MakeLimits(const std::vector<Chain>& chains, const std::vector<Power>& room) {
    limits_.reserve(room.size());
    for (const Power watts : room) limits_.push_back(Wide(watts.count()) * kOne.count());
    for (const FillItem& item : items_) {
      if (item.step != 0) continue;
      for (const Edge& edge : chains[item.chain])
        if (edge.coefficient.count() % kOne.count() != 0) limits_[edge.budget] -= kOne.count();
    }
  }

  void DropBudgetsThatCannotBind() {
    std::vector<Wide> most(limits_.size());
    touching_.assign(limits_.size(), 0);
    for (const Class& c : classes_) {
      for (const Edge& edge : c.loads) {
        most[edge.budget] += c.watts * edge.coefficient.count();
        ++touching_[edge.budget];
      }
    }
    for (Class& c : classes_)
      std::erase_if(c.loads, [&](const Edge& edge) { return most[edge.budget] <= limits_[edge.budget]; });
  }

  // A budget of one class bounds its watts; one without room ends all of its classes.
  bool BoundSingleClasses() {
    bool bounded = false;
    for (Class& c : classes_) {
      std::erase_if(c.loads, [&](const Edge& edge) {
        const Wide limit = std::max<Wide>(0, limits_[edge.budget]);
        if (touching_[edge.budget] > 1 && limit > 0) return false;
        Truncate(c, limit / edge.coefficient.count());
        return bounded = true;
      });
    }
    return bounded;
  }

  // Leaves the class the best whole devices within so many watts.
  void Truncate(Class& c, Wide limit) {
    if (c.watts <= limit) return;
    c.watts = 0;
    size_t kept = 0;
    for (; kept < c.items.size(); ++kept) {
      const uint32_t i = c.items[kept];
      const Wide rise = items_[i].rise.count();
      const Wide fit = (limit - c.watts) / rise;
      if (fit < devices_[i]) {
        devices_[i] = static_cast<int32_t>(fit);
        c.watts += fit * rise;
        kept += fit > 0 ? 1 : 0;
        break;
      }
      c.watts += rise * devices_[i];
    }
    for (size_t k = kept; k < c.items.size(); ++k) devices_[c.items[k]] = 0;
    c.items.resize(kept);
  }

  bool Merge() {
    std::stable_sort(classes_.begin(), classes_.end(), LoadsBefore);
    std::vector<Class> merged;
    for (Class& c : classes_) {
      if (merged.empty() || !SameLoads(merged.back(), c)) {
        merged.push_back(std::move(c));
        continue;
      }
      merged.back().items.insert(merged.back().items.end(), c.items.begin(), c.items.end());
      merged.back().watts += c.watts;
    }
    const bool fewer = merged.size() < classes_.size();
    classes_ = std::move(merged);
    if (fewer) {
      for (Class& c : classes_) std::sort(c.items.begin(), c.items.end());
    }
    return fewer;
  }

  // Items of equal value in one class are one column.
  size_t Columns(const Class& c) const {
    size_t columns = 0;
    for (size_t k = 0; k < c.items.size(); ++k)
      columns += k == 0 || items_[c.items[k]].value != items_[c.items[k - 1]].value ? 1 : 0;
    return columns;
  }

  PackingProgram MakeProgram() const {
    std::map<uint32_t, std::pair<uint32_t, int64_t>> rows;  // budget -> row, what its coefficients share
    for (const Class& c : classes_) {
      for (const Edge& edge : c.loads) {
        const auto [at, is_new] = rows.try_emplace(edge.budget, rows.size(), 0);
        at->second.second = std::gcd(at->second.second, edge.coefficient.count());
      }
    }
    PackingProgram program;
    program.limits.resize(rows.size());
    for (const auto& [budget, row] : rows) program.limits[row.first] = limits_[budget] / row.second;
    for (const Class& c : classes_) {
      std::vector<PackingLoad> loads;
      for (const Edge& edge : c.loads) {
        const auto& [row, shared] = rows.at(edge.budget);
        loads.push_back({row, edge.coefficient.count() / shared});
      }
      for (size_t k = 0; k < c.items.size(); ++k) {
        const FillItem& item = items_[c.items[k]];
        if (k == 0 || item.value != items_[c.items[k - 1]].value) program.columns.push_back({item.value, 0, loads});
        program.columns.back().most += item.rise.count() * devices_[c.items[k]];
      }
    }
    return program;
  }

  const std::vector<FillItem>& items_;
  std::vector<int32_t> devices_;  // by item: what is left of it
  std::vector<Class> classes_;
  std::vector<Wide> limits_;        // by budget
  std::vector<uint32_t> touching_;  // by budget: classes that load it
};

}  // namespace

std::optional<CrossingDivision> DivideCrossing(const std::vector<FillItem>& items, const std::vector<Chain>& chains,
                                               const std::vector<Power>& room) {
  // Items of one chain load all budgets alike: none has anything to give way to.
  const bool one_chain =
      std::all_of(items.begin(), items.end(), [&](const FillItem& item) { return item.chain == items.front().chain; });
  if (one_chain) return std::nullopt;
  Division division(items, chains, room);
  division.Reduce();
  if (!division.Crosses()) return std::nullopt;
  return division.Solve();
}

}  // namespace switchyard::power
