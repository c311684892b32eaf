#include "agent/runtime/process/kept_output.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <string>
#include <unistd.h>

#include "agent/supervisor/output_files.h"

namespace switchyard::agent::process {
namespace {

TEST(KeptOutputTest, OnlyTheNewestAreKept) {
  const std::string state = ::testing::TempDir() + "/kept-output-" + std::to_string(getpid());
  for (uint64_t id = 1; id <= kOutputsKept + 2; ++id) {
    const std::string task = state + "/task";
    std::filesystem::create_directories(task);
    std::ofstream(supervisor::OutputFile(task, 1)) << "o. x\n";
    KeepOutput(state, {id, 1}, task);
  }
  EXPECT_FALSE(FindKeptOutput(state, 2).has_value());
  EXPECT_TRUE(FindKeptOutput(state, 3).has_value());
  EXPECT_TRUE(FindKeptOutput(state, kOutputsKept + 2).has_value());
  std::filesystem::remove_all(state);
}

}  // namespace
}  // namespace switchyard::agent::process
