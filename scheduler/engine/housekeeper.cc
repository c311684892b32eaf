#include "scheduler/engine/housekeeper.h"

#include <utility>

namespace switchyard::engine {

DiskClass ClassifyDisk(int64_t free_bytes) {
  if (free_bytes < kFullDiskBytes) return DiskClass::kFull;
  return free_bytes < kLowDiskBytes ? DiskClass::kLow : DiskClass::kEnough;
}

Housekeeper::Housekeeper(Options options) : options_(std::move(options)) { thread_ = std::thread(&Housekeeper::Run, this); }

Housekeeper::~Housekeeper() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  wakes_.notify_all();
  thread_.join();
}

void Housekeeper::Run() {
  auto next_prune = std::chrono::steady_clock::now() + options_.prune_interval;
  for (;;) {
    LookAtDisk();
    if (std::chrono::steady_clock::now() >= next_prune) {
      store::v1::Command prune;
      prune.mutable_prune();
      // One that is refused is made up for by the next.
      options_.post(std::move(prune)).IgnoreError();
      next_prune += options_.prune_interval;
    }
    std::unique_lock<std::mutex> lock(mutex_);
    if (wakes_.wait_for(lock, options_.disk_interval, [this] { return stopping_; })) return;
  }
}

void Housekeeper::LookAtDisk() {
  const absl::StatusOr<int64_t> free = options_.free_bytes();
  // A disk that cannot even be asked is treated as full: no new work until somebody has looked.
  const int64_t bytes = free.ok() ? *free : 0;
  const DiskClass now = ClassifyDisk(bytes);
  if (told_ == now) return;
  store::v1::Command command;
  command.mutable_disk_free()->set_bytes(bytes);
  if (options_.post(std::move(command)).ok()) told_ = now;
}

}  // namespace switchyard::engine
