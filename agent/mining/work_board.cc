#include "agent/mining/work_board.h"

#include <utility>

namespace switchyard::agent::mining {

void WorkBoard::Post(std::shared_ptr<const Work> work) {
  {
    std::lock_guard lock(mutex_);
    work_ = std::move(work);
    sequence_.fetch_add(1, std::memory_order_release);
  }
  changed_.notify_all();
}

WorkBoard::Posted WorkBoard::Current() const {
  std::lock_guard lock(mutex_);
  return {work_, sequence()};
}

void WorkBoard::Wait(uint64_t seen, std::chrono::microseconds timeout, std::stop_token stop) {
  std::unique_lock lock(mutex_);
  const uint64_t wakes = wakes_;
  changed_.wait_for(lock, stop, timeout, [&] { return sequence() != seen || wakes_ != wakes; });
}

void WorkBoard::Wake() {
  {
    std::lock_guard lock(mutex_);
    ++wakes_;
  }
  changed_.notify_all();
}

}  // namespace switchyard::agent::mining
