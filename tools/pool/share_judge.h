// The judge of shares: rebuilds the header that a share claims, hashes it with a library that shares no code with the
// miner's kernels, and says yes or which of Stratum's codes.
//
// Pure and single-threaded: the time is given. It remembers the jobs of the current block and every share accepted for
// them.
#ifndef SWITCHYARD_TOOLS_POOL_SHARE_JUDGE_H_
#define SWITCHYARD_TOOLS_POOL_SHARE_JUDGE_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "agent/mining/work.h"

namespace switchyard::tools::pool {

// Codes of the Stratum convention.
inline constexpr int kCodeOther = 20, kCodeStale = 21, kCodeDuplicate = 22, kCodeLowDifficulty = 23,
                     kCodeUnauthorized = 24, kCodeNotSubscribed = 25;
// A header's time may run ahead of the pool's clock by what the network allows.
inline constexpr uint32_t kTimeAheadSecondsMax = 7200;

// The parameters of mining.submit, as they came.
struct SubmittedShare {
  std::string job, extranonce2, ntime, nonce, version_bits;
  bool has_version_bits = false;
};

// What the judge must know of the connection that the share came on.
struct MinerTerms {
  std::vector<uint8_t> extranonce1;
  // The easiest difficulty under which the share may stand: that in force at its job's notify, or a lower one told
  // since.
  agent::mining::Difficulty difficulty;
  bool version_rolling = false;
  uint32_t version_mask = 0;
};

struct Verdict {
  int code = 0;  // 0: accepted
  std::string text;
  agent::mining::Header header = {};
  agent::mining::Uint256 hash;
  bool block = false;  // the hash reaches the network's target too
};

class ShareJudge {
 public:
  explicit ShareJudge(size_t extranonce2_bytes) : extranonce2_bytes_(extranonce2_bytes) {}

  // From now on shares of this job are judged; a clean one voids all earlier jobs.
  void AddJob(const agent::mining::StratumJob& job);

  // Judges a share and remembers it if it is good.
  Verdict Judge(const SubmittedShare& share, const MinerTerms& terms, uint32_t utc_s);

 private:
  const size_t extranonce2_bytes_;
  std::map<std::string, agent::mining::StratumJob> jobs_;  // of the current block
  std::set<agent::mining::Digest> accepted_;               // hashes of the current block's shares
};

// SHA-256d by OpenSSL.
agent::mining::Digest LibrarySha256d(const agent::mining::Header& header);

}  // namespace switchyard::tools::pool

#endif  // SWITCHYARD_TOOLS_POOL_SHARE_JUDGE_H_
