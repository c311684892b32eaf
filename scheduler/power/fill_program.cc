#include "scheduler/power/fill_program.h"

#include <optional>
#include <utility>

#include "scheduler/power/exact_numbers.h"
#include "scheduler/power/fill_simplex.h"

namespace switchyard::power {

PackingAnswer SolvePacking(const PackingProgram& program, int64_t effort) {
  // Nearly every program of a real site stays within 128 bits, where it takes a tenth of the time.
  Simplex<NarrowNumbers> narrow(program, effort);
  if (std::optional<PackingAnswer> answer = narrow.Solve()) return *std::move(answer);
  Simplex<WideNumbers> wide(program, effort);
  return wide.Solve().value();
}

}  // namespace switchyard::power
