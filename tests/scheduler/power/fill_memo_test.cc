#include "scheduler/power/fill_memo.h"

#include <gtest/gtest.h>

#include <vector>

namespace switchyard::power {
namespace {

FillUnit Rack(uint32_t chain, int32_t devices, uint64_t order) {
  return {.chain = chain, .devices = devices, .off_watts = Watts(10), .steps = {{0, Watts(1000), 50}, {1, Watts(1500), 20}}, .order = order};
}

std::vector<Power> WattsOf(const std::vector<FillTarget>& targets) {
  std::vector<Power> watts;
  for (const FillTarget& target : targets) watts.push_back(target.watts);
  return watts;
}

class FillMemoTest : public testing::Test {
 protected:
  std::vector<Power> Asked() { return WattsOf(memo_.Fill(units_, chains_, available_)); }
  std::vector<Power> Fresh() const { return WattsOf(Fill(units_, chains_, available_)); }

  std::vector<FillUnit> units_ = {Rack(0, 4, 0), Rack(1, 4, 1)};
  std::vector<Chain> chains_ = {{{0, kOne}, {1, kOne}}, {{0, kOne}}};
  std::vector<Power> available_ = {Watts(7000), Watts(2500)};
  FillMemo memo_;
};

TEST_F(FillMemoTest, TheSameQuestionHasTheSameAnswer) {
  const std::vector<Power> first = Asked();
  EXPECT_EQ(first, Fresh());
  EXPECT_EQ(Asked(), first);
}

TEST_F(FillMemoTest, OtherWattsAreDividedAnew) {
  const std::vector<Power> before = Asked();
  available_[1] = Watts(4500);
  EXPECT_EQ(Asked(), Fresh());
  EXPECT_NE(Asked(), before);
}

TEST_F(FillMemoTest, OtherChainsAreDividedAnew) {
  const std::vector<Power> before = Asked();
  chains_[0][1].coefficient = PartsPerMillion(2'000'000);
  EXPECT_EQ(Asked(), Fresh());
  EXPECT_NE(Asked(), before);
}

TEST_F(FillMemoTest, AUnitThatChangedInAnyWayIsDividedAnew) {
  const std::vector<Power> before = Asked();
  units_[0].most = Watts(100);
  EXPECT_EQ(Asked(), Fresh());
  EXPECT_NE(Asked(), before);
  units_[1].steps[0].value = 0;
  EXPECT_EQ(Asked(), Fresh());
  units_[1].devices = 2;
  EXPECT_EQ(Asked(), Fresh());
  units_.pop_back();
  EXPECT_EQ(Asked(), Fresh());
}

TEST_F(FillMemoTest, NoUnitsAtFirstIsAQuestionToo) {
  units_.clear();
  chains_.clear();
  available_.clear();
  EXPECT_TRUE(Asked().empty());
}

}  // namespace
}  // namespace switchyard::power
