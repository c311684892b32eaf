// One nonce at a time in plain C++, with the savings of every kernel: for machines without vector units that we know,
// and as the code that finishes what does not fill a vector.
#include <bit>
#include <utility>

#include "agent/mining/kernel.h"

#define LANES_TARGET __attribute__((always_inline))

namespace switchyard::agent::mining {
namespace {

using Vec = uint32_t;

LANES_TARGET inline Vec Set(uint32_t x) { return x; }
LANES_TARGET inline Vec Add(Vec a, Vec b) { return a + b; }
template <uint32_t X>
LANES_TARGET inline Vec AddConst(Vec a) {
  return a + X;
}
template <int N>
LANES_TARGET inline Vec Ror(Vec x) {
  return std::rotr(x, N);
}
template <int N>
LANES_TARGET inline Vec Shr(Vec x) {
  return x >> N;
}
LANES_TARGET inline Vec Xor3(Vec a, Vec b, Vec c) { return a ^ b ^ c; }
LANES_TARGET inline Vec Ch(Vec e, Vec f, Vec g) { return Choose(e, f, g); }
LANES_TARGET inline Vec Maj(Vec a, Vec b, Vec c) { return Majority(a, b, c); }

#include "agent/mining/lanes_scan.inc"

}  // namespace

void ScanPortable(const HashJob& job, uint32_t first, uint32_t count, std::vector<uint32_t>* candidates) {
  const uint32_t limit = job.target.top32();
  for (uint32_t done = 0; done < count; ++done) {
    const uint32_t nonce = first + done;
    if (__builtin_bswap32(Word7(job, __builtin_bswap32(nonce))) <= limit) candidates->push_back(nonce);
  }
}

}  // namespace switchyard::agent::mining
