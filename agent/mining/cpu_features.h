// What the processor offers and the operating system saves: the two questions behind every vector instruction.
#ifndef SWITCHYARD_AGENT_MINING_CPU_FEATURES_H_
#define SWITCHYARD_AGENT_MINING_CPU_FEATURES_H_

namespace switchyard::agent::mining {

struct CpuFeatures {
  bool sha_ni = false;  // SHA instructions, with SSSE3 and SSE4.1
  bool avx2 = false;    // and the system saves the ymm registers
  bool avx512 = false;  // F and BW, and the system saves the zmm and mask registers
};

// Asks CPUID and XGETBV; all false on anything but x86-64.
CpuFeatures DetectCpuFeatures();

}  // namespace switchyard::agent::mining

#endif  // SWITCHYARD_AGENT_MINING_CPU_FEATURES_H_
