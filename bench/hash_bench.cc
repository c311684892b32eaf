// How fast each kernel hashes: Sha256d/<kernel>/threads:T, with the counter mhs (10^6 double hashes a second, all
// threads together).
//
// Every kernel proves itself on block 125552 first; one that this machine cannot run is not in the list.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <thread>

#include "agent/mining/kernel.h"

namespace switchyard::agent::mining {
namespace {

void HashBatches(benchmark::State& state, const Kernel& kernel) {
  if (!kernel.SelfTest()) {
    state.SkipWithError("gives wrong hashes");
    return;
  }
  Header header = {};
  header[0] = static_cast<uint8_t>(state.thread_index());
  const HashJob job = MakeHashJob(header, Uint256{});  // a target that nothing meets
  uint32_t nonce = 0;
  uint64_t hashes = 0;
  const auto start = std::chrono::steady_clock::now();
  for (auto _ : state) {
    const ScanResult result = kernel.Scan(job, nonce, kMaxBatch);
    benchmark::DoNotOptimize(result.nonces.data());
    hashes += result.hashes;
    nonce += kMaxBatch;  // 2^16 batches of 2^16: wraps at the end of the space
  }
  // By this thread's own wall clock; the threads' rates are added up.
  const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
  state.counters["mhs"] = static_cast<double>(hashes) / 1e6 / spent.count();
}

void RegisterKernels() {
  const int cores = static_cast<int>(std::max(std::thread::hardware_concurrency(), 1u));
  for (const Kernel& kernel : UsableKernels()) {
    auto* bench = benchmark::RegisterBenchmark(("Sha256d/" + std::string(kernel.name())).c_str(),
                                               [kernel](benchmark::State& state) { HashBatches(state, kernel); });
    bench->Threads(1);
    if (cores > 1) bench->Threads(cores);
  }
}

}  // namespace
}  // namespace switchyard::agent::mining

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  switchyard::agent::mining::RegisterKernels();
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
