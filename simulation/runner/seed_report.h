// What one run showed, as a value that travels between processes as JSON.
#ifndef SWITCHYARD_SIMULATION_RUNNER_SEED_REPORT_H_
#define SWITCHYARD_SIMULATION_RUNNER_SEED_REPORT_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "absl/status/statusor.h"

namespace switchyard::simulation {

// The check of a seed whose process was ended by a SWITCHYARD_CHECK or an invariant of the core.
inline constexpr char kCodeCheck[] = "code-check";

struct AllowanceUse {
  int64_t times = 0;
  int64_t most_mw = 0;  // above the ledger, at once
};

struct SeedReport {
  uint64_t seed = 0;
  std::string check;         // the check that failed: the first word of its verdict. Empty: none did
  std::string verdict;       // what it said, with its numbers
  int64_t at_ms = 0;         // of the violation, or the end
  int64_t simulated_ms = 0;  // how far the run came
  int64_t cpu_us = 0;
  int64_t starts = 0;  // firm tasks that began to run
  int64_t leaders = 0, batches = 0, commands = 0, messages = 0;
  uint64_t digest = 0;
  int64_t exception_ms = 0;                                        // time within an exception of W, of any budget
  uint64_t reached = 0;                                            // how often the active mutation was asked
  std::map<std::pair<std::string, std::string>, int64_t> strikes;  // by fault kind and protocol state
  std::map<std::string, AllowanceUse> allowances;                  // by fault kind

  bool failed() const { return !check.empty(); }
};

std::string ToJson(const SeedReport& report);
absl::StatusOr<SeedReport> SeedReportFromJson(const std::string& text);

}  // namespace switchyard::simulation

#endif  // SWITCHYARD_SIMULATION_RUNNER_SEED_REPORT_H_
