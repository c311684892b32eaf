// Did any budget carry more than its cap? Sums the true draw over every budget at every moment at which anything changed.
// Pure: the answer depends on the plan and the log alone, in integers.
#ifndef SWITCHYARD_TOOLS_REFEREE_POWER_VERDICT_H_
#define SWITCHYARD_TOOLS_REFEREE_POWER_VERDICT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "tools/referee/draw_log.h"
#include "tools/referee/site_plan.h"

namespace switchyard::tools::referee {

struct BudgetVerdict {
  std::string id;
  int64_t cap_mw = 0;
  int64_t worst_mw = 0;       // the highest sum
  int64_t worst_utc_ms = 0;   // when it was reached first
  int64_t above_cap_ms = 0;   // time spent above the cap
};

// The site's meter at one moment: parts of what the meter sees, overhead in proportion.
struct TimelinePoint {
  int64_t utc_ms = 0;
  int64_t hashing_mw = 0;  // ASICs
  int64_t ai_mw = 0;       // GPUs, idle ones too
  int64_t cpu_mw = 0;      // CPU devices, hashing or training
  int64_t other_mw = 0;    // platforms, base loads and fixed overhead
  int64_t cap_mw = 0;
  int64_t total_mw() const { return hashing_mw + ai_mw + cpu_mw + other_mw; }
};

struct PowerVerdict {
  int64_t from_utc_ms = 0, to_utc_ms = 0;
  std::vector<BudgetVerdict> budgets;      // in the plan's order
  std::vector<TimelinePoint> timeline;     // for every step the moment of its highest meter sum
  std::vector<std::string> nodes_unseen;   // without a line for every part in the whole log
  int64_t longest_silence_ms = 0;          // the longest time between two lines of one load
  std::string longest_silence_node;
  int64_t lines = 0;
};

// The log up to `to_utc_ms`; lines before `from_utc_ms` set the values that hold then. A load counts from its first line on.
PowerVerdict JudgePower(const SitePlan& plan, const DrawLog& log, int64_t from_utc_ms, int64_t to_utc_ms, int64_t step_ms);

}  // namespace switchyard::tools::referee

#endif  // SWITCHYARD_TOOLS_REFEREE_POWER_VERDICT_H_
