#include "scheduler/rpc/cluster_service.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/escaping.h"
#include "common/platform/tls.h"
#include "fmt/format.h"
#include "scheduler/rpc/bounds/limits.h"
#include "scheduler/rpc/read_streams.h"

namespace switchyard::rpc {

using store::v1::Command;
using store::v1::CommandResult;

template <typename Request, typename Write, typename Fill>
grpc::ServerUnaryReactor* ClusterService::Serve(const char* method, Context* context, const Request& request,
                                                Write write, Fill fill) {
  const Call call{&gate_, method, context->DefaultReactor()};
  const absl::StatusOr<Principal> principal = AdmitPerson(authenticator_, *context, request);
  if (!principal.ok()) {
    call.Finish(principal.status());
    return call.reactor;
  }
  Command command = CommandOf(*principal);
  write(&command);
  Ask(call, std::move(command),
      [fill = std::move(fill)](const CommandResult& result) -> absl::Status { return fill(result); });
  return call.reactor;
}

// A call whose response is the part `field` of the result, and whose request goes into `slot` of the command as it is.
#define SWITCHYARD_PASS(method, slot, field)                                           \
  Serve(                                                                               \
      method, context, *request, [&](Command* command) { *command->slot = *request; }, \
      [response](const CommandResult& result) {                                        \
        *response = result.field();                                                    \
        return absl::OkStatus();                                                       \
      })

grpc::ServerUnaryReactor* ClusterService::ListNodes(Context* context, const v1::ListNodesRequest* request,
                                                    v1::ListNodesResponse* response) {
  const auto write = [&](Command* command) {
    v1::ListNodesRequest& query = *command->mutable_query()->mutable_nodes();
    query = *request;
    if (query.page_size() == 0) query.set_page_size(kPageSizeDefault);
  };
  return Serve("ListNodes", context, *request, write, [response](const CommandResult& result) {
    *response = result.nodes();
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* ClusterService::GetNode(Context* context, const v1::GetNodeRequest* request,
                                                  v1::NodeStatus* response) {
  return SWITCHYARD_PASS("GetNode", mutable_query()->mutable_node(), node);
}

grpc::ServerUnaryReactor* ClusterService::ListSites(Context* context, const v1::ListSitesRequest* request,
                                                    v1::ListSitesResponse* response) {
  return SWITCHYARD_PASS("ListSites", mutable_query()->mutable_sites(), sites);
}

grpc::ServerUnaryReactor* ClusterService::GetSite(Context* context, const v1::GetSiteRequest* request,
                                                  v1::SiteStatus* response) {
  const auto write = [](Command* command) { command->mutable_query()->mutable_sites(); };
  return Serve(
      "GetSite", context, *request, write, [response, id = request->id()](const CommandResult& result) -> absl::Status {
        for (const v1::SiteStatus& site : result.sites().sites()) {
          if (site.id() != id) continue;
          *response = site;
          return absl::OkStatus();
        }
        return absl::NotFoundError(fmt::format("site \"{}\": not configured; `sites` lists those that are", id));
      });
}

grpc::ServerUnaryReactor* ClusterService::ListBudgets(Context* context, const v1::ListBudgetsRequest* request,
                                                      v1::ListBudgetsResponse* response) {
  return SWITCHYARD_PASS("ListBudgets", mutable_query()->mutable_budgets(), budgets);
}

grpc::ServerUnaryReactor* ClusterService::ListTenants(Context* context, const v1::ListTenantsRequest* request,
                                                      v1::ListTenantsResponse* response) {
  return SWITCHYARD_PASS("ListTenants", mutable_query()->mutable_tenants(), tenants);
}

grpc::ServerUnaryReactor* ClusterService::GetTenant(Context* context, const v1::GetTenantRequest* request,
                                                    v1::TenantStatus* response) {
  const auto write = [](Command* command) { command->mutable_query()->mutable_tenants(); };
  return Serve(
      "GetTenant", context, *request, write,
      [response, id = request->id()](const CommandResult& result) -> absl::Status {
        for (const v1::TenantStatus& tenant : result.tenants().tenants()) {
          if (tenant.id() != id) continue;
          *response = tenant;
          return absl::OkStatus();
        }
        return absl::NotFoundError(fmt::format("tenant \"{}\": not configured; `tenants` lists those that are", id));
      });
}

grpc::ServerUnaryReactor* ClusterService::ListAlarms(Context* context, const v1::ListAlarmsRequest* request,
                                                     v1::ListAlarmsResponse* response) {
  return SWITCHYARD_PASS("ListAlarms", mutable_query()->mutable_alarms(), alarms);
}

grpc::ServerUnaryReactor* ClusterService::WhyNotRising(Context* context, const v1::WhyNotRisingRequest* request,
                                                       v1::WhyNotRisingResponse* response) {
  return SWITCHYARD_PASS("WhyNotRising", mutable_query()->mutable_why(), why);
}

grpc::ServerUnaryReactor* ClusterService::ListOrphans(Context* context, const v1::ListOrphansRequest* request,
                                                      v1::ListOrphansResponse* response) {
  return SWITCHYARD_PASS("ListOrphans", mutable_query()->mutable_orphans(), orphans);
}

grpc::ServerUnaryReactor* ClusterService::ListQuarantine(Context* context, const v1::ListQuarantineRequest* request,
                                                         v1::ListQuarantineResponse* response) {
  return SWITCHYARD_PASS("ListQuarantine", mutable_query()->mutable_quarantine(), quarantine);
}

grpc::ServerUnaryReactor* ClusterService::ListPlans(Context* context, const v1::ListPlansRequest* request,
                                                    v1::ListPlansResponse* response) {
  return SWITCHYARD_PASS("ListPlans", mutable_query()->mutable_plans(), plans);
}

grpc::ServerUnaryReactor* ClusterService::NodeAction(Context* context, const v1::NodeActionRequest* request,
                                                     v1::NodeActionResponse* response) {
  return SWITCHYARD_PASS("NodeAction", mutable_node_action(), node_action);
}

grpc::ServerUnaryReactor* ClusterService::OrphanAction(Context* context, const v1::OrphanActionRequest* request,
                                                       v1::OrphanActionResponse* response) {
  return SWITCHYARD_PASS("OrphanAction", mutable_orphan_action(), orphan_action);
}

grpc::ServerUnaryReactor* ClusterService::ClearQuarantine(Context* context, const v1::ClearQuarantineRequest* request,
                                                          v1::ClearQuarantineResponse* response) {
  return SWITCHYARD_PASS("ClearQuarantine", mutable_clear_quarantine(), clear_quarantine);
}

#undef SWITCHYARD_PASS

grpc::ServerUnaryReactor* ClusterService::CreateToken(Context* context, const v1::CreateTokenRequest* request,
                                                      v1::CreateTokenResponse* response) {
  // The token itself leaves in the reply and is nowhere else: command, record and store hold its hash.
  const std::string token = platform::RandomHex(kTokenBytes);
  const int64_t expires = (gate_.clock().Utc() + kTokenLife).milliseconds();
  const auto write = [&](Command* command) {
    command->mutable_create_token()->set_node(request->node());
    command->mutable_create_token()->set_sha256(absl::HexStringToBytes(platform::Sha256Hex(token)));
    command->mutable_create_token()->set_expires_utc_ms(expires);
  };
  return Serve("CreateToken", context, *request, write, [response, token, expires](const CommandResult&) {
    response->set_token(token);
    response->set_expires_utc_ms(expires);
    return absl::OkStatus();
  });
}

grpc::ServerWriteReactor<v1::Event>* ClusterService::StreamEvents(Context* context,
                                                                  const v1::StreamEventsRequest* request) {
  const absl::StatusOr<Principal> principal = AdmitPerson(authenticator_, *context, *request);
  if (!principal.ok()) return new RefusedStream<v1::Event>(principal.status());
  absl::StatusOr<StreamQuota::Place> place = gate_.streams().Take(principal->name);
  if (!place.ok()) return new RefusedStream<v1::Event>(place.status());
  const auto stream = std::make_shared<EventStream>(&gate_.reads(), *std::move(place), *request);
  gate_.reads().AddWatcher(stream);
  stream->Start(context);
  return stream.get();
}

}  // namespace switchyard::rpc
