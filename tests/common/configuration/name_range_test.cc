#include "common/configuration/name_range.h"

#include "gtest/gtest.h"

namespace switchyard::configuration {
namespace {

TEST(NameRangeTest, ARangeKeepsTheDigitsThatItIsWrittenWith) {
  const std::vector<CountedName> names = *ExpandRange("rack-[008-011].a");
  ASSERT_EQ(names.size(), 4u);
  EXPECT_EQ(names[0].name, "rack-008.a");
  EXPECT_EQ(names[2].name, "rack-010.a");
  EXPECT_EQ(names[3].number, "011");
  EXPECT_EQ(ExpandRange("n[9-10]")->back().name, "n10");
}

TEST(NameRangeTest, ANameWithoutBracketsIsItself) {
  const std::vector<CountedName> names = *ExpandRange("dgx-1");
  ASSERT_EQ(names.size(), 1u);
  EXPECT_EQ(names[0].name, "dgx-1");
  EXPECT_EQ(names[0].number, "");
}

TEST(NameRangeTest, WhatIsNoRangeOfNumbersIsRefused) {
  for (const char* bad : {"a[", "a]", "a[1]", "a[1-]", "a[-2]", "a[x-y]", "a[1-2][3-4]", "a]1-2[", "a[2-1]", "a[0-100000]", "a[1-9999999999]"}) {
    EXPECT_FALSE(ExpandRange(bad).ok()) << bad;
  }
  EXPECT_EQ(ExpandRange("a[1-100000]")->size(), 100'000u);
}

}  // namespace
}  // namespace switchyard::configuration
