#include "tools/pool/job_maker.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "agent/mining/hex.h"
#include "agent/mining/sha256.h"

namespace switchyard::tools::pool {
namespace {

using agent::mining::Sha256d;
using agent::mining::ToHex;
using agent::mining::ToHex32;

constexpr int kBranches = 3;  // as of a block of up to eight transactions

Digest NamedDigest(std::string_view name, uint64_t salt, uint64_t number) {
  const std::string text = fmt::format("{}/{}/{}", name, salt, number);
  return Sha256d(std::span(reinterpret_cast<const uint8_t*>(text.data()), text.size()));
}

void Append(std::vector<uint8_t>& bytes, uint64_t value, int count) {
  for (int i = 0; i < count; ++i) bytes.push_back(static_cast<uint8_t>(value >> (8 * i)));
}

void Append(std::vector<uint8_t>& bytes, std::string_view text) { bytes.insert(bytes.end(), text.begin(), text.end()); }

}  // namespace

JobMaker::JobMaker(uint64_t salt) : salt_(salt), prevhash_(NamedDigest("block", salt, height_)) {}

StratumJob JobMaker::NextBlock(uint32_t utc_s) {
  ++height_;
  prevhash_ = NamedDigest("block", salt_, height_);
  return Make(utc_s, /*clean=*/true);
}

StratumJob JobMaker::NextJob(uint32_t utc_s) { return Make(utc_s, /*clean=*/false); }

StratumJob JobMaker::Make(uint32_t utc_s, bool clean) {
  ++job_number_;
  StratumJob job;
  job.id = fmt::format("{:x}", job_number_);
  job.prevhash = prevhash_;
  job.version = kBlockVersion;
  job.nbits = kNetworkBits;
  job.ntime = utc_s;
  job.clean = clean;
  for (int i = 0; i < kBranches; ++i) job.branches.push_back(NamedDigest("branch", salt_, job_number_ * kBranches + i));

  // One input that spends nothing; its script holds the height (BIP34), the job's number, the two extranonces and the
  // pool's name.
  constexpr std::string_view kName = "/switchyard-pool/";
  constexpr int kHeightBytes = 3, kNumberBytes = 8;
  constexpr size_t kScriptBytes =
      1 + kHeightBytes + 1 + kNumberBytes + kExtranonce1Bytes + kExtranonce2Bytes + kName.size();
  std::vector<uint8_t>& front = job.coinbase1;
  Append(front, 1, 4);                  // transaction version
  Append(front, 1, 1);                  // inputs
  front.insert(front.end(), 32, 0x00);  // the null output
  Append(front, 0xffffffff, 4);
  Append(front, kScriptBytes, 1);
  Append(front, kHeightBytes, 1);
  Append(front, height_, kHeightBytes);
  Append(front, kNumberBytes + kExtranonce1Bytes + kExtranonce2Bytes, 1);
  Append(front, job_number_, kNumberBytes);
  std::vector<uint8_t>& back = job.coinbase2;
  Append(back, kName);
  Append(back, 0xffffffff, 4);   // sequence
  Append(back, 1, 1);            // outputs
  Append(back, 312'500'000, 8);  // satoshi: the subsidy of this height
  Append(back, 1, 1);            // a script of one byte,
  Append(back, 0x51, 1);         // OP_TRUE: these coins are nobody's
  Append(back, 0, 4);            // lock time
  return job;
}

std::string NotifyParams(const StratumJob& job) {
  nlohmann::json branches = nlohmann::json::array();
  for (const Digest& branch : job.branches) branches.push_back(ToHex(branch));
  return nlohmann::json::array({job.id, ToHex(agent::mining::SwapWords(job.prevhash)), ToHex(job.coinbase1),
                                ToHex(job.coinbase2), branches, ToHex32(job.version), ToHex32(job.nbits),
                                ToHex32(job.ntime), job.clean})
      .dump();
}

}  // namespace switchyard::tools::pool
