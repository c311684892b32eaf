// The referee's findings as JSON; powers in milliwatts, times in milliseconds since 1970 UTC.
#ifndef SWITCHYARD_TOOLS_REFEREE_VERDICT_JSON_H_
#define SWITCHYARD_TOOLS_REFEREE_VERDICT_JSON_H_

#include <optional>
#include <string>
#include <vector>

#include "tools/referee/power_verdict.h"
#include "tools/referee/rank_results.h"
#include "tools/referee/share_audit.h"

namespace switchyard::tools::referee {

struct Verdict {
  std::optional<PowerVerdict> power;
  std::optional<ShareAudit> shares;
  std::vector<RankResult> ranks;
  std::optional<Handovers> handovers;
};

std::string VerdictJson(const Verdict& verdict, const DrawLog& log);

// The site as the referee understands it: budgets with caps, and every load with what each budget sees of it.
std::string PlanJson(const SitePlan& plan);

}  // namespace switchyard::tools::referee

#endif  // SWITCHYARD_TOOLS_REFEREE_VERDICT_JSON_H_
