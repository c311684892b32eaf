#include "scheduler/power/exact_numbers.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "scheduler/power/fill_program.h"
#include "scheduler/power/fill_simplex.h"

namespace switchyard::power {
namespace {

using Wide = __int128;

constexpr Wide kTwo64 = Wide(1) << 64;

// Numbers of all sizes that a narrow number may have.
std::vector<Wide> Samples() {
  std::vector<Wide> samples = {0, 1, 2, 3, 10, 999'983, INT64_MAX, Wide(INT64_MAX) + 1, Wide(INT64_MIN), kTwo64 - 1, kTwo64};
  for (int bits = 8; bits < 124; bits += 13) samples.push_back((Wide(1) << bits) * 3 / 2 + 7);
  const size_t positive = samples.size();
  for (size_t i = 0; i < positive; ++i) samples.push_back(-samples[i]);
  return samples;
}

TEST(ExactNumbers, NarrowAndWideAgreeAsLongAsNothingOverflows) {
  int agreed = 0;
  for (const Wide a : Samples()) {
    EXPECT_EQ(NarrowNumbers::Words(a), WideNumbers::Words(WideNumbers::Of(a)));
    for (const Wide b : Samples()) {
      const mpz_class wide_a = WideNumbers::Of(a), wide_b = WideNumbers::Of(b);
      EXPECT_TRUE(WideNumbers::Of(NarrowNumbers::Gcd(a, b)) == WideNumbers::Gcd(wide_a, wide_b));
      NarrowNumbers product;
      const Wide ab = product.Multiply(a, b);
      const mpz_class wide_ab = WideNumbers::Multiply(wide_a, wide_b);
      EXPECT_TRUE(product.overflowed() || WideNumbers::Of(ab) == wide_ab);
      NarrowNumbers difference;
      const Wide less = difference.Subtract(a, b);
      EXPECT_FALSE(difference.overflowed());
      EXPECT_TRUE(WideNumbers::Of(less) == WideNumbers::Subtract(wide_a, wide_b));
      for (const Wide c : {Wide(3), a < 0 ? -a : a, kTwo64 * 5 + 1}) {
        const Wide x = a < 0 ? -a : a, y = b < 0 ? -b : b, d = y + 1;
        const auto wide = WideNumbers::CompareProducts(WideNumbers::Of(x), WideNumbers::Of(y), WideNumbers::Of(c), WideNumbers::Of(d));
        EXPECT_TRUE(NarrowNumbers::CompareProducts(x, y, c, d) == wide);
        EXPECT_TRUE(NarrowNumbers::CompareProducts(x, y, y, x) == 0);
      }
      if (product.overflowed() || b == 0) continue;
      ++agreed;
      EXPECT_TRUE(WideNumbers::Of(NarrowNumbers::Divide(ab, b)) == WideNumbers::Divide(wide_ab, wide_b));
    }
  }
  EXPECT_GT(agreed, 300);
}

TEST(ExactNumbers, AProductBeyondTheNarrowRangeIsTold) {
  NarrowNumbers numbers;
  EXPECT_EQ(numbers.Multiply(Wide(1) << 62, Wide(1) << 62), Wide(1) << 124);
  EXPECT_FALSE(numbers.overflowed());
  numbers.Multiply(Wide(1) << 63, Wide(1) << 62);
  EXPECT_TRUE(numbers.overflowed());
}

TEST(ExactNumbers, ADifferenceBeyondTheNarrowRangeIsTold) {
  NarrowNumbers numbers;
  numbers.Subtract(Wide(1) << 124, -(Wide(1) << 124));
  EXPECT_TRUE(numbers.overflowed());
}

// A program of a hundred racks under crossing zones; its coefficients are as odd as asked for.
PackingProgram Crossing(uint64_t seed, uint32_t rows, int64_t oddness) {
  uint64_t state = seed;
  const auto below = [&](int64_t limit) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    return static_cast<int64_t>(state >> 33) % limit;
  };
  PackingProgram program;
  for (uint32_t r = 0; r < rows; ++r) program.limits.push_back(Wide(1 + below(1000)) * 50'000 * oddness);
  for (int c = 0; c < 100; ++c) {
    PackingColumn column{.value = 1 + below(100'000'000), .most = below(4'000'000), .loads = {}};
    for (uint32_t r = 0; r < rows; ++r)
      if (below(3) > 0) column.loads.push_back({r, 1 + below(oddness)});
    program.columns.push_back(column);
  }
  return program;
}

TEST(ExactNumbers, NarrowProgramsHaveTheAnswersOfWideOnes) {
  int answered = 0;
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    const PackingProgram program = Crossing(seed, 2 + seed % 4, seed % 2 == 0 ? 10 : 1'000'000);
    for (const int64_t effort : {int64_t{300}, kPackingEffort}) {
      const auto narrow = Simplex<NarrowNumbers>(program, effort).Solve();
      const auto wide = Simplex<WideNumbers>(program, effort).Solve();
      ASSERT_TRUE(wide.has_value());
      if (!narrow.has_value()) continue;
      ++answered;
      ASSERT_EQ(narrow->amounts, wide->amounts) << seed;
      ASSERT_EQ(narrow->best, wide->best) << seed;
    }
  }
  EXPECT_GT(answered, 60);
}

TEST(ExactNumbers, AProgramThatOverflowsIsSolvedAllTheSame) {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    const PackingProgram program = Crossing(seed, 8, 1'000'000'000);
    if (Simplex<NarrowNumbers>(program, kPackingEffort).Solve().has_value()) continue;
    const PackingAnswer answer = SolvePacking(program);
    EXPECT_TRUE(answer.best);
    EXPECT_EQ(answer.amounts, Simplex<WideNumbers>(program, kPackingEffort).Solve()->amounts);
    return;
  }
  FAIL() << "none of the programs overflows";
}

}  // namespace
}  // namespace switchyard::power
