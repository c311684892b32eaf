// What nobody asks for and still has to be said to the core: how much disk is left, and that history has grown old.
#ifndef SWITCHYARD_SCHEDULER_ENGINE_HOUSEKEEPER_H_
#define SWITCHYARD_SCHEDULER_ENGINE_HOUSEKEEPER_H_

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "switchyard/store/v1/rows.pb.h"

namespace switchyard::engine {

// docs/protocol.md, "Recovery": alarmed below the one, submissions refused below the other.
inline constexpr int64_t kLowDiskBytes = int64_t{1} << 30;
inline constexpr int64_t kFullDiskBytes = int64_t{256} << 20;

enum class DiskClass { kEnough, kLow, kFull };
DiskClass ClassifyDisk(int64_t free_bytes);

// Posts DiskFree at its start and whenever the class changes, and PruneHistory from time to time.
class Housekeeper {
 public:
  struct Options {
    std::function<absl::StatusOr<int64_t>()> free_bytes;              // store::Store::FreeBytes
    std::function<absl::Status(store::v1::Command)> post;             // Engine::Post; what it refuses is posted again
    std::chrono::milliseconds disk_interval = std::chrono::seconds(5);
    // Short, for a process that is restarted again and again prunes as well, and what one pruning removes is bounded.
    std::chrono::milliseconds prune_interval = std::chrono::minutes(1);
  };

  explicit Housekeeper(Options options);  // starts
  ~Housekeeper();                         // stops; before the engine does
  Housekeeper(const Housekeeper&) = delete;
  Housekeeper& operator=(const Housekeeper&) = delete;

 private:
  void Run();
  void LookAtDisk();

  const Options options_;
  std::optional<DiskClass> told_;  // the core's last knowledge
  std::mutex mutex_;
  std::condition_variable wakes_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace switchyard::engine

#endif  // SWITCHYARD_SCHEDULER_ENGINE_HOUSEKEEPER_H_
