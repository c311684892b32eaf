// The kernels: programs for the inner loop of mining, each for another set of instructions, all with one meaning.
//
// Which of them may run is asked of the processor and the operating system at run time (CPUID, XGETBV), never of build
// flags; which of them does run is measured, because wider is not always faster. A kernel that fails its self-test is
// never used. Kernels are immutable and have no state: any number of threads may scan at once.
#ifndef SWITCHYARD_AGENT_MINING_KERNEL_H_
#define SWITCHYARD_AGENT_MINING_KERNEL_H_

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/mining/hash_job.h"

namespace switchyard::agent::mining {

// The most nonces of one Scan. A stop flag, a new job or the end of a duty slice is seen between two scans, so that
// this bounds the delay: 1.2 ms at 52 MH/s, 22 ms at 3 MH/s.
inline constexpr uint32_t kMaxBatch = 1u << 16;

struct ScanResult {
  uint64_t hashes = 0;  // nonces tried
  std::vector<uint32_t>
      nonces;  // finds, ascending: the header's hash with this nonce is at most the target; nearly always empty
};

// Finds the nonces in [first, first + count) whose last digest word does not rule them out; `candidates` gets them
// ascending.
using ScanFunction = void (*)(const HashJob& job, uint32_t first, uint32_t count, std::vector<uint32_t>* candidates);

class Kernel {
 public:
  constexpr Kernel(const char* name, ScanFunction scan) : name_(name), scan_(scan) {}

  std::string_view name() const { return name_; }

  // Tries every nonce of [first_nonce, first_nonce + count); each find is verified with the portable code.
  // REQUIRES: count <= 2^32 - first_nonce.
  ScanResult Scan(const HashJob& job, uint32_t first_nonce, uint32_t count) const;

  // Whether the kernel finds the nonce of block 125552 and nothing else around it, at every alignment to its lanes, and
  // agrees with the portable code on an easy target. Some 20,000 hashes.
  bool SelfTest() const;

  // Hashes a second of one thread, measured over `span` on work that has no find.
  double Measure(absl::Duration span) const;

 private:
  const char* name_;
  ScanFunction scan_;
};

// Every kernel that this machine can run, "portable" first. The set is fixed at the first call.
std::span<const Kernel> UsableKernels();

// The usable kernel of that name, after its self-test. NOT_FOUND names those that are usable here.
absl::StatusOr<Kernel> FindKernel(std::string_view name);

// The fastest usable kernel that passes its self-test, by a benchmark of `span` each. INTERNAL if none passes, which
// means a broken machine: the portable kernel needs nothing but correct arithmetic.
absl::StatusOr<Kernel> ChooseKernel(absl::Duration span = absl::Milliseconds(40));

// The scan functions themselves; call them through Kernel. The vector ones exist on x86-64 only.
void ScanPortable(const HashJob& job, uint32_t first, uint32_t count, std::vector<uint32_t>* candidates);
void ScanShaNi(const HashJob& job, uint32_t first, uint32_t count, std::vector<uint32_t>* candidates);
void ScanAvx2(const HashJob& job, uint32_t first, uint32_t count, std::vector<uint32_t>* candidates);
void ScanAvx512(const HashJob& job, uint32_t first, uint32_t count, std::vector<uint32_t>* candidates);

}  // namespace switchyard::agent::mining

#endif  // SWITCHYARD_AGENT_MINING_KERNEL_H_
