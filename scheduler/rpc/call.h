// The steps that every unary call takes: who asks (Authenticator), is the request well formed (Validate), then a
// command to the engine whose reply becomes the response. Each is one function here, so that no service forgets one.
#ifndef SWITCHYARD_SCHEDULER_RPC_CALL_H_
#define SWITCHYARD_SCHEDULER_RPC_CALL_H_

#include <chrono>
#include <grpcpp/grpcpp.h>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/validation/problem.h"
#include "scheduler/rpc/gate.h"
#include "scheduler/rpc/principal.h"
#include "scheduler/rpc/status.h"
#include "scheduler/rpc/bounds/validate_request.h"

namespace switchyard::rpc {

// Who is at the other end of a call. One for each door (scheduler/rpc/door.h).
class Authenticator {
 public:
  virtual ~Authenticator() = default;
  virtual absl::StatusOr<Principal> Identify(const grpc::CallbackServerContext& context) const = 0;
};

// One unary call under way. Copied into the closure that finishes it; request and response live until then.
struct Call {
  Gate* gate;
  const char* method;
  grpc::ServerUnaryReactor* reactor;

  void Finish(const absl::Status& status) const {
    gate->metrics().CountRequest(method, static_cast<int>(status.code()));
    reactor->Finish(ToGrpc(status));
  }
};

// The caller, if a person, and the request well formed; else the call is over.
template <typename Request>
absl::StatusOr<Principal> AdmitPerson(const Authenticator& authenticator, const grpc::CallbackServerContext& context,
                                      const Request& request) {
  absl::StatusOr<Principal> principal = authenticator.Identify(context);
  if (!principal.ok()) return principal;
  if (absl::Status person = MustBePerson(*principal); !person.ok()) return person;
  if (absl::Status valid = validation::ProblemsToStatus(Validate(request)); !valid.ok()) return valid;
  return principal;
}

// Posts; `fill` copies the part of the result that was asked for into the response. A reply that is OK and lacks it is
// our bug.
template <typename Fill>
void Ask(const Call& call, store::v1::Command command, Fill fill) {
  // The engine calls back exactly once, with UNAVAILABLE when it does not take the command.
  (void)call.gate->engine().Post(std::move(command), [call, fill = std::move(fill)](const core::Reply& reply) {
    call.Finish(reply.status.ok() ? fill(reply.result) : reply.status);
  });
}

// When a wait for a revision ends: the caller's own deadline, at most kAtLeastWaitMax from now.
std::chrono::steady_clock::time_point WaitDeadline(const grpc::CallbackServerContext& context);

}  // namespace switchyard::rpc

#endif  // SWITCHYARD_SCHEDULER_RPC_CALL_H_
