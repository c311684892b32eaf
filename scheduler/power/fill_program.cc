#include "scheduler/power/fill_program.h"

#include <algorithm>
#include <gmpxx.h>
#include <optional>
#include <utility>

#include "common/check.h"

namespace switchyard::power {
namespace {

// GMP knows no 128-bit integers.
mpz_class Wide(__int128 value) {
  SWITCHYARD_CHECK(value >= 0) << "only limits are wide";
  const mpz_class high(static_cast<unsigned long>(static_cast<unsigned __int128>(value) >> 64));
  return (high << 64) + mpz_class(static_cast<unsigned long>(static_cast<uint64_t>(value)));
}

// An equation: scale x (its own variable) + sum of factor x (variable outside the basis) = right. The integers are
// kept small by dividing by what they share, so that entries stay near the determinants of the exhausted rows, which
// are small where coefficients are round.
struct Equation {
  uint32_t basic = 0;
  mpz_class scale = 1;  // > 0
  mpz_class right = 0;
  std::vector<std::pair<uint32_t, mpz_class>> factors;  // by variable, ascending; none is zero

  const mpz_class* Factor(uint32_t variable) const {
    const auto at = std::lower_bound(factors.begin(), factors.end(), variable,
                                     [](const auto& entry, uint32_t wanted) { return entry.first < wanted; });
    return at == factors.end() || at->first != variable ? nullptr : &at->second;
  }
  mpz_class* Factor(uint32_t variable) { return const_cast<mpz_class*>(std::as_const(*this).Factor(variable)); }
  void Erase(uint32_t variable) {
    factors.erase(std::find_if(factors.begin(), factors.end(), [&](const auto& e) { return e.first == variable; }));
  }
  void Insert(uint32_t variable, mpz_class factor) {
    const auto at = std::lower_bound(factors.begin(), factors.end(), variable,
                                     [](const auto& entry, uint32_t wanted) { return entry.first < wanted; });
    factors.insert(at, {variable, std::move(factor)});
  }
  void Negate() {
    scale = -scale;
    right = -right;
    for (auto& [variable, factor] : factors) factor = -factor;
  }
  void Shrink() {
    mpz_class shared = gcd(scale, right);
    for (auto entry = factors.begin(); entry != factors.end() && shared != 1; ++entry)
      shared = gcd(shared, entry->second);
    if (shared <= 1) return;
    scale /= shared;
    right /= shared;
    for (auto& [variable, factor] : factors) factor /= shared;
  }
};

// The simplex method for variables with an upper end. A variable outside the basis is always zero: one that sits at its
// upper end is replaced by what it lacks to it ("flipped").
class Simplex {
 public:
  Simplex(const PackingProgram& program, int64_t effort) : effort_(effort) {
    const auto columns = static_cast<uint32_t>(program.columns.size());
    rows_.resize(program.limits.size());
    for (uint32_t c = 0; c < columns; ++c) {
      most_.emplace_back(static_cast<signed long>(program.columns[c].most));
      worth_.factors.emplace_back(c, mpz_class(static_cast<signed long>(-program.columns[c].value)));
      for (const PackingLoad& load : program.columns[c].loads)
        rows_[load.row].factors.emplace_back(c, mpz_class(static_cast<signed long>(load.load)));
    }
    for (uint32_t r = 0; r < rows_.size(); ++r) {
      rows_[r].basic = columns + r;
      rows_[r].right = Wide(program.limits[r]);
      most_.emplace_back(-1);  // what a row has left has no upper end
    }
    flipped_.assign(most_.size(), false);
  }

  // True: proven best. False: the effort is spent.
  bool Run() {
    while (effort_ > 0) {
      const std::optional<uint32_t> entering = Entering();
      if (!entering.has_value()) return true;
      Advance(*entering);
    }
    return false;
  }

  std::vector<int64_t> Amounts(size_t columns) const {
    std::vector<int64_t> amounts(columns);
    for (size_t c = 0; c < columns; ++c) amounts[c] = flipped_[c] ? most_[c].get_si() : 0;
    for (const Equation& row : rows_) {
      if (row.basic >= columns) continue;
      mpz_class amount = row.right;
      if (flipped_[row.basic]) amount = most_[row.basic] * row.scale - row.right;
      mpz_fdiv_q(amount.get_mpz_t(), amount.get_mpz_t(), row.scale.get_mpz_t());
      amounts[row.basic] = amount.get_si();
    }
    return amounts;
  }

