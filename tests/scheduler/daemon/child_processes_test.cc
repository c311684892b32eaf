#include "scheduler/daemon/child_processes.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

namespace switchyard::daemon {
namespace {

class ChildProcessesTest : public testing::Test {
 protected:
  ChildProcessesTest() {
    std::string pattern = testing::TempDir() + "switchyard-children-XXXXXX";
    root_ = ::mkdtemp(pattern.data());
  }
  ~ChildProcessesTest() override { std::filesystem::remove_all(root_); }
  // The pid that a child wrote as its first line of output.
  pid_t PidIn(const std::string& log) {
    int pid = 0;
    while (!(std::ifstream(log) >> pid)) std::this_thread::yield();
    return pid;
  }
  std::string root_;
};

TEST_F(ChildProcessesTest, EndLeavesNoneAndTheirOutputIsInTheLog) {
  ChildProcesses children;
  ASSERT_TRUE(children.Start({"/bin/sh", "-c", "echo $$; exec tail -f /dev/null"}, root_ + "/a").ok());
  ASSERT_TRUE(children.Start({"/bin/sh", "-c", "echo $$; exec tail -f /dev/null"}, root_ + "/b").ok());
  const pid_t a = PidIn(root_ + "/a"), b = PidIn(root_ + "/b");
  EXPECT_EQ(::kill(a, 0), 0);
  children.End();
  EXPECT_NE(::kill(a, 0), 0);
  EXPECT_NE(::kill(b, 0), 0);
}

TEST_F(ChildProcessesTest, OneThatDoesNotObeyIsKilled) {
  ChildProcesses children(std::chrono::milliseconds(50));
  ASSERT_TRUE(children.Start({"/bin/sh", "-c", "trap '' TERM; echo $$; exec tail -f /dev/null"}, root_ + "/a").ok());
  const pid_t a = PidIn(root_ + "/a");
  children.End();
  EXPECT_NE(::kill(a, 0), 0);
}

TEST_F(ChildProcessesTest, AMissingProgramIsNamed) {
  ChildProcesses children;
  EXPECT_EQ(children.Start({root_ + "/nothing"}, root_ + "/log").code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace switchyard::daemon
