#include "simulation/world/world.h"

#include <set>
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

using ::testing::Each;
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
    for (const core::Node& node : state.nodes) all_heard = all_heard && node.heard && !node.scanning;
  }
  int instructions = 0;
  bool ended_quiet = false;
  bool all_heard = true;
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

TEST(WorldTest, AHelloThatComesTwiceLeavesNoNodeScanning) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    Script script = SmallScript(seed, Minutes(6));
    script.deeds.push_back(FaultDeed(MonoTime(0), FaultKind::kRepeat, "", Seconds(30), 1'000'000));
    script.deeds.push_back(SubmitDeed(MonoTime(45'000), "train-1", Seconds(20)));
    script.deeds.push_back(SubmitDeed(MonoTime(46'000), "train-2", Seconds(20)));
    script.deeds.push_back(SubmitDeed(MonoTime(47'000), "train-3", Seconds(20)));
    JobWatcher seen;
    const RunResult result = simulation::Run(script, {}, {&seen});
    ASSERT_TRUE(result.verdict.ok()) << std::string(result.verdict.message());
    EXPECT_TRUE(seen.all_heard) << "seed " << seed;
    EXPECT_THAT(seen.states, Each(v1::SUCCEEDED)) << "seed " << seed;
  }
}

class SetCounter : public JobWatcher {
 public:
  void OnDown(MonoTime, const v1::SchedulerMessage& message, bool) override { sets += message.has_set() ? 1 : 0; }
  void OnGone(MonoTime, const std::string&, uint64_t, uint32_t) override { ++gone; }
  int sets = 0;
  int gone = 0;
};

// Each set brings a report, and a report of what stops must not bring another set: that would go on until it has
// stopped.
TEST(WorldTest, AnOrphanThatStopsIsToldSoOnce) {
  Script script = SmallScript(6, Minutes(4));
  script.deeds.push_back(SubmitDeed(MonoTime(10'000), "train", Minutes(10)));
  script.deeds.push_back(FaultDeed(MonoTime(25'000), FaultKind::kEmptyStore, "", Seconds(1)));
  for (const char* node : {"site/n1", "site/n2"}) {
    Deed stop;
    stop.kind = Deed::Kind::kOperator;
    stop.at = MonoTime(50'000);
    stop.subject = node;
    stop.word = "orphan stop";
    script.deeds.push_back(stop);
  }
  SetCounter seen;
  ASSERT_TRUE(simulation::Run(script, {}, {&seen}).verdict.ok());
  EXPECT_EQ(seen.gone, 1);
  EXPECT_LT(seen.sets, 25);
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

// One of every fault that a small world knows, and jobs between them.
Script Troubled(uint64_t seed) {
  Script script = SmallScript(seed, Minutes(16));
  for (int i = 0; i < 12; ++i)
    script.deeds.push_back(SubmitDeed(MonoTime(5'000 + 60'000 * i), "job-" + std::to_string(i), Seconds(45)));
  int64_t at = 20'000;
  for (int kind = 0; kind < kFaultKinds; ++kind) {
    const auto fault = static_cast<FaultKind>(kind);
    if (fault == FaultKind::kReload || fault == FaultKind::kOperatorWord || fault == FaultKind::kReplacedHardware)
      continue;
    std::string subject = kind % 2 == 0 ? "site/n1" : "site/n2";
    int64_t amount = 200'000;
    switch (fault) {
      case FaultKind::kSchedulerCrash:
      case FaultKind::kStaleLeader:
      case FaultKind::kOlderBackup:
      case FaultKind::kEmptyStore:
        subject.clear();
        amount = 30'000;
        break;
      case FaultKind::kDelay:
      case FaultKind::kReorder:
      case FaultKind::kMeterLag:
        amount = 1'500;
        break;
      case FaultKind::kClonedAgent:
        amount = 0;
        break;
      case FaultKind::kClockDrift:
        amount = -10'000;
        break;
      case FaultKind::kDeviceOvershoots:
      case FaultKind::kDeviceLies:
      case FaultKind::kDeviceSticks:
      case FaultKind::kDeviceToNameplate:
      case FaultKind::kDeviceSlow:
        subject += "/gpu/0";
        break;
      default:
        break;
    }
    if (fault >= FaultKind::kMeterNoise && fault <= FaultKind::kMeterDies) subject = "site/meter";
    if (fault == FaultKind::kFeedLost) subject = "site/meter";
    script.deeds.push_back(FaultDeed(MonoTime(at), fault, subject, Seconds(12), amount));
    at += 25'000;
  }
  return script;
}

TEST(WorldTest, TheSameScriptIsTheSameRunAndEveryLeaderReplays) {
  std::set<uint64_t> digests;
  for (const uint64_t seed : {3, 11, 12}) {
    const Script script = Troubled(seed);
    const RunResult first = simulation::Run(script, {.record = true}, {});
    ASSERT_TRUE(first.verdict.ok()) << std::string(first.verdict.message());
    const RunResult second = simulation::Run(script, {}, {});
    EXPECT_EQ(first.figures.digest, second.figures.digest);
    EXPECT_EQ(first.figures.messages, second.figures.messages);
    EXPECT_GT(first.figures.starts, 5);
    EXPECT_GE(first.figures.leaders, 5);
    digests.insert(first.figures.digest);
  }
  EXPECT_EQ(digests.size(), 3u) << "another seed is another run";
}

// Half an hour of forty machines without a fault.
TEST(WorldTest, AGeneratedScriptRunsAndReplays) {
  const Script script = Generate(10);
  const RunResult first = simulation::Run(script, {.record = true}, {});
  ASSERT_TRUE(first.verdict.ok()) << std::string(first.verdict.message());
  EXPECT_EQ(first.figures.digest, simulation::Run(script, {}, {}).figures.digest);
  EXPECT_GE(first.figures.starts, 20);
  EXPECT_EQ(first.figures.leaders, 1);
}

}  // namespace
}  // namespace switchyard::simulation
