#include "scheduler/store/log_tail.h"

#include <gmock/gmock.h>

#include <fstream>
#include <iterator>

#include "fmt/format.h"
#include "tests/scheduler/store/store_fixture.h"

namespace switchyard::store {
namespace {

using core::NumberKey;
using core::RowKind;

// A store with batches 1..count in its newest log, as a crash leaves it: copied while it is open.
class LogTailTest : public StoreFixture {
 protected:
  void MakeCrashed(int count, size_t row_bytes) {
    const auto store = OpenOrDie(Directory());
    for (int n = 1; n <= count; ++n) {
      const std::string value = std::string(row_bytes, static_cast<char>('a' + n % 26));
      ASSERT_TRUE(store->Commit(n, UtcTime(0), {{RowKind::kNode, fmt::format("n{:04}", n), value}}).ok());
    }
    std::filesystem::copy(Directory(), Crashed(), std::filesystem::copy_options::recursive);
  }
  std::string Crashed() const { return root_ + "/crashed"; }

  std::filesystem::path NewestLog() const {
    std::filesystem::path newest;
    for (const auto& entry : std::filesystem::directory_iterator(Crashed())) {
      if (entry.path().extension() == ".log" && entry.path() > newest) newest = entry.path();
    }
    return newest;
  }
  std::string LogBytes() const {
    std::ifstream file(NewestLog(), std::ios::binary);
    return std::string((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  }
  void WriteLog(const std::string& bytes) const {
    std::ofstream(NewestLog(), std::ios::binary | std::ios::trunc).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }
};

TEST_F(LogTailTest, AnUntouchedLogIsWhole) {
  MakeCrashed(20, 5000);
  EXPECT_EQ(ClassifyLog(LogBytes()), LogState::kWhole);
  EXPECT_EQ(ClassifyLog(LogBytes() + std::string(10000, '\0')), LogState::kWhole) << "preallocated space";
  EXPECT_EQ(Contents(*OpenOrDie(Crashed())).size(), 20u);
}

TEST_F(LogTailTest, ACutTailLosesTheLastBatchAlone) {
  MakeCrashed(20, 5000);
  const std::string bytes = LogBytes();
  WriteLog(bytes.substr(0, bytes.size() - 2500));
  const auto store = OpenOrDie(Crashed());
  ASSERT_NE(store, nullptr);
  EXPECT_EQ(Contents(*store).size(), 19u);
}

TEST_F(LogTailTest, ATailWhosePagesDidNotAllReachTheDiskIsDroppedAndReported) {
  MakeCrashed(20, 5000);
  std::string bytes = LogBytes();
  bytes.replace(bytes.size() - 3000, 2000, 2000, '\0');  // one page of the last write is missing, the one behind it is there
  WriteLog(bytes);
  ASSERT_EQ(ClassifyLog(bytes), LogState::kTorn);
  const auto store = OpenOrDie(Crashed());
  ASSERT_NE(store, nullptr);
  EXPECT_TRUE(store->term().torn_tail);
  EXPECT_EQ(Contents(*store).size(), 19u);
}

TEST_F(LogTailTest, ATornBatchLargerThanABlockIsStillOnlyATail) {
  MakeCrashed(3, 200'000);
  std::string bytes = LogBytes();
  bytes.replace(bytes.size() - 150'000, 4096, 4096, '\0');  // good middle fragments of the same batch stand behind the hole
  WriteLog(bytes);
  ASSERT_EQ(ClassifyLog(bytes), LogState::kTorn);
  const auto store = OpenOrDie(Crashed());
  ASSERT_NE(store, nullptr);
  EXPECT_EQ(Contents(*store).size(), 2u);
}

TEST_F(LogTailTest, AFlippedBitBeforeAcknowledgedBatchesIsDataLossNotSilence) {
  MakeCrashed(20, 5000);
  const std::string bytes = LogBytes();
  for (const size_t offset : {size_t{100}, bytes.size() / 2, bytes.size() - 5000 - 2500}) {
    std::string flipped = bytes;
    flipped[offset] = static_cast<char>(flipped[offset] ^ 0x10);
    WriteLog(flipped);
    EXPECT_EQ(ClassifyLog(flipped), LogState::kCorrupt) << offset;
    const auto refused = RocksStore::Open({.directory = Crashed(), .ballast_bytes = 0});
    EXPECT_EQ(refused.status().code(), absl::StatusCode::kDataLoss) << offset << ": " << refused.status();
  }
}

TEST_F(LogTailTest, AMissingTableFileIsDataLoss) {
  {
    const auto store = OpenOrDie(Directory());
    ASSERT_TRUE(store->Commit(1, UtcTime(0), {JobRow(1, "a")}).ok());
  }
  OpenOrDie(Directory());  // the second open writes what the first left in the log to a table file
  bool removed = false;
  for (const auto& entry : std::filesystem::directory_iterator(Directory())) {
    if (entry.path().extension() == ".sst") removed = std::filesystem::remove(entry.path());
  }
  ASSERT_TRUE(removed);
  EXPECT_EQ(RocksStore::Open({.directory = Directory(), .ballast_bytes = 0}).status().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace switchyard::store
