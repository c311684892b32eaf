#include "tools/referee/rank_results.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace switchyard::tools::referee {
namespace {

std::string File(const std::string& text) {
  const std::string path = ::testing::TempDir() + "/rank.json";
  std::ofstream(path) << text;
  return path;
}

TEST(RankResults, ReadsWhatARankWrote) {
  const auto rank = ReadRankResult(File(R"({"rank": 1, "accuracy": 0.975, "steps": 400, "resumed_from": 120, "more": "x"})"));
  ASSERT_TRUE(rank.ok()) << rank.status();
  EXPECT_EQ(rank->rank, 1);
  EXPECT_DOUBLE_EQ(rank->accuracy, 0.975);
  EXPECT_EQ(rank->resumed_from, 120);
}

TEST(RankResults, RefusesAFileThatLacksAFigure) {
  EXPECT_FALSE(ReadRankResult(File(R"({"rank": 1, "steps": 400, "resumed_from": 1})")).ok());
  EXPECT_FALSE(ReadRankResult(File("")).ok());
  EXPECT_FALSE(ReadRankResult("/nonexistent/rank.json").ok());
}

TEST(RankResults, TakesMedianAndWorstOfHandovers) {
  std::istringstream lines(
      "{\"ordered_utc_ms\":1000,\"run_utc_ms\":1900}\n{\"ordered_utc_ms\":1000,\"run_utc_ms\":1100}\n"
      "{\"ordered_utc_ms\":5000,\"run_utc_ms\":5400}\n");
  const auto handovers = ReadHandovers(lines);
  ASSERT_TRUE(handovers.ok());
  EXPECT_EQ(handovers->count, 3);
  EXPECT_EQ(handovers->median_ms, 400);
  EXPECT_EQ(handovers->worst_ms, 900);
}

TEST(RankResults, RefusesAHandoverThatEndsBeforeItBegins) {
  std::istringstream lines("{\"ordered_utc_ms\":1000,\"run_utc_ms\":900}\n");
  EXPECT_FALSE(ReadHandovers(lines).ok());
}

}  // namespace
}  // namespace switchyard::tools::referee
