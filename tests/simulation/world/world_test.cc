#include "simulation/world/world.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "scheduler/core/state.h"
#include "simulation/script/generate.h"
#include "simulation/world/agent_clock.h"
#include "simulation/world/event_queue.h"
#include "tests/simulation/world/small_world.h"

namespace switchyard::simulation {
namespace {

using ::testing::ElementsAre;

TEST(EventQueueTest, EventsOfOneMomentHappenInTheOrderInWhichTheyWerePlanned) {
  EventQueue events;
  std::vector<int> happened;
  events.At(20, [&] { happened.push_back(3); });
  events.At(10, [&] {
    happened.push_back(1);
    events.At(10, [&] { happened.push_back(2); });
    events.At(5, [&] { happened.push_back(20); });  // has passed: it is now
  });
  events.At(20, [&] { happened.push_back(4); });
  while (events.next() != kNoInstant) events.RunNext();
  EXPECT_THAT(happened, ElementsAre(1, 2, 20, 3, 4));
  EXPECT_EQ(events.instant(), 20);
}

TEST(AgentClockTest, ADriftingClockShowsATimeWhenItSaysSo) {
  for (const int64_t ppm : {-10'000, -37, 0, 1, 10'000}) {
    AgentClock clock;
    clock.Boot(1'000'123, Seconds(7));
    clock.Drift(2'345'678, ppm);
    for (const int64_t ms : {9'000, 61'017, 1'800'000}) {
      const Instant when = clock.WhenAt(MonoTime(ms));
      EXPECT_GE(clock.At(when), MonoTime(ms)) << ppm;
      EXPECT_LT(clock.At(when - 2), MonoTime(ms)) << ppm;
    }
  }
}

TEST(AgentClockTest, ADriftOfRhoIsTenMillisecondsASecond) {
  AgentClock clock;
  clock.Boot(0, Duration());
  clock.Drift(0, -10'000);
  EXPECT_EQ(clock.At(100'000'000), MonoTime(99'000));
}

class JobWatcher : public Watcher {
 public:
  void OnInstruction(MonoTime, const std::string&, const v1::DesiredAllocation&) override { ++instructions; }
  void OnEnd(MonoTime, const core::State& state, bool quiet) override {
    ended_quiet = quiet;
    for (const auto& [id, job] : state.jobs) states.push_back(job.row.job().state());
  }
  int instructions = 0;
  bool ended_quiet = false;
  std::vector<v1::JobState> states;
};

TEST(WorldTest, AJobRunsToItsEnd) {
  Script script = SmallScript(1, Minutes(5));
  script.deeds.push_back(SubmitDeed(MonoTime(10'000), "train", Seconds(20)));
  JobWatcher seen;
  const RunResult result = simulation::Run(script, {}, {&seen});
  ASSERT_TRUE(result.verdict.ok()) << std::string(result.verdict.message());
  EXPECT_EQ(seen.instructions, 1);
  EXPECT_EQ(result.figures.starts, 1);
  EXPECT_TRUE(seen.ended_quiet);
  EXPECT_THAT(seen.states, ElementsAre(v1::SUCCEEDED));
  EXPECT_EQ(result.at, MonoTime(300'000));
}

TEST(WorldTest, AJobOutlivesTheCrashOfItsAgentAndOfTheScheduler) {
  Script script = SmallScript(2, Minutes(6));
  script.deeds.push_back(SubmitDeed(MonoTime(10'000), "train", Seconds(60)));
  script.deeds.push_back(FaultDeed(MonoTime(25'000), FaultKind::kAgentCrash, "site/n1", Seconds(3)));
  script.deeds.push_back(FaultDeed(MonoTime(25'000), FaultKind::kAgentCrash, "site/n2", Seconds(3)));
  script.deeds.push_back(FaultDeed(MonoTime(30'000), FaultKind::kSchedulerCrash, "", Seconds(3)));
  JobWatcher seen;
  const RunResult result = simulation::Run(script, {}, {&seen});
  ASSERT_TRUE(result.verdict.ok()) << std::string(result.verdict.message());
  EXPECT_EQ(seen.instructions, 1) << "it was started once";
  EXPECT_THAT(seen.states, ElementsAre(v1::SUCCEEDED));
  EXPECT_EQ(result.figures.leaders, 2);
}

// Stops the run when the first task starts.
class Stopper : public Watcher {
 public:
  void OnInstruction(MonoTime now, const std::string&, const v1::DesiredAllocation&) override { at = now; }
  absl::Status verdict() const override {
    return at == MonoTime() ? absl::OkStatus() : absl::FailedPreconditionError("a task started");
  }
  MonoTime at;
};

TEST(WorldTest, ARunEndsAtTheFirstViolation) {
  Script script = SmallScript(1, Minutes(5));
  script.deeds.push_back(SubmitDeed(MonoTime(10'000), "train", Seconds(20)));
  Stopper stopper;
  const RunResult result = simulation::Run(script, {}, {&stopper});
  EXPECT_EQ(result.verdict.message(), "a task started");
  EXPECT_EQ(result.at, stopper.at);
  EXPECT_LT(result.at, MonoTime(60'000));
}

TEST(WorldTest, TheSameSeedIsTheSameRunAndEveryLeaderReplays) {
  for (const uint64_t seed : {3, 11}) {
    const Script script = Generate(seed);
    const RunResult first = simulation::Run(script, {.record = true}, {});
    ASSERT_TRUE(first.verdict.ok()) << std::string(first.verdict.message());
    const RunResult second = simulation::Run(script, {}, {});
    EXPECT_EQ(first.figures.digest, second.figures.digest);
    EXPECT_EQ(first.figures.messages, second.figures.messages);
    EXPECT_GT(first.figures.starts, 0);
  }
  EXPECT_NE(simulation::Run(Generate(3), {}, {}).figures.digest, simulation::Run(Generate(11), {}, {}).figures.digest);
}

}  // namespace
}  // namespace switchyard::simulation
