// What in a report and in a reading is worth a message, as agent/session/report_digest.h judges it; here as hashes,
// because a run compares hundreds of thousands of them.
#ifndef SWITCHYARD_SIMULATION_WORLD_REPORT_DIGEST_H_
#define SWITCHYARD_SIMULATION_WORLD_REPORT_DIGEST_H_

#include <cstdint>

#include "switchyard/v1/agent.pb.h"

namespace switchyard::simulation {

struct ReportDigest {
  uint64_t facts = 0;  // phases, revisions, exits, faults, what was found: a change is reported at once
  uint64_t steps = 0;  // confirmed and unallocated watts
  uint64_t all = 0;    // with readings and counters
};

ReportDigest Digest(const v1::NodeReport& report);

// Whether any value left the dead band around what was said; a meter's value always does.
bool WorthSaying(const v1::Telemetry& said, const v1::Telemetry& now, int64_t dead_band_ppm);

}  // namespace switchyard::simulation

#endif  // SWITCHYARD_SIMULATION_WORLD_REPORT_DIGEST_H_
