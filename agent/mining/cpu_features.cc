#include "agent/mining/cpu_features.h"

#include <cstdint>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace switchyard::agent::mining {

#if defined(__x86_64__)

namespace {

// Register XCR0: which parts of the register file the operating system saves. REQUIRES: CPUID says OSXSAVE.
uint64_t ReadXcr0() {
  uint32_t low = 0, high = 0;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t{high} << 32 | low;
}

bool Bit(uint32_t word, int bit) { return (word >> bit & 1) != 0; }

}  // namespace

CpuFeatures DetectCpuFeatures() {
  uint32_t a = 0, b = 0, c = 0, d = 0;
  if (!__get_cpuid(1, &a, &b, &c, &d)) return {};
  const bool ssse3 = Bit(c, 9), sse41 = Bit(c, 19), osxsave = Bit(c, 27);
  const uint64_t saved = osxsave ? ReadXcr0() : 0;
  constexpr uint64_t kXmmYmm = 0x6, kXmmYmmMaskZmm = 0xe6;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return {};
  CpuFeatures features;
  features.sha_ni = Bit(b, 29) && ssse3 && sse41;
  features.avx2 = Bit(b, 5) && (saved & kXmmYmm) == kXmmYmm;
  features.avx512 = Bit(b, 16) && Bit(b, 30) && (saved & kXmmYmmMaskZmm) == kXmmYmmMaskZmm;
  return features;
}

#else

CpuFeatures DetectCpuFeatures() { return {}; }

#endif

}  // namespace switchyard::agent::mining
