// Waiting for jobs as `wait` and `submit --wait` do it: progress while it lasts, a table at the end, and the exit code
// that says whether the jobs did what was hoped for.
#ifndef SWITCHYARD_CLIENT_CLI_WAITING_H_
#define SWITCHYARD_CLIENT_CLI_WAITING_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "client/cli/verb_context.h"

namespace switchyard::client::cli {

// A wait for `until` was in vain if the job ended otherwise: for the end or for success, in failure or cancellation;
// for a state of a living job, in the same; for failure or cancellation, in any other end.
bool WaitedInVain(v1::JobState state, v1::JobState until);

absl::StatusOr<int> WaitAndReport(VerbContext& context, const std::vector<uint64_t>& ids, WaitOptions options);

}  // namespace switchyard::client::cli

#endif  // SWITCHYARD_CLIENT_CLI_WAITING_H_
