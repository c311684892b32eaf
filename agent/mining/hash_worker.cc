#include "agent/mining/hash_worker.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "agent/mining/duty_cycle.h"

namespace switchyard::agent::mining {
namespace {

// The aim for the length of a batch: short against the duty period, so that even a duty of a few percent is kept.
constexpr int64_t kBatchMicros = 2000;
constexpr uint32_t kFirstBatch = 1024;
constexpr uint64_t kNonces = uint64_t{1} << 32;

int64_t NowMicros() {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// One header's nonce space. Rolls beyond the extranonce2 space continue in ntime, one second on per wrap.
struct Search {
  std::shared_ptr<const Work> work;
  std::vector<uint8_t> extranonce2;
  uint32_t ntime;
  HashJob job;

  Search(std::shared_ptr<const Work> given, uint64_t roll) : work(std::move(given)) {
    const int bits = std::min(work->extranonce2_size * 8, 64);
    const uint64_t wraps = bits == 64 ? 0 : roll >> bits;
    extranonce2 = Extranonce2Bytes(roll, work->extranonce2_size);
    ntime = work->job.ntime + static_cast<uint32_t>(wraps);
    const Digest root = MerkleRoot(work->job, work->extranonce1, extranonce2);
    job = MakeHashJob(AssembleHeader(work->job, root, work->job.version, ntime, 0), work->target);
  }
};

class Worker {
 public:
  Worker(const WorkerSetting& setting, std::stop_token stop)
      : setting_(setting), stop_(std::move(stop)), duty_(NowMicros()) {}

  void Run() {
    while (!stop_.stop_requested()) {
      WorkBoard::Posted posted = setting_.board->Current();
      if (posted.work == nullptr) {
        setting_.board->Wait(posted.sequence, std::chrono::seconds(1), stop_);
        continue;
      }
      // The header is made only when there is leave to hash, so that a duty of zero uses no roll.
      if (!RestUntilAllowed(posted.sequence)) continue;
      HashAll(Search(std::move(posted.work), setting_.board->NextRoll()), posted.sequence);
    }
  }

 private:
  bool Current(uint64_t sequence) const { return setting_.board->sequence() == sequence && !stop_.stop_requested(); }

  // Rests as the duty demands; false if the work changed meanwhile.
  bool RestUntilAllowed(uint64_t sequence) {
    while (Current(sequence)) {
      const int permille = setting_.duty_permille->load(std::memory_order_relaxed);
      const int64_t now = NowMicros();
      if (duty_.HashFor(now, permille) > 0) return true;
      setting_.board->Wait(sequence, std::chrono::microseconds(duty_.RestFor(now, permille)), stop_);
    }
    return false;
  }

  void HashAll(const Search& search, uint64_t sequence) {
    for (uint64_t nonce = 0; nonce < kNonces;) {
      if (!RestUntilAllowed(sequence)) return;
      const int64_t before = NowMicros();
      const int permille = setting_.duty_permille->load(std::memory_order_relaxed);
      const int64_t allowed = std::min(duty_.HashFor(before, permille), kBatchMicros);
      const uint64_t fit = static_cast<uint64_t>(nonces_per_ms_ * allowed / 1000);
      const auto count =
          static_cast<uint32_t>(std::min<uint64_t>({std::max<uint64_t>(fit, 64), kMaxBatch, kNonces - nonce}));
      const ScanResult result = setting_.kernel.Scan(search.job, static_cast<uint32_t>(nonce), count);
      const int64_t spent = std::max<int64_t>(NowMicros() - before, 1);
      duty_.Spend(spent);
      // Smoothed, so that one batch that was interrupted by the system does not halve the next ones.
      nonces_per_ms_ = std::max<int64_t>((nonces_per_ms_ * 3 + int64_t{count} * 1000 / spent) / 4, 1);
      setting_.hashes->fetch_add(result.hashes, std::memory_order_relaxed);
      for (const uint32_t found : result.nonces) {
        setting_.submit({search.work, search.extranonce2, search.ntime, found, search.work->job.version});
      }
      nonce += count;
    }
  }

  const WorkerSetting& setting_;
  const std::stop_token stop_;
  DutyCycle duty_;
  int64_t nonces_per_ms_ = kFirstBatch;
};

}  // namespace

void RunHashWorker(const WorkerSetting& setting, std::stop_token stop) { Worker(setting, std::move(stop)).Run(); }

}  // namespace switchyard::agent::mining
