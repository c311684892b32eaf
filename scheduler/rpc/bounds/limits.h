// Every bound on what comes over the wire, each with its reason. Above a bound the caller gets a clear error and
// nothing else is affected; bounds of a job's own fields stand in common/validation/job_spec.h.
#ifndef SWITCHYARD_SCHEDULER_RPC_BOUNDS_LIMITS_H_
#define SWITCHYARD_SCHEDULER_RPC_BOUNDS_LIMITS_H_

#include <cstddef>
#include <cstdint>

#include "common/units.h"

namespace switchyard::rpc {

// gRPC's own default: the largest request that a client may send without being told of a larger one.
inline constexpr int kMessageBytesMax = 4 << 20;
// What a served message is filled to; the rest of kMessageBytesMax is for framing and the last element.
inline constexpr size_t kServedBytesMax = 3 << 20;
// A status message travels in a trailer, of which peers accept 8 KiB by default, percent-encoded.
inline constexpr size_t kStatusMessageBytesMax = 4000;

// One durable batch and one reply within kMessageBytesMax.
inline constexpr int kJobsPerSubmitMax = 10'000;
inline constexpr int kIdsPerCancelMax = 10'000;
// Enough for a UUID, a path or a hash; keys are rows for 24 hours.
inline constexpr size_t kIdempotencyKeyMax = 128;

inline constexpr int kPageSizeDefault = 100;
inline constexpr int kPageSizeMax = 1000;
// A page token is a decimal number or the last node's name.
inline constexpr size_t kPageTokenMax = 128;
// Jobs that one page may look at before it is returned short: a rare filter never holds the read lock for long.
inline constexpr int kScanPerPageMax = 100'000;

inline constexpr int kWatchIdsMax = 1000;
// Changes that a watcher may be behind, and how far back a watch may resume: about a minute at 1,000 changes a second.
inline constexpr size_t kChangesKept = 65'536;
inline constexpr size_t kEventsKept = 100'000;
inline constexpr int kEventsDefault = 1000;
inline constexpr int kEventsMax = 10'000;
inline constexpr int kLogTailMax = 100'000;
// Devices listed with a task: an ASIC rack holds hundreds, and the count says the rest.
inline constexpr int kDevicesListedMax = 64;

// Long streams (watches, events, logs): each holds a reactor and a buffer. Per principal, so that one cannot take them
// all.
inline constexpr int kStreamsMax = 2048;
inline constexpr int kStreamsPerPrincipalMax = 256;
// Agents' streams: twice the 10,000 that the largest site runs.
inline constexpr int kSessionsMax = 20'000;
inline constexpr int kConcurrentStreamsPerConnection = 20'000;
// Distinct users of one machine that talk to the scheduler's unix socket; each has a server of its own.
inline constexpr size_t kLocalUsersMax = 256;

// Longest wait for `at_least` when the caller's own deadline is later.
inline constexpr Duration kAtLeastWaitMax = Seconds(30);

// ---- agents ----
inline constexpr int kNodesPerSessionMax = 16'384;
inline constexpr size_t kNodeIdMax = 127;              // "<site>/<node>", 63 each
inline constexpr size_t kAgentTextMax = 256;           // versions, incarnations, boot and hardware ids
inline constexpr size_t kDeviceIdMax = 128;            // serials and UUIDs
inline constexpr int kGroupsPerNodeMax = 8;            // configuration.proto
inline constexpr int kDevicesPerGroupMax = 512;        // configuration.proto
inline constexpr int kAllocationsPerReportMax = 8192;  // thousandths of every device's share would not be held by more
inline constexpr int kMetersPerTelemetryMax = 4096;    // budgets of a site
inline constexpr size_t kReasonMax = 512;
inline constexpr size_t kFaultReasonMax = 256;
inline constexpr size_t kLogDataMax = 64 << 10;
inline constexpr size_t kCertificateRequestMax = 16 << 10;
inline constexpr size_t kTokenMax = 128;
// No node draws more than 10 MW: a larger number is a unit error of the agent's.
inline constexpr int64_t kNodePowerMaxMw = 10'000'000'000;
// No meter shows more than 10 GW.
inline constexpr int64_t kMeterPowerMaxMw = 10'000'000'000'000;

// The core hears one telemetry a period from each node; meters and faults at once.
inline constexpr Duration kObservationPeriod = Seconds(1);
// Log requests waiting on one agent's stream; above it the agent does not read and its stream is ended.
inline constexpr size_t kLogRequestsQueuedMax = 1024;
// An agent may be ahead of a log's reader by this; it waits for credit then.
inline constexpr int64_t kLogCreditBytes = 256 << 10;
// An agent that ignores credit is cut off here.
inline constexpr size_t kLogBufferMax = 2 << 20;

inline constexpr Duration kTokenLife = Hours(1);
inline constexpr size_t kTokenBytes = 32;
inline constexpr Duration kAgentCertificateLife = Hours(24 * 365);

}  // namespace switchyard::rpc

#endif  // SWITCHYARD_SCHEDULER_RPC_BOUNDS_LIMITS_H_
