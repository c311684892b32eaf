#include <gmock/gmock.h>
#include <sys/stat.h>

#include <atomic>
#include <sstream>
#include <thread>

#include "fmt/format.h"
#include "scheduler/store/backup_door.h"
#include "tests/scheduler/store/store_fixture.h"

namespace switchyard::store {
namespace {

using core::RowKind;
using testing::HasSubstr;

using BackupTest = StoreFixture;

TEST_F(BackupTest, ARestoredBackupHasTheRowsAndANewIncarnation) {
  const auto live = OpenOrDie(Directory());
  ASSERT_TRUE(live->Commit(1, UtcTime(0), {JobRow(1, "a")}).ok());
  ASSERT_TRUE(live->Backup(root_ + "/backup").ok());
  ASSERT_TRUE(live->Commit(2, UtcTime(0), {JobRow(2, "later")}).ok());

  std::filesystem::copy(root_ + "/backup", root_ + "/restored", std::filesystem::copy_options::recursive);
  uint64_t incarnation = 0;
  {
    const auto restored = OpenOrDie(root_ + "/restored");
    EXPECT_TRUE(restored->term().restored);
    EXPECT_GT(restored->term().incarnation, live->term().incarnation) << "agents refuse a lower one";
    EXPECT_EQ(restored->term().number, live->term().number + 1);
    EXPECT_EQ(Contents(*restored).size(), 1u);
    incarnation = restored->term().incarnation;
  }
  const auto again = OpenOrDie(root_ + "/restored");
  EXPECT_FALSE(again->term().restored) << "once restored it is a store like any other";
  EXPECT_EQ(again->term().incarnation, incarnation);
}

TEST_F(BackupTest, EachRestoreOfOneBackupAndAnEmptyStoreAfterItHasAHigherIncarnation) {
  ASSERT_TRUE(OpenOrDie(Directory())->Backup(root_ + "/backup").ok());
  uint64_t highest = 0;
  for (const std::string name : {"/first", "/second", "/third"}) {
    std::filesystem::copy(root_ + "/backup", root_ + name, std::filesystem::copy_options::recursive);
    const auto restored = OpenOrDie(root_ + name);
    EXPECT_GT(restored->term().incarnation, highest) << name;
    highest = restored->term().incarnation;
  }
  EXPECT_GT(OpenOrDie(root_ + "/empty")->term().incarnation, highest);
}

TEST_F(BackupTest, ABackupNeverWritesIntoWhatExists) {
  const auto live = OpenOrDie(Directory());
  std::filesystem::create_directory(root_ + "/backup");
  EXPECT_EQ(live->Backup(root_ + "/backup").code(), absl::StatusCode::kAlreadyExists);
}

TEST_F(BackupTest, ThroughTheDoorItHoldsEverythingAcknowledgedBeforeTheCall) {
  const auto live = OpenOrDie(Directory());
  auto door = BackupDoor::Open(live.get(), Directory());
  ASSERT_TRUE(door.ok()) << door.status();

  // A writer that never pauses; each batch writes the same number twice.
  std::atomic<uint64_t> acknowledged = 0;
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    for (uint64_t n = 1; !stop; ++n) {
      const std::string text = std::to_string(n);
      ASSERT_TRUE(live->Commit(n, UtcTime(0), {{RowKind::kNode, "left", text}, {RowKind::kTenant, "right", text}}).ok());
      acknowledged = n;
    }
  });
  for (int round = 0; round < 3; ++round) {
    while (acknowledged < 100u * (round + 1)) std::this_thread::yield();
    const uint64_t before = acknowledged;
    const std::string target = fmt::format("{}/backup{}", root_, round);
    const absl::Status backed_up = BackupStore(Directory(), target);
    ASSERT_TRUE(backed_up.ok()) << backed_up;
    const auto copy = OpenOrDie(target);
    const auto contents = Contents(*copy);
    const std::string left = contents.at({static_cast<int>(RowKind::kNode), "left"});
    EXPECT_EQ(left, contents.at({static_cast<int>(RowKind::kTenant), "right"}));
    EXPECT_GE(std::stoull(left), before);
  }
  stop = true;
  writer.join();
  EXPECT_EQ(live->term().number, 1u) << "a backup through the door leaves the term alone";
}

TEST_F(BackupTest, TheDoorIsForTheOwnerAloneAndPassesErrorsOn) {
  const auto live = OpenOrDie(Directory());
  auto door = BackupDoor::Open(live.get(), Directory());
  ASSERT_TRUE(door.ok()) << door.status();
  struct stat info;
  ASSERT_EQ(::stat((Directory() + "/backup.sock").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  const absl::Status refused = BackupStore(Directory(), root_);
  EXPECT_EQ(refused.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(refused.message()), HasSubstr(root_));
}

TEST_F(BackupTest, WithoutASchedulerTheStoreIsBackedUpDirectly) {
  {
    const auto live = OpenOrDie(Directory());
    auto door = BackupDoor::Open(live.get(), Directory());  // leaves its socket file behind
    ASSERT_TRUE(live->Commit(1, UtcTime(0), {JobRow(1, "a")}).ok());
  }
  ASSERT_TRUE(BackupStore(Directory(), root_ + "/backup").ok());
  EXPECT_EQ(Contents(*OpenOrDie(root_ + "/backup")).size(), 1u);
  EXPECT_EQ(BackupStore(root_ + "/nothing", root_ + "/b2").code(), absl::StatusCode::kNotFound);
  std::filesystem::create_directory(root_ + "/empty");
  EXPECT_EQ(BackupStore(root_ + "/empty", root_ + "/b3").code(), absl::StatusCode::kNotFound);
}

TEST_F(BackupTest, AStorePathLongerThanASocketsAddressWorks) {
  const std::string deep = root_ + "/" + std::string(120, 'd') + "/store";
  const auto live = OpenOrDie(deep);
  auto door = BackupDoor::Open(live.get(), deep);
  ASSERT_TRUE(door.ok()) << door.status();
  EXPECT_TRUE(BackupStore(deep, root_ + "/backup").ok());
}

}  // namespace
}  // namespace switchyard::store
