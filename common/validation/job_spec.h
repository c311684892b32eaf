// Pure: the bounds of a job, wherever it comes from (a file, the wire, a store). Every bound is a named constant with its reason.
// Whether the tenant exists and the principal is a member is the core's to say.
#ifndef SWITCHYARD_COMMON_VALIDATION_JOB_SPEC_H_
#define SWITCHYARD_COMMON_VALIDATION_JOB_SPEC_H_

#include <cstdint>
#include <string>
#include <vector>

#include "common/units.h"
#include "common/validation/problem.h"
#include "switchyard/v1/job.pb.h"

namespace switchyard::validation {

inline constexpr int kMaxPriority = 1000;
inline constexpr int kMaxGroups = 16;                  // roles of one job: workers, evaluators, parameter servers
inline constexpr int kMaxTasksPerGroup = 1024;         // the largest gang; also bounds a plan's rows
inline constexpr int kMaxDependencies = 64;
inline constexpr int kMaxArraySize = 10'000;           // one submit's worth of jobs
inline constexpr int kMaxLabels = 32;
inline constexpr int kMaxSelectors = 16;
inline constexpr int kMaxTolerations = 16;
inline constexpr int kMaxCounts = 8;                   // with the fixed ones this fills the 16 slots of a resource vector
inline constexpr int kMaxPorts = 16;
inline constexpr int kMaxGpus = 512;                   // devices of a node's group
inline constexpr int kMaxGpuModels = 16;
inline constexpr int kMaxArguments = 256;
inline constexpr int64_t kMaxCommandBytes = 32 << 10;  // a job's row stays far below a batch; larger input belongs in files
inline constexpr int kMaxEnvironment = 256;
inline constexpr int64_t kMaxEnvironmentBytes = 32 << 10;
inline constexpr size_t kMaxValueLength = 256;         // of a label's value, a user, a pool's user
inline constexpr size_t kMaxPathLength = 4096;         // PATH_MAX
inline constexpr int kMaxRetriesBound = 1000;
inline constexpr Duration kMaxGrace = Minutes(10);     // a victim's grace delays whoever preempts it
inline constexpr Duration kMaxWallTime = Hours(24 * 365);
inline constexpr Duration kMinFence = Seconds(30);     // shorter than a lease would end tasks on a hiccup
inline constexpr int64_t kMaxCpuMilli = 4096 * 1000;
inline constexpr int64_t kMaxBytes = int64_t{1} << 50;  // 1 PiB

// Fills the defaults that job.proto promises into fields that are not set. Idempotent.
void ApplyJobDefaults(v1::JobSpec* spec);

// Every problem of a job whose defaults were applied; paths are relative to the JobSpec.
std::vector<Problem> ValidateJobSpec(const v1::JobSpec& spec);

}  // namespace switchyard::validation

#endif  // SWITCHYARD_COMMON_VALIDATION_JOB_SPEC_H_
