#include "tools/pool/share_judge.h"

#include <openssl/sha.h>

#include "agent/mining/hex.h"

namespace switchyard::tools::pool {
namespace {

using agent::mining::Digest;
using agent::mining::Header;
using agent::mining::ParseHex;
using agent::mining::ParseHex32;
using agent::mining::StratumJob;
using agent::mining::Uint256;

Digest LibrarySha256(const uint8_t* data, size_t size) {
  Digest digest;
  SHA256(data, size, digest.data());
  return digest;
}

// The merkle root by the library too: nothing that the miner computes is taken from the miner's code but the order of
// the header's fields.
Digest LibraryMerkleRoot(const StratumJob& job, const std::vector<uint8_t>& extranonce1,
                         const std::vector<uint8_t>& extranonce2) {
  std::vector<uint8_t> coinbase = job.coinbase1;
  for (const std::vector<uint8_t>* part : {&extranonce1, &extranonce2, &job.coinbase2}) {
    coinbase.insert(coinbase.end(), part->begin(), part->end());
  }
  Digest root = LibrarySha256(coinbase.data(), coinbase.size());
  root = LibrarySha256(root.data(), root.size());
  for (const Digest& branch : job.branches) {
    std::vector<uint8_t> pair(root.begin(), root.end());
    pair.insert(pair.end(), branch.begin(), branch.end());
    root = LibrarySha256(pair.data(), pair.size());
    root = LibrarySha256(root.data(), root.size());
  }
  return root;
}

Verdict Refuse(int code, std::string text) {
  Verdict verdict;
  verdict.code = code;
  verdict.text = std::move(text);
  return verdict;
}

}  // namespace

Digest LibrarySha256d(const Header& header) {
  const Digest once = LibrarySha256(header.data(), header.size());
  return LibrarySha256(once.data(), once.size());
}

void ShareJudge::AddJob(const StratumJob& job) {
  if (job.clean) {
    jobs_.clear();
    accepted_.clear();
  }
  jobs_[job.id] = job;
}

Verdict ShareJudge::Judge(const SubmittedShare& share, const MinerTerms& terms, uint32_t utc_s) {
  const auto found = jobs_.find(share.job);
  if (found == jobs_.end()) return Refuse(kCodeStale, "Stale or unknown job");
  const StratumJob& job = found->second;

  const auto extranonce2 = ParseHex(share.extranonce2);
  const auto ntime = ParseHex32(share.ntime), nonce = ParseHex32(share.nonce);
  if (!extranonce2.ok() || !ntime.ok() || !nonce.ok()) return Refuse(kCodeOther, "Malformed hex");
  // The size is part of the coinbase script's length: another size would be another transaction.
  if (extranonce2->size() != extranonce2_bytes_) return Refuse(kCodeOther, "Wrong extranonce2 size");
  if (*ntime < job.ntime || *ntime > utc_s + kTimeAheadSecondsMax) return Refuse(kCodeOther, "Ntime out of range");
  uint32_t version = job.version;
  if (terms.version_rolling) {
    const auto bits = ParseHex32(share.version_bits);
    if (!share.has_version_bits || !bits.ok() || (*bits & ~terms.version_mask) != 0)
      return Refuse(kCodeOther, "Invalid version mask");
    version = (job.version & ~terms.version_mask) | *bits;
  }

  Verdict verdict;
  const Digest root = LibraryMerkleRoot(job, terms.extranonce1, *extranonce2);
  verdict.header = AssembleHeader(job, root, version, *ntime, *nonce);
  const Digest digest = LibrarySha256d(verdict.header);
  verdict.hash = Uint256::FromDigest(digest);
  if (accepted_.contains(digest)) return Refuse(kCodeDuplicate, "Duplicate");
  if (verdict.hash > terms.difficulty.Target()) return Refuse(kCodeLowDifficulty, "Above target");
  accepted_.insert(digest);
  const auto network = agent::mining::NetworkTarget(job.nbits);
  verdict.block = network.ok() && verdict.hash <= *network;
  return verdict;
}

}  // namespace switchyard::tools::pool
