#include "tools/referee/share_audit.h"

#include <gtest/gtest.h>

#include <sstream>

namespace switchyard::tools::referee {
namespace {

// Block 125552 of Bitcoin's chain, known to everybody.
constexpr char kHeader[] =
    "0100000081cd02ab7e569e8bcd9317e2fe99f2de44d49ab2b8851ba4a308000000000000e320b6c2fffc8d750423db8b1eb942ae710e951ed797f7af"
    "fc8892b0f1fc122bc7f5d74df2b9441a42a14695";
constexpr char kHash[] = "00000000000000001e8d6829a8a21adc5d38d0a473b144b6765798e61f98bd1d";

std::string Line(const std::string& header, const std::string& hash, const std::string& difficulty) {
  return "{\"utc_ms\":1000,\"worker\":\"w\",\"job\":\"1\",\"header\":\"" + header + "\",\"hash\":\"" + hash +
         "\",\"difficulty\":\"" + difficulty + "\"}\n";
}

ShareAudit Audit(const std::string& text) {
  std::istringstream lines(text);
  return AuditShares(lines);
}

TEST(ShareAudit, HashesAHeaderOfTheChain) {
  EXPECT_EQ(HashOfHeader(kHeader), kHash);
  EXPECT_EQ(HashOfHeader("00"), "");
  EXPECT_EQ(HashOfHeader(std::string(160, 'z')), "");
}

TEST(ShareAudit, AHashAtTheTargetReachesTheDifficultyAndTheNextDoesNot) {
  const std::string at = "00000000ffff0000000000000000000000000000000000000000000000000000";
  const std::string above = "00000000ffff0000000000000000000000000000000000000000000000000001";
  EXPECT_TRUE(ReachesDifficulty(at, "1"));
  EXPECT_FALSE(ReachesDifficulty(above, "1"));
  EXPECT_TRUE(ReachesDifficulty(above, "0.999"));
  EXPECT_TRUE(ReachesDifficulty(above, "0.01"));
  EXPECT_FALSE(ReachesDifficulty(at, "1.0000000001"));
}

TEST(ShareAudit, WordsThatAreNoNumbersReachNothing) {
  EXPECT_FALSE(ReachesDifficulty(kHash, "much"));
  EXPECT_FALSE(ReachesDifficulty(kHash, ""));
  EXPECT_FALSE(ReachesDifficulty(kHash, "0"));
  EXPECT_FALSE(ReachesDifficulty("beef", "1"));
}

TEST(ShareAudit, CountsSharesAndExpectedHashesOfAWorker) {
  const ShareAudit audit = Audit(Line(kHeader, kHash, "2"));
  ASSERT_TRUE(audit.workers.contains("w"));
  EXPECT_EQ(audit.workers.at("w").shares, 1);
  EXPECT_NEAR(audit.workers.at("w").hashes, 2 * 4295032833.0, 1);
}

TEST(ShareAudit, FindsEveryKindOfFraud) {
  std::string other = kHeader;
  other.back() = '4';
  const ShareAudit audit = Audit(Line(kHeader, kHash, "1") + Line(kHeader, kHash, "1") + Line(other, kHash, "1") +
                                 Line(kHeader, kHash, "999999999999999999999") + "nonsense\n");
  EXPECT_EQ(audit.shares, 4);
  EXPECT_EQ(audit.repeated, 1);
  EXPECT_EQ(audit.wrong_hash, 1);
  EXPECT_EQ(audit.above_target, 1);
  EXPECT_EQ(audit.unreadable_lines, 1);
  EXPECT_EQ(audit.workers.at("w").shares, 1);
  EXPECT_EQ(audit.complaints.size(), 4u);
}

}  // namespace
}  // namespace switchyard::tools::referee
