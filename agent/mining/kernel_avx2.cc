// Eight nonces at a time in 256-bit registers, for processors with neither AVX-512 nor SHA instructions.
#include "agent/mining/kernel.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include <bit>
#include <utility>

#define LANES_TARGET __attribute__((target("avx2"), always_inline))

namespace switchyard::agent::mining {
namespace {

using Vec = __m256i;
constexpr uint32_t kLanes = 8;

LANES_TARGET inline Vec Set(uint32_t x) { return _mm256_set1_epi32(static_cast<int>(x)); }
LANES_TARGET inline Vec Add(Vec a, Vec b) { return _mm256_add_epi32(a, b); }
template <uint32_t X>
LANES_TARGET inline Vec AddConst(Vec a) {
  return Add(a, Set(X));
}
template <int N>
LANES_TARGET inline Vec Ror(Vec x) {
  return _mm256_or_si256(_mm256_srli_epi32(x, N), _mm256_slli_epi32(x, 32 - N));
}
template <int N>
LANES_TARGET inline Vec Shr(Vec x) {
  return _mm256_srli_epi32(x, N);
}
LANES_TARGET inline Vec Xor3(Vec a, Vec b, Vec c) { return _mm256_xor_si256(_mm256_xor_si256(a, b), c); }
LANES_TARGET inline Vec Ch(Vec e, Vec f, Vec g) {
  return _mm256_xor_si256(g, _mm256_and_si256(e, _mm256_xor_si256(f, g)));
}
LANES_TARGET inline Vec Maj(Vec a, Vec b, Vec c) {
  return _mm256_or_si256(_mm256_and_si256(a, b), _mm256_and_si256(c, _mm256_or_si256(a, b)));
}

#include "agent/mining/lanes_scan.inc"

}  // namespace

__attribute__((target("avx2"))) void ScanAvx2(const HashJob& job, uint32_t first, uint32_t count,
                                              std::vector<uint32_t>* candidates) {
  const Vec swap_bytes =
      _mm256_broadcastsi128_si256(_mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3));
  const Vec limit = Set(job.target.top32());
  const Vec lane = _mm256_set_epi32(7, 6, 5, 4, 3, 2, 1, 0);
  const uint32_t whole = count / kLanes * kLanes;
  for (uint32_t done = 0; done < whole; done += kLanes) {
    const Vec nonce = Add(Set(first + done), lane);
    const Vec top = _mm256_shuffle_epi8(Word7(job, _mm256_shuffle_epi8(nonce, swap_bytes)), swap_bytes);
    // AVX2 compares signed words only; unsigned "at most" is: the smaller of the two is the word itself.
    const Vec at_most = _mm256_cmpeq_epi32(_mm256_min_epu32(top, limit), top);
    auto hits = static_cast<uint32_t>(_mm256_movemask_ps(_mm256_castsi256_ps(at_most)));
    for (; hits != 0; hits &= hits - 1) {
      candidates->push_back(first + done + static_cast<uint32_t>(std::countr_zero(hits)));
    }
  }
  if (whole < count) ScanPortable(job, first + whole, count - whole, candidates);
}

}  // namespace switchyard::agent::mining

#endif
