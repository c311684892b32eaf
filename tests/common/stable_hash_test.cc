#include "common/stable_hash.h"

#include <set>
#include <string>

#include "gtest/gtest.h"

namespace switchyard {
namespace {

// Recorded digests stand in stores and on the wire: a change of these values needs a new version there.
TEST(StableHashTest, TheSameInputGivesTheRecordedDigestInEveryBuild) {
  EXPECT_EQ(StableHash().Finish(), 0x41e598c9cb83a3abULL);
  EXPECT_EQ(StableHash().Add(uint64_t{1}).Add(std::string_view("switchyard")).Finish(), 0x19ee614eedb46684ULL);
}

TEST(StableHashTest, OrderAndBordersMatter) {
  EXPECT_NE(StableHash().Add(1).Add(2).Finish(), StableHash().Add(2).Add(1).Finish());
  EXPECT_NE(StableHash().Add(std::string_view("ab")).Add(std::string_view("c")).Finish(),
            StableHash().Add(std::string_view("a")).Add(std::string_view("bc")).Finish());
  EXPECT_NE(StableHash().Add(std::string_view("")).Finish(), StableHash().Finish());
  EXPECT_NE(StableHash().Add(std::string_view(std::string(1, '\0'))).Finish(), StableHash().Add(std::string_view("")).Finish());
}

TEST(StableHashTest, AHundredThousandNeighboursDoNotCollide) {
  std::set<uint64_t> seen;
  for (uint64_t i = 0; i < 100'000; ++i) seen.insert(StableHash().Add(i).Finish());
  EXPECT_EQ(seen.size(), 100'000u);
}

}  // namespace
}  // namespace switchyard
