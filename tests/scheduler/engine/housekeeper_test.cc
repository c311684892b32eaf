#include "scheduler/engine/housekeeper.h"

#include <gmock/gmock.h>

#include <vector>

namespace switchyard::engine {
namespace {

using testing::ElementsAre;

// A disk with a script of readings and a core that writes down what it is told.
class HousekeeperTest : public testing::Test {
 protected:
  Housekeeper::Options Options() {
    Housekeeper::Options options;
    options.disk_interval = std::chrono::milliseconds(1);
    options.prune_interval = std::chrono::hours(1);
    options.free_bytes = [this]() -> absl::StatusOr<int64_t> {
      const std::lock_guard<std::mutex> lock(mutex_);
      const absl::StatusOr<int64_t> now = script_[std::min(looked_, script_.size() - 1)];
      ++looked_;
      changed_.notify_all();
      return now;
    };
    options.post = [this](const store::v1::Command& command) {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (refusals_-- > 0) return absl::UnavailableError("full");
      if (command.has_disk_free()) told_.push_back(command.disk_free().bytes());
      if (command.has_prune()) ++prunes_;
      changed_.notify_all();
      return absl::OkStatus();
    };
    return options;
  }
  void WaitForLooks(size_t count) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this, count] { return looked_ >= count; });
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<absl::StatusOr<int64_t>> script_;
  size_t looked_ = 0;
  int refusals_ = 0;
  int prunes_ = 0;
  std::vector<int64_t> told_;
};

TEST_F(HousekeeperTest, TheCoreHearsOfTheDiskAtTheStartAndWhenItsClassChanges) {
  const int64_t gib = int64_t{1} << 30;
  script_ = {50 * gib, 40 * gib, gib - 1, gib / 2, gib / 4 - 1, 0, absl::InternalError("gone"), 2 * gib, 3 * gib};
  {
    const Housekeeper housekeeper(Options());
    WaitForLooks(10);
  }
  EXPECT_THAT(told_, ElementsAre(50 * gib, gib - 1, gib / 4 - 1, 2 * gib));
}

TEST_F(HousekeeperTest, ADiskThatCannotBeAskedCountsAsFull) {
  script_ = {absl::InternalError("gone")};
  {
    const Housekeeper housekeeper(Options());
    WaitForLooks(2);
  }
  EXPECT_THAT(told_, ElementsAre(0));
}

TEST_F(HousekeeperTest, WhatTheEngineRefusedIsToldAgain) {
  script_ = {int64_t{1} << 40};
  refusals_ = 2;
  {
    const Housekeeper housekeeper(Options());
    WaitForLooks(4);
  }
  EXPECT_THAT(told_, ElementsAre(int64_t{1} << 40));
}

TEST_F(HousekeeperTest, HistoryIsPrunedAgainAndAgain) {
  script_ = {int64_t{1} << 40};
  Housekeeper::Options options = Options();
  options.prune_interval = std::chrono::milliseconds(1);
  const Housekeeper housekeeper(std::move(options));
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [this] { return prunes_ >= 3; });
}

}  // namespace
}  // namespace switchyard::engine
