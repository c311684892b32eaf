// What switchyardd does instead of serving: certificates, backups, dumps, replays. Each prints its result for a person on
// standard output.
#ifndef SWITCHYARD_SCHEDULER_DAEMON_DEEDS_H_
#define SWITCHYARD_SCHEDULER_DAEMON_DEEDS_H_

#include "absl/status/status.h"
#include "scheduler/daemon/options.h"

namespace switchyard::daemon {

absl::Status MakeAuthority(const Options& options);
absl::Status BackUp(const Options& options);

// Rows go to standard output. Beside a running scheduler they are those of a backup, made for this and removed.
absl::Status Dump(const Options& options);

// ABORTED names the first batch whose digest differs; otherwise the invariants are proven at the end.
absl::Status ReplayRecord(const Options& options);

}  // namespace switchyard::daemon

#endif  // SWITCHYARD_SCHEDULER_DAEMON_DEEDS_H_
