#include "agent/mining/difficulty.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/agent/mining/vectors.h"

namespace switchyard::agent::mining {
namespace {

std::string TargetOf(std::string_view difficulty) { return Difficulty::Parse(difficulty).value().Target().Hex(); }

std::string WithZeros(std::string digits) { return digits + std::string(64 - digits.size(), '0'); }

TEST(DifficultyTest, GivesTheTargetsOfTheProtocol) {
  EXPECT_EQ(TargetOf("1"), WithZeros("00000000ffff"));
  EXPECT_EQ(TargetOf("8192"), WithZeros("000000000007fff8"));
  EXPECT_EQ(TargetOf("0.01"), WithZeros("00000063ff9c"));
  EXPECT_EQ(TargetOf("0.002"), WithZeros("000001f3fe0c"));
}

TEST(DifficultyTest, DividesExactlyWhereTheQuotientDoesNotEnd) {
  // floor(0xffff * 2^208 / 3) and / 7, by an independent calculation with big integers.
  EXPECT_EQ(TargetOf("3"), WithZeros("000000005555"));
  EXPECT_EQ(TargetOf("7"), "0000000024922492492492492492492492492492492492492492492492492492");
  EXPECT_EQ(TargetOf("0.3"), "0000000355520000000000000000000000000000000000000000000000000000");
}

TEST(DifficultyTest, CutsATargetThatDoesNotFitAtTheLargestNumber) {
  EXPECT_EQ(Difficulty::Parse("1e-18").value().Target(), Uint256::Max());
  EXPECT_LT(Difficulty::Parse("1e-9").value().Target(), Uint256::Max());
}

TEST(DifficultyTest, TakesADoubleForTheDecimalThatWasWritten) {
  EXPECT_EQ(Difficulty::FromDouble(0.1).value(), Difficulty::Parse("0.1").value());
  EXPECT_EQ(Difficulty::FromDouble(8192.0).value().Text(), "8192");
  EXPECT_EQ(Difficulty::FromDouble(1e-5).value().Text(), "0.00001");
  EXPECT_EQ(Difficulty::FromDouble(1e15).value().Text(), "1000000000000000");
}

TEST(DifficultyTest, OrdersByValueAndNotByDigits) {
  EXPECT_LT(Difficulty::Parse("0.5").value(), Difficulty::Parse("1").value());
  EXPECT_GT(Difficulty::Parse("0.5").value(), Difficulty::Parse("0.25").value());
  EXPECT_EQ(Difficulty::Parse("0.50").value(), Difficulty::Parse("5e-1").value());
}

TEST(DifficultyTest, RefusesWhatIsNoPositiveDecimal) {
  for (const char* text :
       {"", ".", "0", "0.000", "-1", "1x", "nan", "inf", "1e", "1e-30", "1e40", "99999999999999999999", "1..2"}) {
    EXPECT_FALSE(Difficulty::Parse(text).ok()) << text;
  }
}

TEST(DifficultyTest, ReadsTheNetworksTargetFromItsCompactForm) {
  EXPECT_EQ(NetworkTarget(0x1a44b9f2).value().Hex(), WithZeros("00000000000044b9f2"));
  EXPECT_EQ(NetworkTarget(0x207fffff).value().Hex(), WithZeros("7fffff"));
  EXPECT_FALSE(NetworkTarget(0x1a800000).ok());
  EXPECT_FALSE(NetworkTarget(0x21000001).ok());
  EXPECT_NEAR(HashDifficulty(NetworkTarget(0x1a44b9f2).value()), 244112.487774, 1e-4);
}

TEST(DifficultyTest, SaysWhichDifficultyAHashReaches) {
  EXPECT_NEAR(HashDifficulty(Uint256::FromDigest(Sha256d(HeaderFromHex(kBlock125552)))), 35987218905.5, 1);
  EXPECT_NEAR(HashDifficulty(Uint256::FromDigest(Sha256d(HeaderFromHex(kShareHeader)))), 0.006371, 1e-6);
}

}  // namespace
}  // namespace switchyard::agent::mining
