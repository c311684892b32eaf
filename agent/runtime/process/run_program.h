// Starts one of our own short-lived programs (the supervisor's starter, the cgroup trial) and waits for its end: milliseconds.
#ifndef SWITCHYARD_AGENT_RUNTIME_PROCESS_RUN_PROGRAM_H_
#define SWITCHYARD_AGENT_RUNTIME_PROCESS_RUN_PROGRAM_H_

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace switchyard::agent::process {

// OK for exit status 0. Else FAILED_PRECONDITION with what it said on standard error. It inherits no descriptor of ours (gRPC's
// sockets among them), no signal mask and an empty environment.
absl::Status RunProgram(const std::vector<std::string>& command);

}  // namespace switchyard::agent::process

#endif  // SWITCHYARD_AGENT_RUNTIME_PROCESS_RUN_PROGRAM_H_
