// Sixteen nonces at a time in 512-bit registers: the eight state words and sixteen schedule words fit the 32 registers,
// and rotations and three-input logic are single instructions. The fastest kernel where the core has a full 512-bit
// data path.
#include "agent/mining/kernel.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include <bit>
#include <utility>

#define LANES_TARGET __attribute__((target("avx512f,avx512bw"), always_inline))

namespace switchyard::agent::mining {
namespace {

using Vec = __m512i;
constexpr uint32_t kLanes = 16;

LANES_TARGET inline Vec Set(uint32_t x) { return _mm512_set1_epi32(static_cast<int>(x)); }
LANES_TARGET inline Vec Add(Vec a, Vec b) { return _mm512_add_epi32(a, b); }
// Adds a constant that the instruction itself broadcasts from memory. Left to itself gcc 12 builds each of the 120
// constants in a register of its own, through the one port that the rotations need.
template <uint32_t X>
LANES_TARGET inline Vec AddConst(Vec a) {
  static constexpr uint32_t kWord = X;
  Vec sum;
  asm("vpaddd %2%{1to16%}, %1, %0" : "=v"(sum) : "v"(a), "m"(kWord));
  return sum;
}
// The zero-masked forms with a full mask are the plain instructions; gcc 12's headers of the unmasked ones raise a
// false -Wmaybe-uninitialized.
template <int N>
LANES_TARGET inline Vec Ror(Vec x) {
  return _mm512_maskz_ror_epi32(0xffff, x, N);
}
template <int N>
LANES_TARGET inline Vec Shr(Vec x) {
  return _mm512_maskz_srli_epi32(0xffff, x, N);
}
// The immediate is the truth table of the function, its index being (a << 2 | b << 1 | c).
LANES_TARGET inline Vec Xor3(Vec a, Vec b, Vec c) { return _mm512_ternarylogic_epi32(a, b, c, 0x96); }
LANES_TARGET inline Vec Ch(Vec e, Vec f, Vec g) { return _mm512_ternarylogic_epi32(e, f, g, 0xca); }
LANES_TARGET inline Vec Maj(Vec a, Vec b, Vec c) { return _mm512_ternarylogic_epi32(a, b, c, 0xe8); }

#include "agent/mining/lanes_scan.inc"

}  // namespace

__attribute__((target("avx512f,avx512bw"))) void ScanAvx512(const HashJob& job, uint32_t first, uint32_t count,
                                                            std::vector<uint32_t>* candidates) {
  const Vec swap_bytes =
      _mm512_maskz_broadcast_i32x4(0xffff, _mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3));
  const Vec limit = Set(job.target.top32());
  const Vec lane = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
  const uint32_t whole = count / kLanes * kLanes;
  for (uint32_t done = 0; done < whole; done += kLanes) {
    const Vec nonce = Add(Set(first + done), lane);
    const Vec top = _mm512_shuffle_epi8(Word7(job, _mm512_shuffle_epi8(nonce, swap_bytes)), swap_bytes);
    for (uint32_t hits = _mm512_cmple_epu32_mask(top, limit); hits != 0; hits &= hits - 1) {
      candidates->push_back(first + done + static_cast<uint32_t>(std::countr_zero(hits)));
    }
  }
  if (whole < count) ScanPortable(job, first + whole, count - whole, candidates);
}

}  // namespace switchyard::agent::mining

#endif
