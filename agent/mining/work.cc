#include "agent/mining/work.h"

#include <algorithm>

namespace switchyard::agent::mining {
namespace {

void StoreLittleEndian(uint32_t value, uint8_t* p) {
  for (int i = 0; i < 4; ++i) p[i] = static_cast<uint8_t>(value >> (8 * i));
}

}  // namespace

Digest SwapWords(const Digest& digest) {
  Digest swapped;
  for (size_t i = 0; i < digest.size(); ++i) swapped[i] = digest[(i & ~size_t{3}) | (3 - (i & 3))];
  return swapped;
}

Digest MerkleRoot(const StratumJob& job, std::span<const uint8_t> extranonce1, std::span<const uint8_t> extranonce2) {
  std::vector<uint8_t> coinbase = job.coinbase1;
  coinbase.insert(coinbase.end(), extranonce1.begin(), extranonce1.end());
  coinbase.insert(coinbase.end(), extranonce2.begin(), extranonce2.end());
  coinbase.insert(coinbase.end(), job.coinbase2.begin(), job.coinbase2.end());
  Digest root = Sha256d(coinbase);
  for (const Digest& branch : job.branches) {
    std::array<uint8_t, 64> pair;
    std::copy(branch.begin(), branch.end(), std::copy(root.begin(), root.end(), pair.begin()));
    root = Sha256d(pair);
  }
  return root;
}

Header AssembleHeader(const StratumJob& job, const Digest& merkle_root, uint32_t version, uint32_t ntime,
                      uint32_t nonce) {
  Header header;
  StoreLittleEndian(version, header.data());
  std::copy(job.prevhash.begin(), job.prevhash.end(), header.begin() + 4);
  std::copy(merkle_root.begin(), merkle_root.end(), header.begin() + 36);
  StoreLittleEndian(ntime, header.data() + 68);
  StoreLittleEndian(job.nbits, header.data() + 72);
  StoreLittleEndian(nonce, header.data() + kNonceOffset);
  return header;
}

std::vector<uint8_t> Extranonce2Bytes(uint64_t index, int size) {
  std::vector<uint8_t> bytes(static_cast<size_t>(size));
  for (size_t i = 0; i < bytes.size() && i < 8; ++i)
    bytes[bytes.size() - 1 - i] = static_cast<uint8_t>(index >> (8 * i));
  return bytes;
}

}  // namespace switchyard::agent::mining
