// What a pool gives a miner to do, and how it becomes a header: the words of Stratum without its transport.
//
// The byte orders are the trap of this protocol and are undone here once: in a StratumJob everything is as the header
// holds it or as a plain number. Types are immutable once shared; functions are pure.
#ifndef SWITCHYARD_AGENT_MINING_WORK_H_
#define SWITCHYARD_AGENT_MINING_WORK_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/mining/difficulty.h"
#include "agent/mining/hash_job.h"

namespace switchyard::agent::mining {

// The most bytes of a coinbase half and the most merkle branches of one job: blocks have at most 4 MB, so that a path
// of 24 is already more than they can hold, and real coinbase transactions are under 2 kB.
inline constexpr size_t kCoinbaseBytesMax = 32 * 1024;
inline constexpr size_t kBranchesMax = 32;
// ckpool and others hand out 4 or 8 bytes.
inline constexpr int kExtranonceBytesMax = 32;

// One mining.notify.
struct StratumJob {
  std::string id;
  Digest prevhash = {};  // as the header holds it
  std::vector<uint8_t> coinbase1, coinbase2;
  std::vector<Digest> branches;
  uint32_t version = 0, nbits = 0, ntime = 0;
  bool clean = false;  // shares of all earlier jobs are void
};

// A job with all that belongs to it: what the workers hash.
struct Work {
  StratumJob job;
  std::vector<uint8_t> extranonce1;
  int extranonce2_size = 0;
  Difficulty difficulty;
  Uint256 target;  // of that difficulty
  bool version_rolling = false;
  uint32_t version_mask = 0;  // the bits of the version that a share may choose, if version rolling is on
};

// The prevhash of a notify, whose 4-byte groups are swapped, as the header holds it; and back.
Digest SwapWords(const Digest& digest);

// SHA-256d of coinbase1 || extranonce1 || extranonce2 || coinbase2, hashed up along the branches.
Digest MerkleRoot(const StratumJob& job, std::span<const uint8_t> extranonce1, std::span<const uint8_t> extranonce2);

Header AssembleHeader(const StratumJob& job, const Digest& merkle_root, uint32_t version, uint32_t ntime,
                      uint32_t nonce);

// The number `index` as `size` big-endian bytes; what does not fit is left out.
std::vector<uint8_t> Extranonce2Bytes(uint64_t index, int size);

}  // namespace switchyard::agent::mining

#endif  // SWITCHYARD_AGENT_MINING_WORK_H_
