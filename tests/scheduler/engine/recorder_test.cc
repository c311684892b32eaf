#include "scheduler/engine/recorder.h"

#include <gmock/gmock.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/scheduler/engine/fake_machine.h"

namespace switchyard::engine {
namespace {

using testing::HasSubstr;

class RecorderTest : public testing::Test {
 protected:
  RecorderTest() {
    std::string pattern = testing::TempDir() + "switchyard-record-XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
    path_ = directory_ + "/record";
  }
  ~RecorderTest() override { std::filesystem::remove_all(directory_); }

  // A term of `count` submissions, each a batch of its own, recorded by an engine.
  void Record(int count) {
    const std::vector<core::Row> rows = {{core::RowKind::kNode, "n1", "x"}, {core::RowKind::kJob, "j", std::string("\0y", 2)}};
    auto recorder = Recorder::Open(path_, rows);
    ASSERT_TRUE(recorder.ok()) << recorder.status();
    FakeMachine machine;
    ASSERT_TRUE(machine.Restore(rows).ok());
    platform::ManualClock clock(MonoTime(5), UtcTime(10));
    Diary diary;
    EngineOptions options;
    options.machine = &machine;
    options.clock = &clock;
    options.sink = &diary;
    options.commit = [](uint64_t, UtcTime, const std::vector<core::Row>&) { return absl::OkStatus(); };
    options.recorder = recorder->get();
    Engine engine(std::move(options));
    engine.Start();
    for (int i = 0; i < count; ++i) {
      clock.Advance(Milliseconds(3));
      engine.Call(Submit(std::to_string(i)));
    }
    engine.Stop();
    ASSERT_TRUE((*recorder)->status().ok());
    digest_ = machine.Digest();
  }

  std::string directory_, path_;
  uint64_t digest_ = 0;
};

TEST_F(RecorderTest, AReplayComesToTheSameDigests) {
  Record(20);
  FakeMachine machine;
  int batches = 0;
  const auto report = Replay(path_, &machine, [&](const core::Stamp&) { ++batches; return absl::OkStatus(); });
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->batches, 20u);
  EXPECT_EQ(report->commands, 20u);
  EXPECT_EQ(report->last_sequence, 20u);
  EXPECT_FALSE(report->torn_tail);
  EXPECT_EQ(machine.Digest(), digest_);
  EXPECT_EQ(batches, 20);
}

// A core with a change: the seventh batch means something else to it.
class ChangedMachine : public FakeMachine {
 public:
  core::Effects Apply(const core::Stamp& stamp, const std::vector<store::v1::Command>& batch) override {
    core::Stamp other = stamp;
    if (stamp.sequence >= 7) other.mono = stamp.mono + Milliseconds(1);
    return FakeMachine::Apply(other, batch);
  }
};

TEST_F(RecorderTest, TheFirstBatchThatDiffersIsNamed) {
  Record(20);
  ChangedMachine machine;
  const auto report = Replay(path_, &machine);
  EXPECT_EQ(report.status().code(), absl::StatusCode::kAborted);
  EXPECT_THAT(std::string(report.status().message()), HasSubstr("batch 7 (sequence 7, 1 commands)"));
}

TEST_F(RecorderTest, ARecordCutByACrashReplaysUpToTheCut) {
  Record(20);
  std::filesystem::resize_file(path_, std::filesystem::file_size(path_) - 3);
  FakeMachine machine;
  const auto report = Replay(path_, &machine);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->batches, 19u);
  EXPECT_TRUE(report->torn_tail);
}

TEST_F(RecorderTest, WhatIsNoRecordIsRefused) {
  std::ofstream(path_) << "sites:\n- id: moses-lake\n";
  FakeMachine machine;
  EXPECT_EQ(Replay(path_, &machine).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Replay(directory_ + "/none", &machine).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(RecorderTest, AFullDiskIsNamedAtTheStart) {
  const auto recorder = Recorder::Open("/dev/full", {});
  EXPECT_EQ(recorder.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(recorder.status().ToString(), HasSubstr("/dev/full"));
}

// A pipe whose reader goes stands for a disk that fills up.
TEST_F(RecorderTest, ARecordThatCannotBeWrittenAnyMoreEndsWithoutItsEngine) {
  ::signal(SIGPIPE, SIG_IGN);
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  auto recorder = Recorder::Open("/proc/self/fd/" + std::to_string(ends[1]), {});
  ASSERT_TRUE(recorder.ok()) << recorder.status();
  ::close(ends[0]);
  (*recorder)->Add({MonoTime(1), UtcTime(1), 1}, {Submit("a")}, 1);
  EXPECT_EQ((*recorder)->status().code(), absl::StatusCode::kUnavailable);
  (*recorder)->Add({MonoTime(2), UtcTime(2), 2}, {Submit("b")}, 2);
  EXPECT_EQ((*recorder)->status().code(), absl::StatusCode::kUnavailable);
  ::close(ends[1]);
}

}  // namespace
}  // namespace switchyard::engine
