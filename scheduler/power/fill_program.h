// Packing programs: maximise the sum of value x amount, where each column's amount lies between zero and its most, and
// each row's sum of load x amount within the row's limit. What is left of the fill where budgets cross.
//
// Promises: exact rational arithmetic, no floating point; the same program gives the same answer on every machine. The
// answer is a corner of the feasible set: at most one column per exhausted row lies strictly between zero and its most,
// and no two of them have equal loads. It takes a bounded number of steps; an answer that was not proven best by then
// is feasible all the same, and says so.
#ifndef SWITCHYARD_SCHEDULER_POWER_FILL_PROGRAM_H_
#define SWITCHYARD_SCHEDULER_POWER_FILL_PROGRAM_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace switchyard::power {

struct PackingLoad {
  uint32_t row = 0;
  int64_t load = 0;  // > 0, of one unit of the column
};

struct PackingColumn {
  int64_t value = 0;               // > 0, of one unit
  int64_t most = 0;                // >= 0
  std::vector<PackingLoad> loads;  // each row once
};

struct PackingProgram {
  std::vector<__int128> limits;  // by row, >= 0
  std::vector<PackingColumn> columns;
};

struct PackingAnswer {
  std::vector<int64_t> amounts;  // by column, rounded down
  bool best = false;             // no feasible amounts are worth more
};

// What may be done before the best answer so far has to do: words of 64 bits written, and equations looked at; well
// under a second. Two hundred exhausted transformers with two cooling zones across them, 5,000 racks of four models
// with four operating points each, need two thirds of it and a tenth of a second.
inline constexpr int64_t kPackingEffort = 1'000'000;

PackingAnswer SolvePacking(const PackingProgram& program, int64_t effort = kPackingEffort);

}  // namespace switchyard::power

#endif  // SWITCHYARD_SCHEDULER_POWER_FILL_PROGRAM_H_
