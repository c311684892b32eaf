// The site as its file describes it, read by the referee's own eyes: which budgets there are, what each may carry, and how much
// of every node's draw each of them sees. Nothing here is shared with the scheduler; a mistake there is not repeated here.
//
// The reader knows what it needs of docs/configuration.md and passes over the rest: `switchyard check` is who finds errors.
#ifndef SWITCHYARD_TOOLS_REFEREE_SITE_PLAN_H_
#define SWITCHYARD_TOOLS_REFEREE_SITE_PLAN_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace switchyard::tools::referee {

inline constexpr int64_t kBillion = 1'000'000'000;

enum class LoadKind { kPlatform, kHashing, kGpu, kCpu };

// One budget's view of one part of a node.
struct Share {
  size_t budget = 0;        // index into SitePlan::budgets
  int64_t per_billion = 0;  // of the part's draw
};

struct Budget {
  std::string id;      // "<site>/<budget>"
  std::string kind;    // as written in the file; "survivor" for a pair of feeds
  int64_t cap_mw = 0;  // in watts: after the power factor
  int64_t base_mw = 0; // what is always there: base loads, and on the meter the fixed overhead
};

// A device group of a node, or its platform.
struct Load {
  std::string node;   // "<site>/<node>"
  std::string group;  // a device group's name, or "platform"
  LoadKind kind = LoadKind::kPlatform;
  int64_t nameplate_mw = 0;   // the most that it may draw by the catalogue; transients apart
  int64_t idle_mw = 0;
  std::vector<Share> shares;
};

struct SitePlan {
  std::string site;
  size_t meter = 0;  // index into budgets
  std::vector<Budget> budgets;
  std::vector<Load> loads;
  std::map<std::pair<std::string, std::string>, size_t> load_index;  // (node, group)
  size_t node_count = 0;
};

// The first site of the file with its nodes. NOT_FOUND, INVALID_ARGUMENT: what is wrong, with the file.
absl::StatusOr<SitePlan> ReadSitePlan(const std::string& path);

}  // namespace switchyard::tools::referee

#endif  // SWITCHYARD_TOOLS_REFEREE_SITE_PLAN_H_
