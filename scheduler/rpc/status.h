// From the house's status to the wire's: the one place where it is converted.
#ifndef SWITCHYARD_SCHEDULER_RPC_STATUS_H_
#define SWITCHYARD_SCHEDULER_RPC_STATUS_H_

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace switchyard::rpc {

// Same code, same message, cut at a line's end to kStatusMessageBytesMax (limits.h): a longer trailer would be refused
// by the peer as a whole, and the caller would read of metadata sizes instead of the reason.
grpc::Status ToGrpc(const absl::Status& status);

}  // namespace switchyard::rpc

#endif  // SWITCHYARD_SCHEDULER_RPC_STATUS_H_
