// Whole leaders in a small world: what a crash leaves behind, what a stale one may still do, and how clients bear it.
#include "simulation/world/scheduler_process.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "simulation/world/world.h"
#include "tests/simulation/world/small_world.h"

namespace switchyard::simulation {
namespace {

using ::testing::Contains;
using ::testing::SizeIs;

// What leaders decided, what became durable, and what clients and agents were told of it.
class Chronicle : public Watcher {
 public:
  void OnStart(MonoTime now, Leader leader, const core::State& state) override {
    terms[leader] = state.meta.term();
    incarnations[leader] = state.meta.store_incarnation();
    jobs_at_start[leader] = state.jobs.size();
    started[leader] = now;
  }
  void OnDecided(MonoTime now, Leader leader, const core::Stamp& stamp, const std::vector<store::v1::Command>&,
                 const core::Effects& effects, const core::Core& core) override {
    decided[leader].push_back(stamp.sequence);
    if (!effects.rows.empty()) writing[leader].insert(stamp.sequence);
    last_jobs = core.state().jobs.size();
    last_decided[leader] = now;
  }
  void OnDurable(MonoTime now, Leader leader, uint64_t sequence, const std::vector<core::Row>&) override {
    durable[leader].push_back(sequence);
    last_durable[leader] = now;
  }
  void OnDead(MonoTime now, Leader leader) override { died[leader] = now; }
  void OnAnswer(MonoTime, const std::string& key, const store::v1::Command&, const core::Reply& reply) override {
    answers.emplace_back(key, reply.status.code());
    if (reply.result.has_submit()) jobs[key] = reply.result.submit().job_ids(0);
  }
  void OnDown(MonoTime, const v1::SchedulerMessage& message, bool accepted) override {
    uint64_t& followed = followed_terms[message.node()];
    if (!accepted) {
      ++refused;
      return;
    }
    fell_back |= message.term() < followed;
    followed = message.term();
  }

