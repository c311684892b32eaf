#include "agent/mining/kernel.h"

#include <fmt/format.h>

#include <chrono>
#include <string>

#include "agent/mining/cpu_features.h"
#include "common/check.h"

namespace switchyard::agent::mining {
namespace {

// Block 125552 of the main chain, whose nonce is 0x9546a142.
constexpr Header kVector = {0x01, 0x00, 0x00, 0x00, 0x81, 0xcd, 0x02, 0xab, 0x7e, 0x56, 0x9e, 0x8b, 0xcd, 0x93,
                            0x17, 0xe2, 0xfe, 0x99, 0xf2, 0xde, 0x44, 0xd4, 0x9a, 0xb2, 0xb8, 0x85, 0x1b, 0xa4,
                            0xa3, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xe3, 0x20, 0xb6, 0xc2, 0xff, 0xfc,
                            0x8d, 0x75, 0x04, 0x23, 0xdb, 0x8b, 0x1e, 0xb9, 0x42, 0xae, 0x71, 0x0e, 0x95, 0x1e,
                            0xd7, 0x97, 0xf7, 0xaf, 0xfc, 0x88, 0x92, 0xb0, 0xf1, 0xfc, 0x12, 0x2b, 0xc7, 0xf5,
                            0xd7, 0x4d, 0xf2, 0xb9, 0x44, 0x1a, 0x42, 0xa1, 0x46, 0x95};
constexpr uint32_t kVectorNonce = 0x9546a142;
// The network's target for that block, from its nbits 1a44b9f2.
constexpr Uint256 kVectorTarget = {{0, 0, 0xf200000000000000, 0x00000000000044b9}};

std::vector<Kernel> ProbeMachine() {
  std::vector<Kernel> kernels = {Kernel("portable", ScanPortable)};
#if defined(__x86_64__)
  const CpuFeatures cpu = DetectCpuFeatures();
  if (cpu.avx2) kernels.emplace_back("avx2", ScanAvx2);
  if (cpu.sha_ni) kernels.emplace_back("shani", ScanShaNi);
  if (cpu.avx512) kernels.emplace_back("avx512", ScanAvx512);
#endif
  return kernels;
}

}  // namespace

ScanResult Kernel::Scan(const HashJob& job, uint32_t first_nonce, uint32_t count) const {
  SWITCHYARD_CHECK(uint64_t{first_nonce} + count <= uint64_t{1} << 32) << first_nonce << " + " << count;
  ScanResult result;
  result.hashes = count;
  scan_(job, first_nonce, count, &result.nonces);
  std::erase_if(result.nonces,
                [&](uint32_t nonce) { return Uint256::FromDigest(HashWithNonce(job, nonce)) > job.target; });
  return result;
}

bool Kernel::SelfTest() const {
  const HashJob block = MakeHashJob(kVector, kVectorTarget);
  // Every place of the nonce in a vector of up to 16 lanes, and in the rest that does not fill one.
  for (uint32_t before = 0; before < 33; ++before) {
    for (const uint32_t count : {before + 1, before + 200}) {
      if (Scan(block, kVectorNonce - before, count).nonces != std::vector<uint32_t>{kVectorNonce}) return false;
    }
  }
  // A target with one find in 64 hashes: wrong finds would be dropped by the verification, missed ones show here.
  const HashJob easy = MakeHashJob(kVector, Uint256{{0, 0, 0, uint64_t{1} << 58}});
  std::vector<uint32_t> expected;
  for (uint32_t nonce = 0; nonce < 2003; ++nonce) {
    if (Uint256::FromDigest(HashWithNonce(easy, nonce)) <= easy.target) expected.push_back(nonce);
  }
  return Scan(easy, 0, 2003).nonces == expected;
}

double Kernel::Measure(absl::Duration span) const {
  const HashJob job = MakeHashJob(kVector, Uint256{});  // a zero target: nothing is found
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start = Clock::now();
  uint64_t hashes = 0;
  std::chrono::duration<double> spent{};
  do {
    hashes += Scan(job, static_cast<uint32_t>(hashes), 4096).hashes;
    spent = Clock::now() - start;
  } while (spent.count() < absl::ToDoubleSeconds(span));
  return static_cast<double>(hashes) / spent.count();
}

std::span<const Kernel> UsableKernels() {
  static const std::vector<Kernel>* const kKernels = new std::vector<Kernel>(ProbeMachine());
  return *kKernels;
}

absl::StatusOr<Kernel> FindKernel(std::string_view name) {
  std::string names;
  for (const Kernel& kernel : UsableKernels()) {
    if (kernel.name() == name) {
      if (kernel.SelfTest()) return kernel;
      return absl::InternalError(
          fmt::format("kernel \"{}\": gives wrong hashes on this machine, block 125552 is not found; choose another "
                      "and check the machine",
                      name));
    }
    names += fmt::format("{}\"{}\"", names.empty() ? "" : ", ", kernel.name());
  }
  return absl::NotFoundError(fmt::format(
      "kernel \"{}\": is not known or not usable on this machine, usable are {}; choose one of these", name, names));
}

absl::StatusOr<Kernel> ChooseKernel(absl::Duration span) {
  const Kernel* best = nullptr;
  double best_rate = 0;
  for (const Kernel& kernel : UsableKernels()) {
    if (!kernel.SelfTest()) continue;
    const double rate = kernel.Measure(span);
    if (best == nullptr || rate > best_rate) best = &kernel, best_rate = rate;
  }
  if (best != nullptr) return *best;
  return absl::InternalError(
      "kernels: none gives the right hash of block 125552, at least \"portable\" must; check the machine");
}

}  // namespace switchyard::agent::mining
