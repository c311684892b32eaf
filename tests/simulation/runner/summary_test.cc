#include "simulation/runner/summary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sstream>

namespace switchyard::simulation {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TableShape Shape() { return {{"delay", "crash"}, {"idle", "hashing"}, {{"crash", "idle", "nobody is there"}}}; }

SeedReport Report(uint64_t seed) {
  SeedReport report;
  report.seed = seed;
  report.simulated_ms = 1000;
  report.cpu_us = 100'000;
  report.starts = 30;
  report.exception_ms = 100;
  return report;
}

TEST(Summary, AnEmptyCellThatIsNotImpossibleIsAProblemOnceTheTableMustBeFull) {
  Summary summary(Shape());
  SeedReport report = Report(1);
  report.strikes[{"delay", "idle"}] = 3;
  summary.Add(report);
  EXPECT_THAT(summary.TableProblems(/*whole=*/false), IsEmpty());
  EXPECT_THAT(summary.TableProblems(/*whole=*/true),
              ElementsAre(HasSubstr("delay in hashing"), HasSubstr("crash in hashing")));
}

TEST(Summary, AStrikeInAnImpossibleCellIsAlwaysAProblem) {
  Summary summary(Shape());
  SeedReport report = Report(1);
  report.strikes[{"crash", "idle"}] = 1;
  summary.Add(report);
  EXPECT_THAT(summary.TableProblems(/*whole=*/false), ElementsAre(HasSubstr("nobody is there")));
}

TEST(Summary, FiguresAreMeansOverSeedsAndTheWorstIsKept) {
  Summary summary(Shape());
  SeedReport second = Report(2);
  second.check = "w";
  second.cpu_us = 300'000;
  second.starts = 10;
  second.allowances["device-lies"] = {.times = 2, .most_mw = 5000};
  summary.Add(Report(1));
  summary.Add(second);
  EXPECT_DOUBLE_EQ(summary.CoreSecondsPerSeed(), 0.2);
  EXPECT_DOUBLE_EQ(summary.StartsPerSeed(), 20);
  EXPECT_DOUBLE_EQ(summary.ExceptionShare(), 0.1);
  EXPECT_EQ(summary.failed(), 1u);
  std::ostringstream text;
  summary.Print(1.0, text);
  EXPECT_THAT(text.str(), HasSubstr("worst 0.300"));
  EXPECT_THAT(text.str(), HasSubstr("fewest 10"));
  EXPECT_THAT(text.str(), HasSubstr("device-lies"));
  EXPECT_THAT(summary.Json(1.0, {second}), HasSubstr("\"check\": \"w\""));
}

TEST(SeedReport, TravelsAsJson) {
  SeedReport report = Report(18'000'000'000'000'000'000u);
  report.check = "w";
  report.verdict = "bytes \xff that are no text";
  report.strikes[{"delay", "idle"}] = 3;
  report.allowances["device-lies"] = {.times = 2, .most_mw = 5000};
  report.digest = 0xffff'ffff'ffff'ffff;
  const auto read = SeedReportFromJson(ToJson(report));
  ASSERT_TRUE(read.ok()) << read.status().message();
  EXPECT_EQ(read->seed, report.seed);
  EXPECT_EQ(read->check, "w");
  EXPECT_THAT(read->verdict, HasSubstr("that are no text"));
  EXPECT_EQ(read->strikes, report.strikes);
  EXPECT_EQ(read->allowances.at("device-lies").most_mw, 5000);
  EXPECT_EQ(read->digest, report.digest);
  EXPECT_FALSE(SeedReportFromJson("{}").ok());
  EXPECT_FALSE(SeedReportFromJson("").ok());
}

}  // namespace
}  // namespace switchyard::simulation
