#include "scheduler/placement/constraint.h"

#include <set>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace switchyard::placement {
namespace {

using testing::HasSubstr;

TEST(Table, NamesEveryConstraintOnceAndFindsItByItsName) {
  std::set<std::string> names;
  for (const ConstraintRow& row : Table()) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_EQ(ByName(row.name), row.constraint);
    EXPECT_EQ(Name(row.constraint), row.name);
  }
  EXPECT_EQ(names.size(), static_cast<size_t>(kConstraints));
  EXPECT_EQ(ByName("no-such-constraint"), Constraint::kNone);
}

TEST(Table, NamesAreWordsForTheWire) {
  for (const ConstraintRow& row : Table()) {
    EXPECT_EQ(std::string(row.name).find_first_not_of("abcdefghijklmnopqrstuvwxyz-"), std::string::npos) << row.name;
  }
}

TEST(Describe, NamesTheSubjectWhereAnythingBinds) {
  for (const ConstraintRow& row : Table()) {
    const std::string text = Describe(row.constraint, 2, "ml/x");
    EXPECT_FALSE(text.empty());
    if (row.constraint == Constraint::kNone || row.constraint == Constraint::kDeviceKinds) continue;
    EXPECT_THAT(text, HasSubstr("\"ml/x\"")) << row.name;
    EXPECT_EQ(Describe(row.constraint, 2, "").find("\"\""), std::string::npos) << row.name;
  }
}

TEST(Describe, WritesAmountsWithTheirUnits) {
  EXPECT_THAT(Describe(Constraint::kBudgetHeadroom, 12'500'000, "ml/feeder-a"),
              HasSubstr("budget \"ml/feeder-a\": " + std::string("12.5kW short of headroom")));
  EXPECT_THAT(Describe(Constraint::kCpu, 1'500, "ml/n1"), HasSubstr("1.500 CPUs short"));
  EXPECT_THAT(Describe(Constraint::kDevices, 1, "ml/n1"), HasSubstr("1 free device short"));
  EXPECT_THAT(Describe(Constraint::kDevices, 3, "ml/n1"), HasSubstr("3 free devices short"));
  EXPECT_THAT(Describe(Constraint::kQuotaGpus, 500, "lab"), HasSubstr("tenant \"lab\": 0.500 GPUs over its quota"));
}

}  // namespace
}  // namespace switchyard::placement
