#include "scheduler/rpc/agent_service.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/escaping.h"
#include "common/platform/tls.h"
#include "fmt/format.h"
#include "scheduler/rpc/bounds/limits.h"

namespace switchyard::rpc {
namespace {

class RefusedSession final : public grpc::ServerBidiReactor<v1::AgentMessage, v1::SchedulerMessage> {
 public:
  explicit RefusedSession(const absl::Status& status) { Finish(ToGrpc(status)); }
  void OnDone() override { delete this; }
};

// Which nodes an agent may speak for is asked again for each message.
absl::Status MayOpenSession(const Principal& principal) {
  switch (principal.kind) {
    case Principal::Kind::kNodeAgent:
    case Principal::Kind::kSiteAgent:
      return absl::OkStatus();
    case Principal::Kind::kNobody:
      return absl::UnauthenticatedError(
          "agent: it shows no certificate; enrol with a token from `switchyard token NODE`");
    case Principal::Kind::kPerson:
      break;
  }
  if (principal.local_operator) return absl::OkStatus();
  return absl::PermissionDeniedError(
      fmt::format("agent: principal \"{}\" may not speak for nodes, local root and agents' certificates may; "
                  "run it as root or enrol it with a token",
                  principal.name));
}

}  // namespace

grpc::ServerBidiReactor<v1::AgentMessage, v1::SchedulerMessage>* AgentService::Session(
    grpc::CallbackServerContext* context) {
  const absl::StatusOr<Principal> principal = authenticator_.Identify(*context);
  if (!principal.ok()) return new RefusedSession(principal.status());
  if (const absl::Status may = MayOpenSession(*principal); !may.ok()) return new RefusedSession(may);
  const absl::StatusOr<std::shared_ptr<AgentStream>> stream = gate_.agents().Open(*principal);
  if (!stream.ok()) return new RefusedSession(stream.status());
  (*stream)->Open(context);
  return stream->get();
}

grpc::ServerUnaryReactor* AgentService::Enrol(grpc::CallbackServerContext* context, const v1::EnrolRequest* request,
                                              v1::EnrolResponse* response) {
  const Call call{&gate_, "Enrol", context->DefaultReactor()};
  const absl::StatusOr<Principal> principal = authenticator_.Identify(*context);
  absl::Status status = principal.status();
  if (status.ok()) status = validation::ProblemsToStatus(Validate(*request));
  if (status.ok() && !gate_.authority()) {
    status = absl::FailedPreconditionError(
        "scheduler: it was started without its authority's key and cannot sign; start it with the "
        "directory that --make-ca made");
  }
  if (!status.ok()) {
    call.Finish(status);
    return call.reactor;
  }
  // Signed before the token is used: a request that cannot be signed must not cost it. Nothing leaves before the token
  // counts.
  absl::StatusOr<std::string> certificate = platform::SignCertificateRequest(
      *gate_.authority(), request->certificate_request_pem(), "node:" + request->node(), kAgentCertificateLife);
  if (!certificate.ok()) {
    call.Finish(certificate.status());
    return call.reactor;
  }
  store::v1::Command command = CommandOf(*principal);
  command.mutable_use_token()->set_node(request->node());
  command.mutable_use_token()->set_sha256(absl::HexStringToBytes(platform::Sha256Hex(request->token())));
  Ask(call, std::move(command), [this, response, pem = *std::move(certificate)](const store::v1::CommandResult&) {
    response->set_certificate_pem(pem);
    response->set_ca_pem(gate_.authority()->certificate_pem);
    return absl::OkStatus();
  });
  return call.reactor;
}

}  // namespace switchyard::rpc
