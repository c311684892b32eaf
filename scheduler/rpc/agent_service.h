// AgentService (proto/switchyard/v1/agent_service.proto): agents' streams, and the exchange of a one-use token for a
// certificate.
#ifndef SWITCHYARD_SCHEDULER_RPC_AGENT_SERVICE_H_
#define SWITCHYARD_SCHEDULER_RPC_AGENT_SERVICE_H_

#include "scheduler/rpc/call.h"
#include "switchyard/v1/agent_service.grpc.pb.h"

namespace switchyard::rpc {

class AgentService final : public v1::AgentService::CallbackService {
 public:
  AgentService(Gate* gate, const Authenticator* authenticator) : gate_(*gate), authenticator_(*authenticator) {}

  grpc::ServerBidiReactor<v1::AgentMessage, v1::SchedulerMessage>* Session(
      grpc::CallbackServerContext* context) override;
  // For whoever holds the token: it needs no certificate, for it is what gives one.
  grpc::ServerUnaryReactor* Enrol(grpc::CallbackServerContext* context, const v1::EnrolRequest* request,
                                  v1::EnrolResponse* response) override;

 private:
  Gate& gate_;
  const Authenticator& authenticator_;
};

}  // namespace switchyard::rpc

#endif  // SWITCHYARD_SCHEDULER_RPC_AGENT_SERVICE_H_
