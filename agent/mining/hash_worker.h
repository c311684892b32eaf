// A hashing thread: takes work from the board, hashes for its duty, and hands in what it finds.
#ifndef SWITCHYARD_AGENT_MINING_HASH_WORKER_H_
#define SWITCHYARD_AGENT_MINING_HASH_WORKER_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <stop_token>

#include "agent/mining/kernel.h"
#include "agent/mining/stratum_session.h"
#include "agent/mining/work_board.h"

namespace switchyard::agent::mining {

// What all hashing threads share. The pointees outlive the threads.
struct WorkerSetting {
  Kernel kernel;
  WorkBoard* board;
  const std::atomic<int>* duty_permille;  // read before every batch
  std::atomic<uint64_t>* hashes;          // grows by every batch
  std::function<void(Share)> submit;      // thread-safe
};

// Hashes until stop is requested. New work, a lower duty and the stop are obeyed after at most one batch, which takes
// about 2 ms and never holds more than kMaxBatch nonces.
void RunHashWorker(const WorkerSetting& setting, std::stop_token stop);

}  // namespace switchyard::agent::mining

#endif  // SWITCHYARD_AGENT_MINING_HASH_WORKER_H_
