// Shape of what agents send. The first thing that is wrong is enough: an agent is a program, and its operator needs one
// reason. Numbers that reach the ledger are bounded here, so that no sum of the core can overflow.
#ifndef SWITCHYARD_SCHEDULER_RPC_BOUNDS_VALIDATE_AGENT_H_
#define SWITCHYARD_SCHEDULER_RPC_BOUNDS_VALIDATE_AGENT_H_

#include "absl/status/status.h"
#include "switchyard/v1/agent.pb.h"

namespace switchyard::rpc {

// INVALID_ARGUMENT with the path of the field.
absl::Status ValidateAgentMessage(const v1::AgentMessage& message);

}  // namespace switchyard::rpc

#endif  // SWITCHYARD_SCHEDULER_RPC_BOUNDS_VALIDATE_AGENT_H_
