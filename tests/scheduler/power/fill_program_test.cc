#include "scheduler/power/fill_program.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <vector>

namespace switchyard::power {
namespace {

using Wide = __int128;

Wide WorthOf(const PackingProgram& program, const std::vector<int64_t>& amounts) {
  Wide worth = 0;
  for (size_t c = 0; c < amounts.size(); ++c) worth += Wide(program.columns[c].value) * amounts[c];
  return worth;
}

bool Fits(const PackingProgram& program, const std::vector<int64_t>& amounts) {
  std::vector<Wide> left = program.limits;
  for (size_t c = 0; c < amounts.size(); ++c) {
    if (amounts[c] < 0 || amounts[c] > program.columns[c].most) return false;
    for (const PackingLoad& load : program.columns[c].loads) left[load.row] -= Wide(load.load) * amounts[c];
  }
  return std::none_of(left.begin(), left.end(), [](Wide row) { return row < 0; });
}

TEST(FillProgram, TakesEverythingWhereNothingIsScarce) {
  const PackingProgram program = {.limits = {1000}, .columns = {{5, 10, {{0, 1}}}, {3, 20, {{0, 2}}}, {1, 7, {}}}};
  const PackingAnswer answer = SolvePacking(program);
  EXPECT_TRUE(answer.best);
  EXPECT_EQ(answer.amounts, (std::vector<int64_t>{10, 20, 7}));
}

TEST(FillProgram, AnEmptyRowKeepsItsColumnsAtNothing) {
  const PackingProgram program = {.limits = {0, 5}, .columns = {{9, 10, {{0, 3}, {1, 1}}}, {1, 10, {{1, 1}}}}};
  EXPECT_EQ(SolvePacking(program).amounts, (std::vector<int64_t>{0, 5}));
}

TEST(FillProgram, TwoScarceRowsAreSharedAtTheirCorner) {
  // Greedy by value takes 7 of the first and leaves the second row idle.
  const PackingProgram program = {.limits = {70, 10}, .columns = {{10, 20, {{0, 10}, {1, 1}}}, {9, 20, {{0, 1}, {1, 1}}}}};
  const PackingAnswer answer = SolvePacking(program);
  EXPECT_TRUE(answer.best);
  // 10 x + y = 70 and x + y = 10: x = 6 2/3.
  EXPECT_EQ(answer.amounts, (std::vector<int64_t>{6, 3}));
}

TEST(FillProgram, WhenTheEffortIsSpentTheAnswerStillFits) {
  const PackingProgram program = {.limits = {70, 10}, .columns = {{10, 20, {{0, 10}, {1, 1}}}, {9, 20, {{0, 1}, {1, 1}}}}};
  for (int64_t effort = 0; effort < 12; ++effort) {
    const PackingAnswer answer = SolvePacking(program, effort);
    EXPECT_TRUE(Fits(program, answer.amounts)) << effort;
  }
  EXPECT_FALSE(SolvePacking(program, 1).best);
}

// Small amounts, tried one by one: the best whole amounts are worth no more than the answer before it was rounded down, and
// that is less than one unit of each column above it.
TEST(FillProgram, NoWholeAmountsAreWorthMoreThanTheAnswerBeforeRounding) {
  for (uint64_t seed = 1; seed < 2000; ++seed) {
    uint64_t state = seed;
    const auto below = [&](int64_t limit) {
      state = state * 6364136223846793005ULL + 1442695040888963407ULL;
      return static_cast<int64_t>(state >> 33) % limit;
    };
    PackingProgram program;
    for (int r = 0; r < 3; ++r) program.limits.push_back(below(12) * 100'000);
    for (int c = 0; c < 4; ++c) {
      PackingColumn column{.value = 1 + below(20), .most = below(6), .loads = {}};
      for (uint32_t r = 0; r < 3; ++r)
        if (below(3) > 0) column.loads.push_back({r, 1 + below(400'000)});
      program.columns.push_back(column);
    }
    const PackingAnswer answer = SolvePacking(program);
    ASSERT_TRUE(answer.best) << seed;
    ASSERT_TRUE(Fits(program, answer.amounts)) << seed;
    Wide best = 0;
    std::vector<int64_t> amounts(4);
    const std::function<void(size_t)> choose = [&](size_t c) {
      if (c == 4) {
        if (Fits(program, amounts)) best = std::max(best, WorthOf(program, amounts));
        return;
      }
      for (amounts[c] = 0; amounts[c] <= program.columns[c].most; ++amounts[c]) choose(c + 1);
      amounts[c] = 0;
    };
    choose(0);
    Wide rounded_off = 0;
    for (size_t c = 0; c < 4; ++c)
      rounded_off += answer.amounts[c] < program.columns[c].most ? program.columns[c].value : 0;
    ASSERT_LE(best, WorthOf(program, answer.amounts) + rounded_off) << seed;
  }
}

}  // namespace
}  // namespace switchyard::power
