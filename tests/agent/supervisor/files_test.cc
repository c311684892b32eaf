// The texts of a task directory, its lock, and the output files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "agent/supervisor/output_files.h"
#include "agent/supervisor/record.h"
#include "agent/supervisor/task_directory.h"
#include "agent/supervisor/task_spec.h"
#include "agent/supervisor/task_status.h"
#include "agent/supervisor/text_file.h"

namespace switchyard::agent::supervisor {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class TaskFilesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "task.XXXXXX";
    directory_ = mkdtemp(pattern.data());
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  std::string directory_;
};

TEST(RecordTest, KeepsNewlinesBackslashesAndOrder) {
  Record record;
  record.Add("argument", "two\nlines");
  record.Add("argument", "back\\slash\\n");
  record.Add("argument", "");
  const auto parsed = Record::Parse(record.Format());
  ASSERT_TRUE(parsed.ok());
  EXPECT_THAT(parsed->All("argument"), ElementsAre("two\nlines", "back\\slash\\n", ""));
}

TEST(RecordTest, RefusesATextThatWasCutOffAtAnyByte) {
  Record record;
  record.Add("state", "running");
  record.Add("task_pid", 4711);
  const std::string whole = record.Format();
  for (size_t length = 0; length < whole.size(); ++length) {
    EXPECT_FALSE(Record::Parse(whole.substr(0, length)).ok()) << length;
  }
  EXPECT_TRUE(Record::Parse(whole).ok());
}

TEST(TaskSpecTest, SurvivesItsText) {
  TaskSpec spec;
  spec.command = {"/bin/sh", "-c", "echo a\nb"};
  spec.environment = {"A=1", "B="};
  spec.working_directory = "/w";
  spec.switch_user = true;
  spec.uid = 1000;
  spec.gid = 100;
  spec.groups = {100, 27};
  spec.cpus = {1, 3};
  spec.resource_limits = {{"core", 0}, {"stack", -1}};
  spec.cgroup = Cgroup({{"unified", "/sys/fs/cgroup/unified/x"}, {"pids", "/sys/fs/cgroup/pids/x"}});
  spec.cgroup_limits = {.memory_bytes = 1 << 30, .processes = 7, .cpu_milli = 1500, .cpus = {1, 3}};
  spec.grace_ms = 5;
  spec.lease_end_ms = 6;
  spec.fence_after_ms = 0;
  spec.pause_at_fence = true;
  spec.fence_duty = 500;
  spec.duty_file = "/d";
  spec.output_file_bytes = 10;
  spec.output_files = 2;
  spec.boot_id = "b";
  const auto parsed = TaskSpec::Parse(spec.Format());
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->Format(), spec.Format());
  EXPECT_EQ(parsed->fence_duty, 500);
  EXPECT_THAT(parsed->groups, ElementsAre(100, 27));
  EXPECT_EQ(parsed->resource_limits.back().value, -1);
}

TEST(TaskSpecTest, UserThatCannotBeReadIsRefusedAndNeverBecomesRoot) {
  Record record;
  record.Add("argument", "/bin/true");
  record.Add("uid", "nobody");
  record.Add("gid", "100");
  EXPECT_THAT(std::string(TaskSpec::Parse(record.Format()).status().message()), HasSubstr("nobody"));
}

TEST_F(TaskFilesTest, StatusIsReadAsItWasWritten) {
  TaskStatus status;
  status.state = TaskState::kStopping;
  status.task_pid = 12;
  status.exit_code = 143;
  status.reason = "two\nlines";
  status.paused = true;
  ASSERT_TRUE(WriteTaskStatus(directory_, status).ok());
  const auto read = ReadTaskStatus(directory_);
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->Format(), status.Format());
}

TEST_F(TaskFilesTest, CommandWithoutAListenerFailsAtOnce) {
  EXPECT_TRUE(absl::IsNotFound(SendCommand(directory_, "release")));
  const auto control = OpenControl(directory_);
  ASSERT_TRUE(control.ok());
  EXPECT_TRUE(SendCommand(directory_, "release").ok());
  char buffer[16] = {};
  EXPECT_EQ(read(*control, buffer, sizeof buffer), 8);
  EXPECT_STREQ(buffer, "release\n");
  close(*control);
  EXPECT_TRUE(absl::IsNotFound(SendCommand(directory_, "release")));
}

TEST_F(TaskFilesTest, LockOfARemovedDirectoryIsNone) {
  EXPECT_EQ(*TaskLockHolder(directory_), 0);
  const auto lock = TakeTaskLock(directory_);
  ASSERT_TRUE(lock.ok());
  close(*lock);
  std::filesystem::remove_all(directory_);
  EXPECT_FALSE(TakeTaskLock(directory_).ok());
  EXPECT_EQ(*TaskLockHolder(directory_), 0);
}

TEST_F(TaskFilesTest, OutputIsRotatedWithinItsBoundAndKeepsTheNewest) {
  {
    OutputWriter writer(directory_, 100, 3);
    for (int i = 0; i < 100; ++i) writer.Write(i % 2 == 1, "line " + std::to_string(i) + "\n");
  }
  const std::vector<int64_t> files = ListOutputFiles(directory_);
  ASSERT_EQ(files.size(), 3u);
  std::string kept;
  for (const int64_t file : files) {
    const std::string text = *ReadText(OutputFile(directory_, file));
    EXPECT_LE(text.size(), 120u);
    kept += text;
  }
  EXPECT_TRUE(kept.ends_with("e. line 97\no. line 98\ne. line 99\n")) << kept;
}

TEST_F(TaskFilesTest, LongLinesBecomeSeveralRecordsAndABareEndIsPartial) {
  {
    OutputWriter writer(directory_, 1 << 20, 2);
    writer.Write(false, std::string(kOutputRecordBytesMax + 1, 'x') + "\nprompt> ");
  }
  EXPECT_EQ(*ReadText(OutputFile(directory_, 1)), "o- " + std::string(kOutputRecordBytesMax, 'x') + "\no. x\no- prompt> \n");
}

TEST_F(TaskFilesTest, OutputThatCannotBeStoredIsCountedNotHeldBack) {
  OutputWriter writer(directory_ + "/missing", 100, 3);
  writer.Write(false, "lost\n");
  std::filesystem::create_directory(directory_ + "/missing");
  writer.Write(false, "found\n");
  EXPECT_EQ(*ReadText(OutputFile(directory_ + "/missing", 1)),
            "e. [switchyard: 5 bytes of output could not be stored]\no. found\n");
}

}  // namespace
}  // namespace switchyard::agent::supervisor
