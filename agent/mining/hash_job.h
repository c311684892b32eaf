// One search of the nonce space: an 80-byte header without its nonce, the target, and everything that can be computed
// once.
//
// Of the two compressions of the first hash only the second sees the nonce (word 3 of its block). The first is kept as
// the midstate; of the second, rounds 0 to 2, the nonce-free part of round 3 and the nonce-free schedule words are kept
// too. A HashJob is immutable once made; any number of threads may scan it at once.
#ifndef SWITCHYARD_AGENT_MINING_HASH_JOB_H_
#define SWITCHYARD_AGENT_MINING_HASH_JOB_H_

#include <array>
#include <cstdint>

#include "agent/mining/sha256.h"
#include "agent/mining/uint256.h"

namespace switchyard::agent::mining {

inline constexpr size_t kHeaderBytes = 80;
inline constexpr size_t kNonceOffset = 76;  // the last four bytes, little-endian
using Header = std::array<uint8_t, kHeaderBytes>;

struct HashJob {
  Uint256 target;             // a hash is a find if it is at most this
  Sha256State midstate;       // after the first 64 bytes
  std::array<uint32_t, 3> w;  // schedule words 0..2 of the second block: end of the merkle root, ntime, nbits
  Sha256State after3;         // the state after rounds 0..2 of the second block
  uint32_t a4, e4;            // words a and e after round 3, less the nonce word
  uint32_t w16, w17;          // schedule words without the nonce
  uint32_t k16w, k17w;        // the same plus their round constants
  uint32_t w18, w19;          // the parts without the nonce: W18 = w18 + s0(nonce word), W19 = w19 + nonce word
  uint32_t w31, w32;          // the constant parts of W31 and W32
};

// Prepares a search; the nonce bytes of `header` are ignored.
HashJob MakeHashJob(const Header& header, const Uint256& target);

// The hash of the job's header with this nonce, by the portable code; for verifying what a kernel claims.
Digest HashWithNonce(const HashJob& job, uint32_t nonce);

}  // namespace switchyard::agent::mining

#endif  // SWITCHYARD_AGENT_MINING_HASH_JOB_H_
