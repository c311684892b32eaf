// A small site whose sums can be done by hand.
#ifndef SWITCHYARD_TESTS_TOOLS_REFEREE_SITE_FIXTURE_H_
#define SWITCHYARD_TESTS_TOOLS_REFEREE_SITE_FIXTURE_H_

#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "tools/referee/site_plan.h"

namespace switchyard::tools::referee {

inline constexpr char kSite[] = R"(
cluster: test
catalogue: catalogue.yaml
timing: {lease: 5s}
sites:
  - id: s
    overhead_fixed: 1kW
    overhead_marginal: 25%
    budgets:
      - {id: meter, kind: meter, cap: 20kW}
      - {id: a, kind: feeder, cap: 10kVA, power_factor: 0.9, feeds_from: meter}
      - {id: b, kind: feeder, cap: 9kW, feeds_from: meter}
      - {id: row-01, kind: pdu, cap: 8kW, base_load: 400W, feeds_from: [{budget: a, share: 50%}, {budget: b, share: 50%}]}
      - {id: air, kind: cooling_zone, cap: 8kW}
      - {id: liquid, kind: cooling_zone, cap: 5kW}
    feed_pairs:
      - {id: both, a: a, b: b, failover_cap: 12kW}
nodes:
  - {id: "rack-[01-02]", site: s, model: rack, feeds_from: row-01, air_zone: air}
  - {id: "gpu", site: s, model: server, feeds_from: [{budget: a, share: 0.25}, {budget: b, share: 75%}], air_zone: air, liquid_zone: liquid}
)";

inline constexpr char kCatalogue[] = R"(
device_models:
  - {id: miner, kind: asic, idle: 10W, max: 1000W}
  - {id: chip, kind: gpu, idle: 50W, max: 500W}
node_models:
  - {id: rack, platform: 100W, groups: [{name: asic, device_model: miner, count: 3}]}
  - {id: server, platform: 200W, groups: [{name: gpu, device_model: chip, count: 2, liquid: 80%}]}
)";

inline std::string WriteSite(const std::string& site = kSite) {
  const std::string folder = ::testing::TempDir();
  std::ofstream(folder + "/catalogue.yaml") << kCatalogue;
  const std::string path = folder + "/site.yaml";
  std::ofstream(path) << site;
  return path;
}

inline SitePlan TestPlan() {
  absl::StatusOr<SitePlan> plan = ReadSitePlan(WriteSite());
  EXPECT_TRUE(plan.ok()) << plan.status();
  return *std::move(plan);
}

// What a budget sees of a part, per billion; 0: nothing.
inline int64_t Seen(const SitePlan& plan, const std::string& node, const std::string& group, const std::string& budget) {
  for (const Share& share : plan.loads.at(plan.load_index.at({node, group})).shares) {
    if (plan.budgets[share.budget].id == budget) return share.per_billion;
  }
  return 0;
}

}  // namespace switchyard::tools::referee

#endif  // SWITCHYARD_TESTS_TOOLS_REFEREE_SITE_FIXTURE_H_
