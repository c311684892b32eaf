#include "common/platform/files.h"

#include <sys/stat.h>

#include <filesystem>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace switchyard::platform {
namespace {

class FilesTest : public testing::Test {
 protected:
  FilesTest() {
    std::string pattern = testing::TempDir() + "/switchyard-files-XXXXXX";
    directory_ = mkdtemp(pattern.data());
  }
  ~FilesTest() override { std::filesystem::remove_all(directory_); }
  std::string directory_;
};

TEST_F(FilesTest, WhatWasWrittenIsReadBackWithItsModeAndNothingIsLeftBeside) {
  const std::string path = directory_ + "/secret";
  ASSERT_TRUE(WriteFileAtomically(path, "first", 0644).ok());
  ASSERT_TRUE(WriteFileAtomically(path, std::string("second\0x", 8), 0600).ok());
  EXPECT_EQ(*ReadFile(path), std::string("second\0x", 8));
  struct stat facts {};
  ASSERT_EQ(stat(path.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0600u);
  EXPECT_THAT(*ListDirectory(directory_), testing::ElementsAre("secret"));
}

TEST_F(FilesTest, AFileAboveTheBoundIsRefusedAndOneAtTheBoundIsRead) {
  const std::string path = directory_ + "/large";
  ASSERT_TRUE(WriteFileAtomically(path, std::string(100, 'x')).ok());
  EXPECT_EQ(ReadFile(path, 100)->size(), 100u);
  EXPECT_EQ(ReadFile(path, 99).status().code(), absl::StatusCode::kOutOfRange);
}

TEST_F(FilesTest, AMissingFileIsNotFoundAndNamed) {
  const absl::Status status = ReadFile(directory_ + "/absent").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("/absent\": cannot open"));
}

TEST_F(FilesTest, AWriteIntoAMissingDirectoryFailsWithoutATrace) {
  EXPECT_EQ(WriteFileAtomically(directory_ + "/absent/file", "x").code(), absl::StatusCode::kNotFound);
}

TEST_F(FilesTest, FilesWhoseSizeReadsAsZeroAreReadToTheirEnd) { EXPECT_FALSE(ReadFile("/proc/self/status")->empty()); }

TEST_F(FilesTest, DirectoriesAreMadeWithWhatIsMissingAboveThemAndTwiceIsOnce) {
  const std::string path = directory_ + "/a/b/c";
  ASSERT_TRUE(MakeDirectories(path, 0700).ok());
  ASSERT_TRUE(MakeDirectories(path, 0700).ok());
  struct stat facts {};
  ASSERT_EQ(stat(path.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0700u);
}

TEST_F(FilesTest, AFileInTheWayOfADirectoryIsAnError) {
  ASSERT_TRUE(WriteFileAtomically(directory_ + "/taken", "x").ok());
  EXPECT_EQ(MakeDirectories(directory_ + "/taken").code(), absl::StatusCode::kAlreadyExists);
}

TEST_F(FilesTest, FreeSpaceIsAsked) {
  EXPECT_GT(*FreeBytes(directory_), 0);
  EXPECT_FALSE(FreeBytes(directory_ + "/absent").ok());
}

TEST_F(FilesTest, PathsAreJoinedAndSplit) {
  EXPECT_EQ(DirectoryOf("a/b/c.yaml"), "a/b");
  EXPECT_EQ(DirectoryOf("c.yaml"), ".");
  EXPECT_EQ(DirectoryOf("/c.yaml"), "/");
  EXPECT_EQ(JoinPath("a/b", "c"), "a/b/c");
  EXPECT_EQ(JoinPath("a/b", "/c"), "/c");
  EXPECT_EQ(JoinPath(".", "c"), "c");
  EXPECT_EQ(JoinPath("/", "c"), "/c");
}

}  // namespace
}  // namespace switchyard::platform
