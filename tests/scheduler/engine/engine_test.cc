#include "scheduler/engine/engine.h"

#include <gmock/gmock.h>

#include <atomic>

#include "fmt/format.h"
#include "tests/scheduler/engine/fake_machine.h"

namespace switchyard::engine {
namespace {

using store::v1::Command;
using testing::ElementsAre;
using testing::HasSubstr;

// An engine over a fake machine and a disk that can be held.
class EngineTest : public testing::Test {
 protected:
  EngineOptions Options() {
    EngineOptions options;
    options.machine = &machine_;
    options.clock = &clock_;
    options.sink = &diary_;
    options.commit = [this](uint64_t sequence, UtcTime utc, const std::vector<core::Row>& rows) {
      disk_.Pass();
      if (!disk_status_.ok()) return disk_status_;
      diary_.Write(fmt::format("commit {} x{}", sequence, rows.size()));
      committed_utc_.push_back(utc);
      return absl::OkStatus();
    };
    return options;
  }
  Done Tell(const std::string& word) {
    return [this, word](const core::Reply& reply) { diary_.Write(reply.status.ok() ? word : "refused " + word); };
  }

  FakeMachine machine_;
  platform::ManualClock clock_{MonoTime(1000), UtcTime(1'000'000)};
  Diary diary_;
  Gate disk_;
  absl::Status disk_status_;
  std::vector<UtcTime> committed_utc_;  // the committer's
};

TEST_F(EngineTest, NothingLeavesBeforeItsRowsAreDurable) {
  Engine engine(Options());
  disk_.Close();
  engine.Start();
  ASSERT_TRUE(engine.Post(Submit("a"), Tell("reply")).ok());
  disk_.WaitForArrivals(1);
  EXPECT_THAT(diary_.words(), ElementsAre());
  disk_.Open();
  diary_.WaitFor("orders 1");
  EXPECT_THAT(diary_.words(), ElementsAre("commit 1 x1", "rows 1 x1", "reply", "orders 1"));
}

TEST_F(EngineTest, ReadersHearAReasonAfterTheRowsOfItsBatchAndNeedNoCommitForIt) {
  Engine engine(Options());
  engine.Start();
  store::v1::Command command;
  command.mutable_cancel()->set_idempotency_key("c");
  ASSERT_TRUE(engine.Post(std::move(command), Tell("reply")).ok());
  diary_.WaitFor("reply");
  EXPECT_THAT(diary_.words(), ElementsAre("rows 1 x0", "reasons 1", "reply"));
}

TEST_F(EngineTest, TheNextBatchIsDecidedWhileOneCommitsAndNoThird) {
  std::atomic<int> decided = 0;
  Gate applied;
  machine_.on_apply = [&](const core::Stamp&, const std::vector<Command>&) {
    ++decided;
    applied.Pass();
  };
  Engine engine(Options());
  disk_.Close();
  engine.Start();
  ASSERT_TRUE(engine.Post(Submit("a")).ok());
  disk_.WaitForArrivals(1);
  ASSERT_TRUE(engine.Post(Submit("b")).ok());
  applied.WaitForArrivals(2);  // decided although the first is not durable
  ASSERT_TRUE(engine.Post(Submit("c")).ok());
  ASSERT_TRUE(engine.Post(Submit("d")).ok());
  EXPECT_EQ(engine.Stats().queued, 2u);
  disk_.Open();
  diary_.WaitFor("orders 3");
  EXPECT_EQ(decided, 3) << "c and d gathered in one batch";
  EXPECT_THAT(diary_.words(), ElementsAre("commit 1 x1", "rows 1 x1", "orders 1", "commit 2 x1", "rows 2 x1", "orders 2",
                                          "commit 3 x2", "rows 3 x2", "orders 3"));
}

TEST_F(EngineTest, ABatchWithoutRowsWritesNothingButKeepsItsPlaceInTheOrder) {
  Engine engine(Options());
  disk_.Close();
  engine.Start();
  ASSERT_TRUE(engine.Post(Submit("a"), Tell("submitted")).ok());
  disk_.WaitForArrivals(1);
  ASSERT_TRUE(engine.Post(Query(), Tell("queried")).ok());
  disk_.Open();
  diary_.WaitFor("queried");
  EXPECT_THAT(diary_.words(),
              ElementsAre("commit 1 x1", "rows 1 x1", "submitted", "orders 1", "rows 2 x0", "queried"));
}

TEST_F(EngineTest, WithoutRowsTheSequenceIsStillMadeDurableOncePerSlack) {
  EngineOptions options = Options();
  options.sequence_slack = 4;
  options.first_sequence = 100;
  Engine engine(std::move(options));
  engine.Start();
  for (int i = 0; i < 9; ++i) engine.Call(Query());
  engine.Stop();
  std::vector<std::string> commits;
  for (const std::string& word : diary_.words()) {
    if (word.starts_with("commit")) commits.push_back(word);
  }
  EXPECT_THAT(commits, ElementsAre("commit 103 x0", "commit 107 x0"));
}

TEST_F(EngineTest, AFailedCommitReleasesNothingAndSaysWhy) {
  EngineOptions options = Options();
  Gate told;
  std::string why;
  options.on_failed_commit = [&](const absl::Status& status) {
    why = status.ToString();
    told.Pass();
  };
  Engine engine(std::move(options));
  disk_.Close();
  disk_status_ = absl::ResourceExhaustedError("the disk is full");
  engine.Start();
  ASSERT_TRUE(engine.Post(Submit("a"), Tell("reply")).ok());
  disk_.WaitForArrivals(1);
  ASSERT_TRUE(engine.Post(Query(), Tell("later reply")).ok());
  disk_.Open();
  told.WaitForArrivals(1);
  EXPECT_THAT(why, HasSubstr("the disk is full"));
  EXPECT_EQ(engine.Post(Query()).code(), absl::StatusCode::kUnavailable);
  engine.Stop();
  for (const std::string& word : diary_.words()) EXPECT_EQ(word, "refused later reply");
}

TEST_F(EngineTest, ByDefaultAFailedCommitEndsTheProcess) {
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  EXPECT_DEATH(
      {
        Engine engine(Options());
        disk_status_ = absl::ResourceExhaustedError("the disk is full");
        engine.Start();
        engine.Call(Submit("a"));
      },
      "a commit failed.*the disk is full");
}

TEST_F(EngineTest, StopDecidesAndCommitsWhatWasPostedThenRefuses) {
  Engine engine(Options());
  disk_.Close();
  engine.Start();
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(engine.Post(Submit(fmt::format("job-{}", i)), Tell("reply")).ok());
  disk_.Open();
  engine.Stop();
  const std::vector<std::string> words = diary_.words();
  EXPECT_EQ(std::count(words.begin(), words.end(), "reply"), 50);
  EXPECT_EQ(engine.Call(Query()).status.code(), absl::StatusCode::kUnavailable);
}

TEST_F(EngineTest, AFullQueueRefusesClientsAndStillHearsAgents) {
  Engine engine(Options());
  disk_.Close();
  engine.Start();
  ASSERT_TRUE(engine.Post(Submit("first")).ok());
  disk_.WaitForArrivals(1);
  ASSERT_TRUE(engine.Post(Submit("second")).ok());
  absl::Status status;
  for (size_t i = 0; status.ok() && i <= 2 * kMaxQueuedFromClients; ++i) status = engine.Post(Query());
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("queue is full"));
  EXPECT_EQ(engine.Call(Query()).status.code(), absl::StatusCode::kUnavailable) << "a callback hears of it too";
  EXPECT_TRUE(engine.Post(Heartbeat(1)).ok());
  EXPECT_GE(engine.Stats().refused, 2u);
  disk_.Open();
  engine.Stop();
  EXPECT_THAT(engine.Stats().queued, 0u);
}

TEST_F(EngineTest, BatchesAreBoundedByTheJobsOfTheirSubmissions) {
  std::vector<size_t> sizes;
  machine_.on_apply = [&](const core::Stamp&, const std::vector<Command>& batch) { sizes.push_back(batch.size()); };
  Engine engine(Options());
  for (int i = 0; i < 3; ++i) {
    Command command = Submit(fmt::format("key-{}", i));
    for (size_t job = 0; job < kMaxBatch / 2; ++job) command.mutable_submit()->add_jobs();
    if (i == 0) {
      disk_.Close();
      engine.Start();
      ASSERT_TRUE(engine.Post(Submit("x")).ok());
      disk_.WaitForArrivals(1);
      ASSERT_TRUE(engine.Post(Submit("y")).ok());
    }
    ASSERT_TRUE(engine.Post(std::move(command)).ok());
  }
  disk_.Open();
  engine.Stop();
  for (const size_t size : sizes) EXPECT_LE(size, 3u) << "at most two submissions of half a batch each, with one small one";
  EXPECT_GE(sizes.size(), 3u);
}

TEST_F(EngineTest, AnAdvanceCommandComesWhenTheCoresDeadlineIsDueAndOnlyThen) {
  const platform::SystemClock clock;
  EngineOptions options = Options();
  options.clock = &clock;
  Gate advanced;
  MonoTime due, came;
  machine_.on_apply = [&](const core::Stamp& stamp, const std::vector<Command>& batch) {
    if (batch.at(0).has_disk_free()) due = stamp.mono + Milliseconds(30);
    if (batch.back().has_advance()) {
      came = stamp.mono;
      advanced.Pass();
    }
  };
  Engine engine(std::move(options));
  engine.Start();
  Command command;
  command.mutable_disk_free()->set_bytes(30);
  ASSERT_TRUE(engine.Post(std::move(command)).ok());
  advanced.WaitForArrivals(1);
  engine.Stop();
  EXPECT_GE(came, due);
  EXPECT_EQ(engine.Stats().batches, 2u) << "no tick before it and none after it";
}

TEST_F(EngineTest, ADeadlineThatIsDueIsDecidedBehindTheReportsOfItsBatch) {
  Gate applied;
  std::vector<Command> last;
  machine_.on_apply = [&](const core::Stamp&, const std::vector<Command>& batch) {
    last = batch;
    applied.Pass();
  };
  Engine engine(Options());
  disk_.Close();
  engine.Start();
  Command command;
  command.mutable_disk_free()->set_bytes(5000);
  ASSERT_TRUE(engine.Post(std::move(command)).ok());
  applied.WaitForArrivals(1);
  ASSERT_TRUE(engine.Post(Submit("a")).ok());  // held at the disk
  disk_.WaitForArrivals(1);
  ASSERT_TRUE(engine.Post(Query()).ok());
  applied.WaitForArrivals(3);
  clock_.Advance(Seconds(6));
  ASSERT_TRUE(engine.Post(Heartbeat(1)).ok());
  disk_.Open();
  applied.WaitForArrivals(4);
  engine.Stop();
  ASSERT_EQ(last.size(), 2u);
  EXPECT_TRUE(last[0].has_heartbeat());
  EXPECT_TRUE(last[1].has_advance());
}

TEST_F(EngineTest, StampsNeverGoBackEvenIfTheCivilClockDoesAndTheStepIsTold) {
  EngineOptions options = Options();
  options.not_before = UtcTime(2'000'000);  // an earlier term saw later times
  std::vector<core::Stamp> stamps;
  machine_.on_apply = [&](const core::Stamp& stamp, const std::vector<Command>&) { stamps.push_back(stamp); };
  std::vector<Duration> steps;
  options.on_clock_step = [&](Duration step) { steps.push_back(step); };
  Engine engine(std::move(options));
  engine.Start();
  engine.Call(Query());
  clock_.SetUtc(UtcTime(3'000'000));
  engine.Call(Query());
  clock_.SetUtc(UtcTime(2'500'000));
  engine.Call(Query());
  clock_.Advance(Milliseconds(10));
  engine.Call(Query());
  engine.Stop();
  ASSERT_EQ(stamps.size(), 4u);
  EXPECT_EQ(stamps[0].utc, UtcTime(2'000'000));
  EXPECT_EQ(stamps[1].utc, UtcTime(3'000'000));
  EXPECT_EQ(stamps[2].utc, UtcTime(3'000'000));
  EXPECT_EQ(stamps[3].utc, UtcTime(3'000'000));
  EXPECT_EQ(stamps[3].sequence, 4u);
  EXPECT_THAT(steps, ElementsAre(Milliseconds(2'000'000), Milliseconds(-500'000)));
}

TEST_F(EngineTest, ARequestThatTheCoreForgetsIsAnsweredAllTheSame) {
  Engine engine(Options());
  engine.Start();
  Command command;
  command.mutable_prune();
  EXPECT_EQ(engine.Call(std::move(command)).status.code(), absl::StatusCode::kInternal);
}

// The metrics page is asked at any time, also while the daemon goes up and down. ThreadSanitizer sees it if a lock is missing.
TEST_F(EngineTest, StatisticsMayBeAskedForWhileItStartsAndStops) {
  EngineOptions options = Options();
  options.on_failed_commit = [](const absl::Status&) {};
  disk_status_ = absl::ResourceExhaustedError("the disk is full");
  disk_.Close();
  Engine engine(std::move(options));
  std::atomic<bool> ended = false;
  uint64_t most = 0;
  std::thread reader([&] {
    while (!ended) most = std::max(most, engine.Stats().queued);
  });
  engine.Start();
  EXPECT_TRUE(engine.Post(Submit("a")).ok());
  disk_.WaitForArrivals(1);
  EXPECT_TRUE(engine.Post(Submit("b")).ok());
  EXPECT_TRUE(engine.Post(Query(), Tell("reply")).ok());
  disk_.Open();
  engine.Stop();
  ended = true;
  reader.join();
  EXPECT_LE(most, 2u);
  EXPECT_EQ(engine.Stats().queued, 0u);
}

TEST_F(EngineTest, RepliesReachTheOneWhoAskedFromManyThreads) {
  Engine engine(Options());
  engine.Start();
  std::atomic<int> wrong = 0;
  std::vector<std::thread> clients;
  for (int client = 0; client < 4; ++client) {
    clients.emplace_back([&engine, &wrong, client] {
      uint64_t last = 0;
      for (int i = 0; i < 500; ++i) {
        const core::Reply reply = engine.Call(Submit(fmt::format("{}-{}", client, i)));
        const uint64_t revision = reply.result.submit().store_revision();
        if (!reply.status.ok() || revision <= last) ++wrong;
        last = revision;
      }
    });
  }
  for (std::thread& client : clients) client.join();
  engine.Stop();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(engine.Stats().commands, 2000u);
  EXPECT_EQ(engine.Stats().rows, 2000u);
}

}  // namespace
}  // namespace switchyard::engine
