// Work in processes of its own: what it returns, and how it can die.
#include "simulation/runner/workers.h"

#include <csignal>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <iostream>
#include <map>
#include <unistd.h>

#include "common/check.h"
#include "simulation/runner/seed_run.h"

namespace switchyard::simulation {
namespace {

using ::testing::HasSubstr;

TEST(Workers, ReturnWhatTheWorkReturnsHoweverLongItIs) {
  const std::string text(1 << 20, 'x');
  const WorkResult result = RunAlone([&] { return text; });
  EXPECT_EQ(result.answer, text);
  EXPECT_EQ(result.death, "");
}

TEST(Workers, GiveEachPieceItsOwnResultWithTwoAtATime) {
  Workers workers(2);
  std::map<uint64_t, std::string> answers;
  for (uint64_t id = 0; id < 20; ++id) {
    if (workers.Full()) {
      const WorkResult result = workers.Wait();
      answers[result.id] = result.answer;
    }
    workers.Start(id, [id] { return std::to_string(id * id); });
  }
  while (!workers.Idle()) {
    const WorkResult result = workers.Wait();
    answers[result.id] = result.answer;
  }
  ASSERT_EQ(answers.size(), 20u);
  for (const auto& [id, answer] : answers) EXPECT_EQ(answer, std::to_string(id * id));
}

TEST(Workers, AFailedCheckIsAResultThatNamesIt) {
  const WorkResult result = RunAlone([]() -> std::string {
    SWITCHYARD_CHECK(1 + 1 == 3) << "arithmetic";
    return "";
  });
  EXPECT_THAT(result.death, HasSubstr("Abort"));
  const SeedReport report = ReportOf(17, result);
  EXPECT_EQ(report.seed, 17u);
  EXPECT_EQ(report.check, "code-check");
  EXPECT_THAT(report.verdict, HasSubstr("arithmetic"));
}

TEST(Workers, AProcessThatIsKilledIsAFailureToo) {
  const SeedReport report = ReportOf(3, RunAlone([]() -> std::string {
                                       raise(SIGKILL);
                                       return "";
                                     }));
  EXPECT_EQ(report.check, "process");
  EXPECT_THAT(report.verdict, HasSubstr("Killed"));
}

TEST(Workers, AnAnswerThatIsNoReportIsAFailure) {
  EXPECT_TRUE(ReportOf(3, RunAlone([] { return std::string("half a rep"); })).failed());
}

}  // namespace
}  // namespace switchyard::simulation
