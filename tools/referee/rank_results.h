// What the ranks of a gang and the askers of a service wrote about themselves, and how long hand-overs took.
#ifndef SWITCHYARD_TOOLS_REFEREE_RANK_RESULTS_H_
#define SWITCHYARD_TOOLS_REFEREE_RANK_RESULTS_H_

#include <cstdint>
#include <istream>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace switchyard::tools::referee {

struct RankResult {
  std::string file;
  int64_t rank = 0;
  double accuracy = 0;       // on digits that it was not trained on, 0..1
  int64_t steps = 0;
  int64_t resumed_from = 0;  // the step of the checkpoint that it began with; 0: none
};

// One JSON object: rank, accuracy, steps, resumed_from.
absl::StatusOr<RankResult> ReadRankResult(const std::string& path);

// Numbers in milliseconds, one hand-over each.
struct Handovers {
  int64_t count = 0;
  int64_t median_ms = 0, p90_ms = 0, worst_ms = 0;
};

// One JSON object a line: ordered_utc_ms, run_utc_ms. INVALID_ARGUMENT names a line that ends before it begins or is none.
absl::StatusOr<Handovers> ReadHandovers(std::istream& lines);

}  // namespace switchyard::tools::referee

#endif  // SWITCHYARD_TOOLS_REFEREE_RANK_RESULTS_H_
