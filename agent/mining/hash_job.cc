#include "agent/mining/hash_job.h"

#include <bit>
#include <span>

namespace switchyard::agent::mining {

HashJob MakeHashJob(const Header& header, const Uint256& target) {
  HashJob job;
  job.target = target;
  job.midstate = Compress(kSha256Initial, LoadBlock(std::span(header).first(64)));
  std::array<uint8_t, 64> tail = {};
  std::copy(header.begin() + 64, header.end(), tail.begin());
  const Sha256Block block = LoadBlock(tail);
  job.w = {block[0], block[1], block[2]};

  Sha256State s = job.midstate;
  for (int i = 0; i < 3; ++i) Sha256Step(s, i, job.w[i]);
  job.after3 = s;
  Sha256Step(s, 3,
             0);  // a and e after round 3 are linear in the nonce word, so that a zero word leaves their constant parts
  job.a4 = s[0];
  job.e4 = s[4];

  // Words 4..15 of the block are the padding of an 80-byte message: one bit, zeros, and its length of 640 bits.
  constexpr uint32_t kPadding = 0x80000000, kBits = 640;
  job.w16 = SmallSigma0(job.w[1]) + job.w[0];
  job.w17 = SmallSigma1(kBits) + SmallSigma0(job.w[2]) + job.w[1];
  job.k16w = job.w16 + kSha256Round[16];
  job.k17w = job.w17 + kSha256Round[17];
  job.w18 = SmallSigma1(job.w16) + job.w[2];
  job.w19 = SmallSigma1(job.w17) + SmallSigma0(kPadding);
  job.w31 = SmallSigma0(job.w16) + kBits;
  job.w32 = SmallSigma0(job.w17) + job.w16;
  return job;
}

Digest HashWithNonce(const HashJob& job, uint32_t nonce) {
  const Sha256State first = Compress(job.midstate, {job.w[0], job.w[1], job.w[2], __builtin_bswap32(nonce), 0x80000000,
                                                    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 640});
  Sha256Block second = {first[0], first[1], first[2], first[3], first[4], first[5], first[6], first[7], 0x80000000};
  second[15] = 256;
  return StoreDigest(Compress(kSha256Initial, second));
}

}  // namespace switchyard::agent::mining
