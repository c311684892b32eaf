// ClusterService (proto/switchyard/v1/cluster_service.proto): what the core knows of nodes, budgets, tenants and plans,
// and the operator's words to it. Every call but StreamEvents is a question or a command to the core, which decides who
// is an operator.
#ifndef SWITCHYARD_SCHEDULER_RPC_CLUSTER_SERVICE_H_
#define SWITCHYARD_SCHEDULER_RPC_CLUSTER_SERVICE_H_

#include "scheduler/rpc/call.h"
#include "switchyard/v1/cluster_service.grpc.pb.h"

namespace switchyard::rpc {

class ClusterService final : public v1::ClusterService::CallbackService {
 public:
  ClusterService(Gate* gate, const Authenticator* authenticator) : gate_(*gate), authenticator_(*authenticator) {}

  using Context = grpc::CallbackServerContext;
  using Reactor = grpc::ServerUnaryReactor;
  Reactor* ListNodes(Context* context, const v1::ListNodesRequest* request, v1::ListNodesResponse* response) override;
  Reactor* GetNode(Context* context, const v1::GetNodeRequest* request, v1::NodeStatus* response) override;
  Reactor* ListSites(Context* context, const v1::ListSitesRequest* request, v1::ListSitesResponse* response) override;
  Reactor* GetSite(Context* context, const v1::GetSiteRequest* request, v1::SiteStatus* response) override;
  Reactor* ListBudgets(Context* context, const v1::ListBudgetsRequest* request,
                       v1::ListBudgetsResponse* response) override;
  Reactor* ListTenants(Context* context, const v1::ListTenantsRequest* request,
                       v1::ListTenantsResponse* response) override;
  Reactor* GetTenant(Context* context, const v1::GetTenantRequest* request, v1::TenantStatus* response) override;
  Reactor* ListAlarms(Context* context, const v1::ListAlarmsRequest* request,
                      v1::ListAlarmsResponse* response) override;
  Reactor* WhyNotRising(Context* context, const v1::WhyNotRisingRequest* request,
                        v1::WhyNotRisingResponse* response) override;
  Reactor* ListOrphans(Context* context, const v1::ListOrphansRequest* request,
                       v1::ListOrphansResponse* response) override;
  Reactor* ListQuarantine(Context* context, const v1::ListQuarantineRequest* request,
                          v1::ListQuarantineResponse* response) override;
  Reactor* ListPlans(Context* context, const v1::ListPlansRequest* request, v1::ListPlansResponse* response) override;
  Reactor* NodeAction(Context* context, const v1::NodeActionRequest* request,
                      v1::NodeActionResponse* response) override;
  Reactor* OrphanAction(Context* context, const v1::OrphanActionRequest* request,
                        v1::OrphanActionResponse* response) override;
  Reactor* ClearQuarantine(Context* context, const v1::ClearQuarantineRequest* request,
                           v1::ClearQuarantineResponse* response) override;
  Reactor* CreateToken(Context* context, const v1::CreateTokenRequest* request,
                       v1::CreateTokenResponse* response) override;
  grpc::ServerWriteReactor<v1::Event>* StreamEvents(Context* context, const v1::StreamEventsRequest* request) override;

 private:
  // Admits the caller, lets `write` make the command's body, and `fill` the response of the result.
  template <typename Request, typename Write, typename Fill>
  Reactor* Serve(const char* method, Context* context, const Request& request, Write write, Fill fill);

  Gate& gate_;
  const Authenticator& authenticator_;
};

}  // namespace switchyard::rpc

#endif  // SWITCHYARD_SCHEDULER_RPC_CLUSTER_SERVICE_H_
