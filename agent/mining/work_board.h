// Where the pool's thread puts the work of the moment and the hashing threads take it.
//
// Thread-safe. A hashing thread looks at `sequence` between batches, which costs one load; only when it moved does it
// take the lock.
#ifndef SWITCHYARD_AGENT_MINING_WORK_BOARD_H_
#define SWITCHYARD_AGENT_MINING_WORK_BOARD_H_

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <stop_token>

#include "agent/mining/work.h"

namespace switchyard::agent::mining {

class WorkBoard {
 public:
  struct Posted {
    std::shared_ptr<const Work> work;  // null: nothing to hash
    uint64_t sequence = 0;
  };

  // Replaces the work; null takes it away. Every call moves the sequence, so that threads drop what they hash within
  // one batch.
  void Post(std::shared_ptr<const Work> work);

  Posted Current() const;
  uint64_t sequence() const { return sequence_.load(std::memory_order_acquire); }

  // A number never given before by this board: the search space (extranonce2, then ntime) is dealt out to the threads
  // by it, so that no two threads ever hash the same header, nor one thread twice.
  uint64_t NextRoll() { return next_roll_.fetch_add(1, std::memory_order_relaxed); }

  // Returns when the sequence is not `seen` any more, when Wake was called, after `timeout`, or when stop is requested.
  void Wait(uint64_t seen, std::chrono::microseconds timeout, std::stop_token stop);

  // Ends all waits, without a change of work: the duty has changed.
  void Wake();

 private:
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::shared_ptr<const Work> work_;    // guarded by mutex_
  uint64_t wakes_ = 0;                  // guarded by mutex_
  std::atomic<uint64_t> sequence_ = 0;  // written under mutex_
  std::atomic<uint64_t> next_roll_ = 0;
};

}  // namespace switchyard::agent::mining

#endif  // SWITCHYARD_AGENT_MINING_WORK_BOARD_H_
