// The simplex method by which packing programs (fill_program.h) are solved, over one of the kinds of exact integers of
// exact_numbers.h. Part of fill_program.cc, and of the test that both kinds agree.
#ifndef SWITCHYARD_SCHEDULER_POWER_FILL_SIMPLEX_H_
#define SWITCHYARD_SCHEDULER_POWER_FILL_SIMPLEX_H_

#include <algorithm>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "common/check.h"
#include "scheduler/power/fill_program.h"

namespace switchyard::power {

// The simplex method for variables with an upper end. A variable outside the basis is always zero: one that sits at its
// upper end is replaced by what it lacks to it ("flipped").
template <typename Numbers>
class Simplex {
 public:
  Simplex(const PackingProgram& program, int64_t effort);

  // To be called once. Nothing: a number overflowed.
  std::optional<PackingAnswer> Solve() {
    const bool best = Run();
    PackingAnswer answer = {Amounts(), best};
    if (numbers_.overflowed()) return std::nullopt;
    return answer;
  }

 private:
  using Number = typename Numbers::Number;
  using Entry = std::pair<uint32_t, Number>;  // variable, its factor

  // An equation: scale x (its own variable) + sum of factor x (variable outside the basis) = right. The integers are
  // kept small by dividing by what they share, so that entries stay near the determinants of the exhausted rows, which
  // are small where coefficients are round.
  struct Equation {
    uint32_t basic = 0;
    Number scale = 1;  // > 0
    Number right = 0;
    std::vector<Entry> factors;  // by variable, ascending; none is zero

    auto At(uint32_t variable) {
      return std::lower_bound(factors.begin(), factors.end(), variable,
                              [](const Entry& entry, uint32_t wanted) { return entry.first < wanted; });
    }
    Number* Factor(uint32_t variable) {
      const auto at = At(variable);
      return at == factors.end() || at->first != variable ? nullptr : &at->second;
    }
  };

  bool Run();
  std::vector<int64_t> Amounts();
  std::optional<uint32_t> Entering() const;
  void Advance(uint32_t entering);
  void Flip(Equation& equation, uint32_t variable);
  void Pivot(size_t r, uint32_t entering, bool at_upper_end);
  void Eliminate(Equation& target, const Equation& source);
  static void Negate(Equation& equation);
  void Shrink(Equation& equation);

  static constexpr int kIdleSteps = 16;  // far above what a round limit or two cause

