#include "agent/mining/sha256.h"

#include <algorithm>
#include <cstring>

#include "common/check.h"

namespace switchyard::agent::mining {
namespace {

uint32_t LoadBigEndian(const uint8_t* p) {
  return uint32_t{p[0]} << 24 | uint32_t{p[1]} << 16 | uint32_t{p[2]} << 8 | uint32_t{p[3]};
}

void StoreBigEndian(uint32_t value, uint8_t* p) {
  for (int i = 0; i < 4; ++i) p[i] = static_cast<uint8_t>(value >> (24 - 8 * i));
}

}  // namespace

Sha256State Compress(const Sha256State& state, Sha256Block w) {
  Sha256State s = state;
  for (int i = 0; i < 64; ++i) {
    if (i >= 16) w[i & 15] += SmallSigma1(w[(i - 2) & 15]) + w[(i - 7) & 15] + SmallSigma0(w[(i - 15) & 15]);
    Sha256Step(s, i, w[i & 15]);
  }
  for (size_t i = 0; i < s.size(); ++i) s[i] += state[i];
  return s;
}

Sha256Block LoadBlock(std::span<const uint8_t> bytes) {
  SWITCHYARD_CHECK(bytes.size() == 64) << "a SHA-256 block of " << bytes.size() << " bytes";
  Sha256Block block;
  for (size_t i = 0; i < block.size(); ++i) block[i] = LoadBigEndian(bytes.data() + 4 * i);
  return block;
}

Digest StoreDigest(const Sha256State& state) {
  Digest digest;
  for (size_t i = 0; i < state.size(); ++i) StoreBigEndian(state[i], digest.data() + 4 * i);
  return digest;
}

Digest Sha256(std::span<const uint8_t> bytes) {
  Sha256State state = kSha256Initial;
  const uint64_t bits = static_cast<uint64_t>(bytes.size()) * 8;
  for (; bytes.size() >= 64; bytes = bytes.subspan(64)) state = Compress(state, LoadBlock(bytes.first(64)));

  // Padding: one bit, zeros, and the length in bits in the last 8 bytes of a block; a rest above 55 bytes needs a
  // second block.
  std::array<uint8_t, 128> tail = {};
  std::copy(bytes.begin(), bytes.end(), tail.begin());
  tail[bytes.size()] = 0x80;
  const size_t padded = bytes.size() < 56 ? 64 : 128;
  for (int i = 0; i < 8; ++i) tail[padded - 1 - i] = static_cast<uint8_t>(bits >> (8 * i));
  for (size_t at = 0; at < padded; at += 64) state = Compress(state, LoadBlock(std::span(tail).subspan(at, 64)));
  return StoreDigest(state);
}

Digest Sha256d(std::span<const uint8_t> bytes) {
  const Digest once = Sha256(bytes);
  return Sha256(once);
}

}  // namespace switchyard::agent::mining
