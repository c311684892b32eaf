// Four nonces at a time with the SHA instructions. One stream waits for the latency of sha256rnds2 (4 cycles for two
// rounds, one can start every 2), so that four independent streams are interleaved by hand; more would not fit the 16
// registers.
#include "agent/mining/kernel.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include <utility>

#define SHANI_TARGET __attribute__((target("sha,sse4.1,ssse3"), always_inline))

namespace switchyard::agent::mining {
namespace {

constexpr int kStreams = 4;
using Vec = __m128i;

SHANI_TARGET inline Vec Load(const uint32_t* p) { return _mm_loadu_si128(reinterpret_cast<const Vec*>(p)); }
SHANI_TARGET inline Vec RoundConstants(int quad) { return Load(kSha256Round.data() + 4 * quad); }

// The instructions keep a state as two halves in an order of their own: x = {f, e, b, a} and y = {h, g, d, c}, lowest
// lane first.
struct Half {
  Vec x[kStreams], y[kStreams];
};

// Four rounds of every stream; kw[i] is round constants + words.
SHANI_TARGET inline void FourRounds(Half& s, const Vec (&kw)[kStreams]) {
  for (int i = 0; i < kStreams; ++i) s.y[i] = _mm_sha256rnds2_epu32(s.y[i], s.x[i], kw[i]);
  for (int i = 0; i < kStreams; ++i) {
    s.x[i] = _mm_sha256rnds2_epu32(s.x[i], s.y[i], _mm_shuffle_epi32(kw[i], 0x0e));
  }
}

// Rounds 4q..4q+3 with words already in m[q & 3]; then those four words' place takes the words of 4q+16..4q+19.
template <int Q, bool kExpand>
SHANI_TARGET inline void Quad(Half& s, Vec (&m)[4][kStreams]) {
  Vec kw[kStreams];
  for (int i = 0; i < kStreams; ++i) kw[i] = _mm_add_epi32(m[Q & 3][i], RoundConstants(Q));
  FourRounds(s, kw);
  if constexpr (kExpand) {
    for (int i = 0; i < kStreams; ++i) {
      const Vec w7 = _mm_alignr_epi8(m[(Q + 3) & 3][i], m[(Q + 2) & 3][i], 4);
      const Vec sum = _mm_add_epi32(_mm_sha256msg1_epu32(m[Q & 3][i], m[(Q + 1) & 3][i]), w7);
      m[Q & 3][i] = _mm_sha256msg2_epu32(sum, m[(Q + 3) & 3][i]);
    }
  }
}

template <int... Q>
SHANI_TARGET inline void ExpandingQuads(Half& s, Vec (&m)[4][kStreams], std::integer_sequence<int, Q...>) {
  (Quad<Q, true>(s, m), ...);
}

// What is the same for every nonce of a job, in the order of the instructions.
struct Prepared {
  Vec mid_x, mid_y;    // the midstate as halves
  Vec w0, w1, w2, w3;  // the second block; the nonce is added to lane 3 of w0
};

SHANI_TARGET inline Prepared Prepare(const HashJob& job) {
  const Sha256State& m = job.midstate;
  auto words = [](uint32_t a, uint32_t b, uint32_t c, uint32_t d) __attribute__((target("sha,sse4.1,ssse3"))) {
    return _mm_set_epi32(static_cast<int>(d), static_cast<int>(c), static_cast<int>(b), static_cast<int>(a));
  };
  return {words(m[5], m[4], m[1], m[0]),
          words(m[7], m[6], m[3], m[2]),
          words(job.w[0], job.w[1], job.w[2], 0),
          words(0x80000000, 0, 0, 0),
          words(0, 0, 0, 0),
          words(0, 0, 0, 640)};
}

// The last digest words of SHA-256d for the nonces first..first+3, as the numbers that are compared with the target's
// top.
SHANI_TARGET inline void Tops(const Prepared& job, uint32_t first, uint32_t (&tops)[kStreams]) {
  Half s;
  Vec m[4][kStreams];
  for (int i = 0; i < kStreams; ++i) {
    s.x[i] = job.mid_x, s.y[i] = job.mid_y;
    m[0][i] = _mm_insert_epi32(job.w0, static_cast<int>(__builtin_bswap32(first + i)), 3);
    m[1][i] = job.w1, m[2][i] = job.w2, m[3][i] = job.w3;
  }
  ExpandingQuads(s, m, std::make_integer_sequence<int, 12>());
  Quad<12, false>(s, m), Quad<13, false>(s, m), Quad<14, false>(s, m), Quad<15, false>(s, m);

  const Vec padding = _mm_set_epi32(0, 0, 0, static_cast<int>(0x80000000));
  const Vec bits = _mm_set_epi32(256, 0, 0, 0);
  const Vec iv_x = _mm_set_epi32(0x6a09e667, static_cast<int>(0xbb67ae85), 0x510e527f, static_cast<int>(0x9b05688c));
  const Vec iv_y = _mm_set_epi32(0x3c6ef372, static_cast<int>(0xa54ff53a), 0x1f83d9ab, 0x5be0cd19);
  for (int i = 0; i < kStreams; ++i) {
    const Vec x = _mm_shuffle_epi32(_mm_add_epi32(s.x[i], job.mid_x), 0x1b);  // {a, b, e, f}
    const Vec y = _mm_shuffle_epi32(_mm_add_epi32(s.y[i], job.mid_y), 0x1b);  // {c, d, g, h}
    m[0][i] = _mm_unpacklo_epi64(x, y);
    m[1][i] = _mm_unpackhi_epi64(x, y);
    m[2][i] = padding, m[3][i] = bits;
    s.x[i] = iv_x, s.y[i] = iv_y;
  }
  ExpandingQuads(s, m, std::make_integer_sequence<int, 12>());
  Quad<12, false>(s, m), Quad<13, false>(s, m), Quad<14, false>(s, m);
  // Word h of the end is word e after round 60. Two rounds (60 and 61) make {f, e, b, a}: the e of round 60 is f now.
  for (int i = 0; i < kStreams; ++i) {
    const Vec last = _mm_sha256rnds2_epu32(s.y[i], s.x[i], _mm_add_epi32(m[3][i], RoundConstants(15)));
    tops[i] = __builtin_bswap32(static_cast<uint32_t>(_mm_cvtsi128_si32(last)) + kSha256Initial[7]);
  }
}

}  // namespace

__attribute__((target("sha,sse4.1,ssse3"))) void ScanShaNi(const HashJob& job, uint32_t first, uint32_t count,
                                                           std::vector<uint32_t>* candidates) {
  const Prepared prepared = Prepare(job);
  const uint32_t limit = job.target.top32();
  const uint32_t whole = count / kStreams * kStreams;
  for (uint32_t done = 0; done < whole; done += kStreams) {
    uint32_t tops[kStreams];
    Tops(prepared, first + done, tops);
    for (uint32_t i = 0; i < kStreams; ++i) {
      if (tops[i] <= limit) candidates->push_back(first + done + i);
    }
  }
  if (whole < count) ScanPortable(job, first + whole, count - whole, candidates);
}

}  // namespace switchyard::agent::mining

#endif