  Numbers numbers_;
  std::vector<Equation> rows_;
  Equation worth_;  // scale x worth + factors = right; its `basic` means nothing
  std::vector<Number> most_;
  std::vector<bool> flipped_;
  std::vector<Entry> sum_;  // of one elimination; kept for its memory
  int64_t effort_;
  int idle_steps_ = 0;
};

template <typename Numbers>
Simplex<Numbers>::Simplex(const PackingProgram& program, int64_t effort) : effort_(effort) {
  const auto columns = static_cast<uint32_t>(program.columns.size());
  rows_.resize(program.limits.size());
  most_.reserve(columns + rows_.size());
  worth_.factors.reserve(columns + rows_.size());
  for (uint32_t c = 0; c < columns; ++c) {
    most_.push_back(numbers_.Of(program.columns[c].most));
    worth_.factors.emplace_back(c, numbers_.Of(-program.columns[c].value));
    for (const PackingLoad& load : program.columns[c].loads)
      rows_[load.row].factors.emplace_back(c, numbers_.Of(load.load));
  }
  for (uint32_t r = 0; r < rows_.size(); ++r) {
    SWITCHYARD_CHECK(program.limits[r] >= 0) << "row " << r << " has no room for nothing";
    rows_[r].basic = columns + r;
    rows_[r].right = numbers_.Of(program.limits[r]);
    most_.push_back(-1);  // what a row has left has no upper end
  }
  flipped_.assign(most_.size(), false);
}

// True: proven best. False: the effort is spent, or a number overflowed.
template <typename Numbers>
bool Simplex<Numbers>::Run() {
  while (effort_ > 0 && !numbers_.overflowed()) {
    const std::optional<uint32_t> entering = Entering();
    if (!entering.has_value()) return true;
    Advance(*entering);
  }
  return false;
}

template <typename Numbers>
std::vector<int64_t> Simplex<Numbers>::Amounts() {
  const size_t columns = most_.size() - rows_.size();
  std::vector<int64_t> amounts(columns);
  for (size_t c = 0; c < columns; ++c) amounts[c] = flipped_[c] ? Numbers::ToInt64(most_[c]) : 0;
  for (const Equation& row : rows_) {
    if (row.basic >= columns) continue;
    Number amount = row.right;
    if (flipped_[row.basic]) amount = numbers_.Subtract(numbers_.Multiply(most_[row.basic], row.scale), row.right);
    amounts[row.basic] = Numbers::ToInt64(Numbers::Divide(amount, row.scale));  // both >= 0: rounded down
  }
  return amounts;
}

// The variable that gains most per unit. While nothing moves: the first that gains and, of rows, the first that binds
// (Bland's rule), which cannot go round in circles.
template <typename Numbers>
std::optional<uint32_t> Simplex<Numbers>::Entering() const {
  const Entry* chosen = nullptr;
  for (const Entry& entry : worth_.factors) {
    if (entry.second >= 0) continue;
    if (chosen == nullptr || entry.second < chosen->second) chosen = &entry;
    if (idle_steps_ > kIdleSteps) break;
  }
  if (chosen == nullptr) return std::nullopt;
  return chosen->first;
}

// Raises `entering` until it, or a variable of the basis, meets an end.
template <typename Numbers>
void Simplex<Numbers>::Advance(uint32_t entering) {
  std::optional<size_t> blocking;
  Number step = most_[entering], per = 1;  // the step as a fraction; negative: no end yet
  bool at_upper_end = false;
  for (size_t r = 0; r < rows_.size(); ++r) {
    Equation& row = rows_[r];
    const Number* const factor = row.Factor(entering);
    --effort_;
    if (factor == nullptr || (*factor < 0 && most_[row.basic] < 0)) continue;
    const bool rises = *factor < 0;
    Number room = row.right, rate = *factor;
    if (rises) {
      room = numbers_.Subtract(numbers_.Multiply(most_[row.basic], row.scale), row.right);
      rate = -rate;
    }
    if (step >= 0) {
      const std::strong_ordering distance = Numbers::CompareProducts(room, per, step, rate);  // room/rate to step/per
      const bool as_near_and_first = distance == 0 && blocking.has_value() && row.basic < rows_[*blocking].basic;
      if (distance > 0 || (distance == 0 && !as_near_and_first)) continue;
    }
    blocking = r;
    step = std::move(room);
    per = std::move(rate);
    at_upper_end = rises;
  }
  if (numbers_.overflowed()) return;
  SWITCHYARD_CHECK(step >= 0) << "a column without loads has an upper end all the same";
  idle_steps_ = step == 0 ? idle_steps_ + 1 : 0;
  if (!blocking.has_value()) {
    for (Equation& row : rows_) Flip(row, entering);
    Flip(worth_, entering);
    flipped_[entering] = !flipped_[entering];
  } else {
    Pivot(*blocking, entering, at_upper_end);
  }
}

// Puts (most - variable) in the place of a variable outside the basis.
template <typename Numbers>
void Simplex<Numbers>::Flip(Equation& equation, uint32_t variable) {
  Number* const factor = equation.Factor(variable);
  if (factor == nullptr) return;
  equation.right = numbers_.Subtract(equation.right, numbers_.Multiply(*factor, most_[variable]));
  *factor = -*factor;
}

// `entering` takes the place of the variable of row r, which leaves for one of its ends.
template <typename Numbers>
void Simplex<Numbers>::Pivot(size_t r, uint32_t entering, bool at_upper_end) {
  Equation& row = rows_[r];
  const uint32_t leaving = row.basic;
  const auto entry = row.At(entering);
  Number factor = std::move(entry->second);
  row.factors.erase(entry);
  row.factors.emplace(row.At(leaving), leaving, row.scale);
  row.scale = std::move(factor);
  row.basic = entering;
  if (row.scale < 0) Negate(row);
  if (at_upper_end) {
    Flip(row, leaving);
    flipped_[leaving] = !flipped_[leaving];
  }
  Shrink(row);
  for (size_t other = 0; other < rows_.size(); ++other) {
    if (other != r) Eliminate(rows_[other], row);
  }
  Eliminate(worth_, row);
}

// Takes the variable of `source` out of `target`.
template <typename Numbers>
void Simplex<Numbers>::Eliminate(Equation& target, const Equation& source) {
  const auto found = target.At(source.basic);
  if (found == target.factors.end() || found->first != source.basic) return;
  const Number shared = Numbers::Gcd(found->second, source.scale);
  const Number keep = Numbers::Divide(source.scale, shared), take = Numbers::Divide(found->second, shared);
  const Number give = -take;
  target.factors.erase(found);
  sum_.clear();
  sum_.reserve(target.factors.size() + source.factors.size());
  auto a = target.factors.begin();
  auto b = source.factors.begin();
  while (a != target.factors.end() || b != source.factors.end()) {
    if (b == source.factors.end() || (a != target.factors.end() && a->first < b->first)) {
      sum_.emplace_back(a->first, numbers_.Multiply(a->second, keep));
      ++a;
    } else if (a == target.factors.end() || b->first < a->first) {
      sum_.emplace_back(b->first, numbers_.Multiply(b->second, give));
      ++b;
    } else {
      Number both = numbers_.Subtract(numbers_.Multiply(a->second, keep), numbers_.Multiply(b->second, take));
      if (both != 0) sum_.emplace_back(a->first, std::move(both));
      ++a, ++b;
    }
  }
  target.scale = numbers_.Multiply(target.scale, keep);
  target.right = numbers_.Subtract(numbers_.Multiply(target.right, keep), numbers_.Multiply(source.right, take));
  effort_ -= static_cast<int64_t>(sum_.size()) * (1 + Numbers::Words(target.right));
  target.factors.swap(sum_);
  if (Numbers::Words(target.scale) > 1 || Numbers::Words(target.right) > 1) Shrink(target);
}

template <typename Numbers>
void Simplex<Numbers>::Negate(Equation& equation) {
  equation.scale = -equation.scale;
  equation.right = -equation.right;
  for (Entry& entry : equation.factors) entry.second = -entry.second;
}

template <typename Numbers>
void Simplex<Numbers>::Shrink(Equation& equation) {
  Number shared = Numbers::Gcd(equation.scale, equation.right);
  for (auto entry = equation.factors.begin(); entry != equation.factors.end() && shared != 1; ++entry)
    shared = Numbers::Gcd(shared, entry->second);
  if (shared <= 1) return;
  equation.scale = Numbers::Divide(equation.scale, shared);
  equation.right = Numbers::Divide(equation.right, shared);
  for (Entry& entry : equation.factors) entry.second = Numbers::Divide(entry.second, shared);
}

}  // namespace switchyard::power

#endif  // SWITCHYARD_SCHEDULER_POWER_FILL_SIMPLEX_H_
