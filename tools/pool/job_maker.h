// The pool's jobs: blocks that nobody's chain knows, in the form that real ones have.
//
// Coinbase, merkle branches, header fields and byte orders are those of Bitcoin's main chain; only the chain is made
// up. Pure: the time is given, and the same salt makes the same jobs.
#ifndef SWITCHYARD_TOOLS_POOL_JOB_MAKER_H_
#define SWITCHYARD_TOOLS_POOL_JOB_MAKER_H_

#include <cstdint>
#include <string>

#include "agent/mining/work.h"

namespace switchyard::tools::pool {

using agent::mining::Digest;
using agent::mining::StratumJob;

inline constexpr int kExtranonce1Bytes = 4;
inline constexpr int kExtranonce2Bytes = 4;
// Network difficulty 16,307: a share that reaches it is a block, which is rare enough on CPUs not to disturb a
// demonstration.
inline constexpr uint32_t kNetworkBits = 0x1b0404cb;
inline constexpr uint32_t kBlockVersion = 0x20000000;

class JobMaker {
 public:
  // The salt separates the chains of two runs, so that a share of one is never one of the other.
  explicit JobMaker(uint64_t salt);

  // A job on a new block; clean.
  StratumJob NextBlock(uint32_t utc_s);
  // Another job on the same block.
  StratumJob NextJob(uint32_t utc_s);

  uint32_t height() const { return height_; }

 private:
  StratumJob Make(uint32_t utc_s, bool clean);

  const uint64_t salt_;
  uint32_t height_ = 800'000;
  uint64_t job_number_ = 0;
  Digest prevhash_;
};

// The parameters of mining.notify for a job, as JSON text.
std::string NotifyParams(const StratumJob& job);

}  // namespace switchyard::tools::pool

#endif  // SWITCHYARD_TOOLS_POOL_JOB_MAKER_H_
