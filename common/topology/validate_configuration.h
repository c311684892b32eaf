// Pure: what makes a cluster's configuration one that power can be scheduled under. Used by the loader of files (which turns paths
// into lines), by Topology::Build and by the core, so that a configuration is judged alike wherever it comes from.
#ifndef SWITCHYARD_COMMON_TOPOLOGY_VALIDATE_CONFIGURATION_H_
#define SWITCHYARD_COMMON_TOPOLOGY_VALIDATE_CONFIGURATION_H_

#include <cstdint>
#include <string>
#include <vector>

#include "common/units.h"
#include "common/validation/problem.h"
#include "switchyard/v1/configuration.pb.h"

namespace switchyard::topology {

// Bounds of configuration.proto. Together they keep every sum of milliwatts below 2^62.
inline constexpr int kMaxSites = 64;
inline constexpr int kMaxModels = 4096;
inline constexpr int kMaxNodes = 100'000;
inline constexpr int kMaxTenants = 10'000;
inline constexpr int kMaxBudgetsPerSite = 4096;
inline constexpr int kMaxBudgetParents = 8;
inline constexpr int kMaxNodeParents = 4;
inline constexpr int kMaxDeviceGroups = 8;
inline constexpr int kMaxDevicesPerGroup = 512;
inline constexpr int kMaxOperatingPoints = 16;
inline constexpr int kMaxNamedCounts = 8;
inline constexpr int kMaxNodeLabels = 32;
inline constexpr int kMaxPricePoints = 100'000;            // eleven years of hours
inline constexpr int kMaxMembers = 1000;
inline constexpr int64_t kMaxOverheadPpm = 2'000'000;      // a PUE of 3
inline constexpr Power kMaxDevicePower = Watts(1'000'000);   // a device of more than 1 MW is a unit error
inline constexpr Power kMaxCap = Watts(100'000'000'000);     // 100 GW: no site is larger
inline constexpr Duration kMaxRamp = Hours(1);
inline constexpr Duration kMaxTiming = Hours(24 * 366);

// Fills every default that configuration.proto promises into fields that are not set (zero or empty; the fault reserve, whose
// zero means zero, where it is absent). Idempotent.
void ApplyDefaults(v1::ClusterConfiguration* configuration);

// Every problem, in the configuration's order, at most kMaxProblems. Defaults are applied to a copy first.
std::vector<validation::Problem> ValidateConfiguration(const v1::ClusterConfiguration& configuration);

// What is allowed but must be known: budgets that start in commissioning because their nameplates exceed the cap (with the
// sum), miners that cannot fund firm AI and why. For `check` and the log at a load. REQUIRES: a valid configuration.
std::vector<validation::Problem> Warnings(const v1::ClusterConfiguration& configuration);

}  // namespace switchyard::topology

#endif  // SWITCHYARD_COMMON_TOPOLOGY_VALIDATE_CONFIGURATION_H_