 private:
  // The variable that gains most per unit. While nothing moves: the first that gains and, of rows, the first that
  // binds (Bland's rule), which cannot go round in circles.
  std::optional<uint32_t> Entering() const {
    const std::pair<uint32_t, mpz_class>* chosen = nullptr;
    for (const auto& entry : worth_.factors) {
      if (entry.second >= 0) continue;
      if (chosen == nullptr || entry.second < chosen->second) chosen = &entry;
      if (idle_steps_ > kIdleSteps) break;
    }
    if (chosen == nullptr) return std::nullopt;
    return chosen->first;
  }

  // Raises `entering` until it, or a variable of the basis, meets an end.
  void Advance(uint32_t entering) {
    std::optional<size_t> blocking;
    mpz_class step = most_[entering], per = 1;  // the step as a fraction; negative: no end yet
    bool at_upper_end = false;
    for (size_t r = 0; r < rows_.size(); ++r) {
      const Equation& row = rows_[r];
      const mpz_class* const factor = row.Factor(entering);
      --effort_;
      if (factor == nullptr || (*factor < 0 && most_[row.basic] < 0)) continue;
      const bool rises = *factor < 0;
      mpz_class room = row.right, rate = *factor;
      if (rises) {
        room = most_[row.basic] * row.scale - row.right;
        rate = -*factor;
      }
      mpz_class left = room * per, right = step * rate;
      const bool nearer = step < 0 || left < right;
      const bool as_near_and_first = left == right && blocking.has_value() && row.basic < rows_[*blocking].basic;
      if (!nearer && !as_near_and_first) continue;
      blocking = r;
      step = std::move(room);
      per = std::move(rate);
      at_upper_end = rises;
    }
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
  void Flip(Equation& equation, uint32_t variable) {
    mpz_class* const factor = equation.Factor(variable);
    if (factor == nullptr) return;
    equation.right -= *factor * most_[variable];
    *factor = -*factor;
  }

  // `entering` takes the place of the variable of row r, which leaves for one of its ends.
  void Pivot(size_t r, uint32_t entering, bool at_upper_end) {
    Equation& row = rows_[r];
    const uint32_t leaving = row.basic;
    mpz_class factor = *row.Factor(entering);
    row.Erase(entering);
    row.Insert(leaving, row.scale);
    row.scale = std::move(factor);
    row.basic = entering;
    if (row.scale < 0) row.Negate();
    if (at_upper_end) {
      Flip(row, leaving);
      flipped_[leaving] = !flipped_[leaving];
    }
    row.Shrink();
    for (size_t other = 0; other < rows_.size(); ++other) {
      if (other != r) Eliminate(rows_[other], row);
    }
    Eliminate(worth_, row);
  }

  // Takes the variable of `source` out of `target`.
  void Eliminate(Equation& target, const Equation& source) {
    const mpz_class* const found = target.Factor(source.basic);
    if (found == nullptr) return;
    const mpz_class shared = gcd(*found, source.scale);
    const mpz_class keep = source.scale / shared, take = *found / shared;
    target.Erase(source.basic);
    std::vector<std::pair<uint32_t, mpz_class>> sum;
    sum.reserve(target.factors.size() + source.factors.size());
    auto a = target.factors.begin();
    auto b = source.factors.begin();
    while (a != target.factors.end() || b != source.factors.end()) {
      if (b == source.factors.end() || (a != target.factors.end() && a->first < b->first)) {
        sum.emplace_back(a->first, a->second * keep);
        ++a;
      } else if (a == target.factors.end() || b->first < a->first) {
        sum.emplace_back(b->first, -b->second * take);
        ++b;
      } else {
        mpz_class both = a->second * keep - b->second * take;
        if (both != 0) sum.emplace_back(a->first, std::move(both));
        ++a, ++b;
      }
    }
    target.scale *= keep;
    target.right = target.right * keep - source.right * take;
    effort_ -= static_cast<int64_t>(sum.size() * (1 + mpz_size(target.right.get_mpz_t())));
    target.factors = std::move(sum);
    if (mpz_size(target.scale.get_mpz_t()) > 1 || mpz_size(target.right.get_mpz_t()) > 1) target.Shrink();
  }

  static constexpr int kIdleSteps = 16;  // far above what a round limit or two cause

  std::vector<Equation> rows_;
  Equation worth_;  // scale x worth + factors = right; its `basic` means nothing
  std::vector<mpz_class> most_;
  std::vector<bool> flipped_;
  int64_t effort_;
  int idle_steps_ = 0;
};

}  // namespace

PackingAnswer SolvePacking(const PackingProgram& program, int64_t effort) {
  Simplex simplex(program, effort);
  const bool best = simplex.Run();
  return {simplex.Amounts(program.columns.size()), best};
}

}  // namespace switchyard::power
