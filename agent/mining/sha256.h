// SHA-256 in portable C++: the reference that every vector kernel of this room is measured against.
//
// Bitcoin's proof of work is SHA-256d, the SHA-256 of the SHA-256 of an 80-byte header. The kernels need the pieces
// (constants, one compression, single rounds) and not only the digest, which is why a library's one-shot function does
// not serve here. Everything is a pure function; any thread may call it.
#ifndef SWITCHYARD_AGENT_MINING_SHA256_H_
#define SWITCHYARD_AGENT_MINING_SHA256_H_

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

namespace switchyard::agent::mining {

using Digest = std::array<uint8_t, 32>;        // bytes in the order in which SHA-256 writes them
using Sha256State = std::array<uint32_t, 8>;   // a..h
using Sha256Block = std::array<uint32_t, 16>;  // one 64-byte block as big-endian words

inline constexpr Sha256State kSha256Initial = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                               0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

// clang-format off
inline constexpr std::array<uint32_t, 64> kSha256Round = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};
// clang-format on

// The six functions of FIPS 180-4, on words known at compile time or not.
constexpr uint32_t BigSigma0(uint32_t x) { return std::rotr(x, 2) ^ std::rotr(x, 13) ^ std::rotr(x, 22); }
constexpr uint32_t BigSigma1(uint32_t x) { return std::rotr(x, 6) ^ std::rotr(x, 11) ^ std::rotr(x, 25); }
constexpr uint32_t SmallSigma0(uint32_t x) { return std::rotr(x, 7) ^ std::rotr(x, 18) ^ (x >> 3); }
constexpr uint32_t SmallSigma1(uint32_t x) { return std::rotr(x, 17) ^ std::rotr(x, 19) ^ (x >> 10); }
constexpr uint32_t Choose(uint32_t x, uint32_t y, uint32_t z) { return z ^ (x & (y ^ z)); }
constexpr uint32_t Majority(uint32_t x, uint32_t y, uint32_t z) { return (x & y) | (z & (x | y)); }

// One round on the state; `word` is the schedule word, `index` chooses the round constant.
constexpr void Sha256Step(Sha256State& s, int index, uint32_t word) {
  const uint32_t t1 = s[7] + BigSigma1(s[4]) + Choose(s[4], s[5], s[6]) + kSha256Round[index] + word;
  const uint32_t t2 = BigSigma0(s[0]) + Majority(s[0], s[1], s[2]);
  s = {t1 + t2, s[0], s[1], s[2], s[3] + t1, s[4], s[5], s[6]};
}

// The compression function: the state after absorbing one block.
Sha256State Compress(const Sha256State& state, Sha256Block block);

// Reads 64 bytes as big-endian words. REQUIRES: bytes.size() == 64.
Sha256Block LoadBlock(std::span<const uint8_t> bytes);

// Writes the state as a digest.
Digest StoreDigest(const Sha256State& state);

Digest Sha256(std::span<const uint8_t> bytes);
Digest Sha256d(std::span<const uint8_t> bytes);

}  // namespace switchyard::agent::mining

#endif  // SWITCHYARD_AGENT_MINING_SHA256_H_
