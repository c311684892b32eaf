// What in a report is worth sending it for: facts at once, steps of a descent now and then, counters rarely.
#ifndef SWITCHYARD_AGENT_SESSION_REPORT_DIGEST_H_
#define SWITCHYARD_AGENT_SESSION_REPORT_DIGEST_H_

#include <string>

#include "switchyard/v1/agent.pb.h"

namespace switchyard::agent::session {

struct ReportDigest {
  std::string facts;  // phases, revisions, exits, faults, what was found: a change is reported at once
  std::string steps;  // confirmed and unallocated watts
  std::string all;    // with readings and counters; not the sequence
};

ReportDigest Digest(const v1::NodeReport& report);

// True if `now` is further from `said` than parts per million of it: what a dead band lets pass.
bool OutsideDeadBand(int64_t said, int64_t now, int64_t dead_band_ppm);
// Whether any value of a telemetry left the dead band around what was said; a meter's value always does.
bool WorthSaying(const v1::Telemetry& said, const v1::Telemetry& now, int64_t dead_band_ppm);

}  // namespace switchyard::agent::session

#endif  // SWITCHYARD_AGENT_SESSION_REPORT_DIGEST_H_