  std::map<Leader, uint64_t> terms, incarnations;
  std::map<Leader, size_t> jobs_at_start;
  std::map<Leader, MonoTime> started, died, last_decided, last_durable;
  std::map<Leader, std::vector<uint64_t>> decided, durable;
  std::map<Leader, std::set<uint64_t>> writing;
  std::vector<std::pair<std::string, absl::StatusCode>> answers;
  std::map<std::string, uint64_t> jobs;
  std::map<std::string, uint64_t> followed_terms;
  size_t last_jobs = 0;
  int refused = 0;
  bool fell_back = false;
};

// The batches of a leader that wrote are durable in order, and what is not is a tail: nothing in the middle is missing.
void ExpectNothingTorn(const Chronicle& seen, Leader leader) {
  const auto durable = seen.durable.find(leader);
  if (durable == seen.durable.end()) return;
  EXPECT_TRUE(std::is_sorted(durable->second.begin(), durable->second.end()));
  const std::set<uint64_t> kept(durable->second.begin(), durable->second.end());
  for (const uint64_t sequence : seen.writing.at(leader)) {
    if (sequence >= durable->second.back()) continue;
    EXPECT_TRUE(kept.contains(sequence)) << "leader " << leader << ", batch " << sequence;
  }
}

TEST(SchedulerProcessTest, ACrashLeavesAPrefixOfTheBatchesAndSometimesTheOneInFlight) {
  int in_flight_kept = 0;
  int in_flight_lost = 0;
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    Script script = SmallScript(seed, Seconds(90));
    // Each submit is in flight when the crash comes: a commit takes 0.2 to 5 ms.
    for (int i = 0; i < 12; ++i) {
      const MonoTime at(8'000 + 4'000 * i);
      script.deeds.push_back(SubmitDeed(at, "job-" + std::to_string(i), Seconds(5)));
      script.deeds.push_back(
          FaultDeed(at + Milliseconds(4 + i % 5), FaultKind::kSchedulerCrash, "", Milliseconds(400)));
    }
    Chronicle seen;
    const RunResult result = simulation::Run(script, {}, {&seen});
    ASSERT_TRUE(result.verdict.ok()) << std::string(result.verdict.message());
    ASSERT_THAT(seen.jobs, SizeIs(12)) << "every client is answered in the end";
    for (const auto& [leader, writes] : seen.writing) {
      ExpectNothingTorn(seen, leader);
      if (!seen.died.contains(leader)) continue;
      const std::vector<uint64_t>& durable = seen.durable[leader];
      const uint64_t last = durable.empty() ? 0 : durable.back();
      if (*writes.rbegin() > last) {
        ++in_flight_lost;
      } else if (!durable.empty() && seen.last_durable[leader] == seen.died[leader]) {
        ++in_flight_kept;
      }
    }
    // A key is one job, however often it was asked for.
    std::set<uint64_t> ids;
    for (const auto& [key, id] : seen.jobs) ids.insert(id);
    EXPECT_THAT(ids, SizeIs(12));
    EXPECT_EQ(seen.last_jobs, 12u);
  }
  EXPECT_GT(in_flight_kept, 5);
  EXPECT_GT(in_flight_lost, 5);
}

TEST(SchedulerProcessTest, ATermIsHigherThanEveryOneBefore) {
  Script script = SmallScript(3, Seconds(60));
  for (int i = 0; i < 5; ++i) {
    script.deeds.push_back(FaultDeed(MonoTime(6'000 + 9'000 * i), FaultKind::kSchedulerCrash, "", Seconds(1)));
  }
  Chronicle seen;
  ASSERT_TRUE(simulation::Run(script, {}, {&seen}).verdict.ok());
  ASSERT_THAT(seen.terms, SizeIs(6));
  for (Leader leader = 2; leader <= 6; ++leader) EXPECT_GT(seen.terms[leader], seen.terms[leader - 1]);
}

TEST(SchedulerProcessTest, AStaleLeaderCommitsNothingAfterTheNextOneBegan) {
  int stale_decided = 0;
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    Script script = SmallScript(seed, Seconds(60));
    script.deeds.push_back(FaultDeed(MonoTime(12'000), FaultKind::kStaleLeader, "", Seconds(20)));
    for (int i = 0; i < 10; ++i)
      script.deeds.push_back(SubmitDeed(MonoTime(14'000 + 1'000 * i), "job-" + std::to_string(i), Seconds(5)));
    Chronicle seen;
    ASSERT_TRUE(simulation::Run(script, {}, {&seen}).verdict.ok());
    ASSERT_THAT(seen.terms, SizeIs(2));
    ASSERT_TRUE(seen.died.contains(1));
    EXPECT_EQ(seen.died[1], MonoTime(32'000));
    EXPECT_LE(seen.last_durable[1], seen.started[2]);
    if (seen.last_decided[1] > seen.started[2]) ++stale_decided;
    EXPECT_FALSE(seen.fell_back) << "an agent followed a lower term";
    EXPECT_THAT(seen.jobs, SizeIs(10));
  }
  EXPECT_GT(stale_decided, 0) << "no stale leader ever did anything: the fault is none";
}

TEST(SchedulerProcessTest, AnEmptyStoreIsFollowedUnderANewIncarnation) {
  Script script = SmallScript(4, Seconds(90));
  script.deeds.push_back(SubmitDeed(MonoTime(8'000), "before", Seconds(500)));
  script.deeds.push_back(FaultDeed(MonoTime(20'000), FaultKind::kEmptyStore, "", Seconds(2)));
  Chronicle seen;
  ASSERT_TRUE(simulation::Run(script, {}, {&seen}).verdict.ok());
  EXPECT_GT(seen.incarnations[2], seen.incarnations[1]);
  EXPECT_EQ(seen.jobs_at_start[2], 0u);
}

TEST(SchedulerProcessTest, AnOlderBackupKnowsWhatItKnewThen) {
  Script script = SmallScript(4, Seconds(90));
  script.deeds.push_back(SubmitDeed(MonoTime(8'000), "kept", Seconds(500)));
  script.deeds.push_back(SubmitDeed(MonoTime(18'000), "forgotten", Seconds(500)));
  script.deeds.push_back(FaultDeed(MonoTime(20'000), FaultKind::kOlderBackup, "", Seconds(2), 7'000));
  Chronicle seen;
  ASSERT_TRUE(simulation::Run(script, {}, {&seen}).verdict.ok());
  EXPECT_GT(seen.incarnations[2], seen.incarnations[1]);
  EXPECT_EQ(seen.jobs_at_start[2], 1u);
}

TEST(SchedulerProcessTest, AClientWaitsLongerEachTimeAndIsAnsweredInTheEnd) {
  Script script = SmallScript(5, Seconds(120));
  script.deeds.push_back(FaultDeed(MonoTime(7'000), FaultKind::kSchedulerCrash, "", Seconds(40)));
  script.deeds.push_back(SubmitDeed(MonoTime(8'000), "patient", Seconds(5)));
  Chronicle seen;
  ASSERT_TRUE(simulation::Run(script, {}, {&seen}).verdict.ok());
  EXPECT_THAT(seen.answers, Contains(std::make_pair(std::string("patient"), absl::StatusCode::kOk)));
  EXPECT_GE(seen.started[2], MonoTime(47'000));
}

}  // namespace
}  // namespace switchyard::simulation
