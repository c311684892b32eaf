// What a run of many seeds showed, for a person and for a program.
#ifndef SWITCHYARD_SIMULATION_RUNNER_SUMMARY_H_
#define SWITCHYARD_SIMULATION_RUNNER_SUMMARY_H_

#include <cstdint>
#include <map>
#include <ostream>
#include <string>
#include <vector>

#include "simulation/runner/seed_report.h"

namespace switchyard::simulation {

// What a run of everyday seeds promises of itself.
inline constexpr double kMostCoreSecondsPerSeed = 0.15;
inline constexpr double kFewestStartsPerSeed = 20;
inline constexpr double kMostExceptionShare = 0.30;
// From so many everyday seeds on every cell of the table that is not impossible must have been struck.
inline constexpr uint64_t kSeedsThatFillTheTable = 1000;

// A cell of the table fault kind x protocol state that cannot be struck, and why.
struct ImpossibleCell {
  std::string fault, state, reason;
};

struct TableShape {
  std::vector<std::string> faults, states;  // rows and columns
  std::vector<ImpossibleCell> impossible;
};

class Summary {
 public:
  explicit Summary(TableShape shape) : shape_(std::move(shape)) {}

  void Add(const SeedReport& report);

  uint64_t seeds() const { return seeds_; }
  uint64_t failed() const { return failed_; }
  uint64_t reached() const { return reached_; }
  double CoreSecondsPerSeed() const;
  double StartsPerSeed() const;
  double ExceptionShare() const;

  // What the table says against the run: cells struck that cannot be (always), and, where `whole`, cells that were not
  // struck though they could be; "fault in state: what is wrong", in the table's order.
  std::vector<std::string> TableProblems(bool whole) const;

  void Print(double wall_seconds, std::ostream& out) const;
  std::string Json(double wall_seconds, const std::vector<SeedReport>& failures) const;

 private:
  const ImpossibleCell* Impossible(const std::string& fault, const std::string& state) const;
  void PrintTable(std::ostream& out) const;

  const TableShape shape_;
  uint64_t seeds_ = 0, failed_ = 0, reached_ = 0;
  int64_t cpu_us_ = 0, worst_cpu_us_ = 0, starts_ = 0, fewest_starts_ = 0, exception_ms_ = 0, simulated_ms_ = 0;
  int64_t leaders_ = 0, batches_ = 0, commands_ = 0, messages_ = 0;
  std::map<std::pair<std::string, std::string>, int64_t> strikes_;
  std::map<std::string, AllowanceUse> allowances_;
};

}  // namespace switchyard::simulation

#endif  // SWITCHYARD_SIMULATION_RUNNER_SUMMARY_H_
