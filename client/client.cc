#include "client/client.h"

#include <utility>

#include "client/connection.h"
#include "fmt/format.h"

namespace switchyard::client {
namespace {

using Jobs = v1::JobService::StubInterface;
using Cluster = v1::ClusterService::StubInterface;

constexpr int kPageSize = 1'000;  // the largest that the scheduler gives: fewest round trips

template <typename Request>
void FillKey(Request* request) {
  if (request->idempotency_key().empty()) request->set_idempotency_key(NewIdempotencyKey());
}

// A write without an answer may have been carried out all the same. Whoever repeats it needs the key.
template <typename Response>
absl::StatusOr<Response> NamingKey(absl::StatusOr<Response> response, const std::string& key) {
  const absl::StatusCode code = response.status().code();
  if (code != absl::StatusCode::kUnavailable && code != absl::StatusCode::kDeadlineExceeded) return response;
  return absl::Status(
      code, fmt::format("{}; whether it was carried out is not known: repeat it with the idempotency key \"{}\"",
                        std::string(response.status().message()), key));
}

}  // namespace

bool IsTerminal(v1::JobState state) { return state == v1::SUCCEEDED || state == v1::FAILED || state == v1::CANCELLED; }

bool HasReached(v1::JobState state, v1::JobState until) {
  if (IsTerminal(state)) return true;
  return until != v1::JOB_STATE_UNSPECIFIED && !IsTerminal(until) && state >= until;
}

Client::Client(std::unique_ptr<Connection> connection) : connection_(std::move(connection)) {}
Client::~Client() = default;

absl::StatusOr<std::unique_ptr<Client>> Client::Connect(const ClientOptions& options) {
  const absl::Status valid = ValidateClientOptions(options);
  if (!valid.ok()) return valid;
  absl::StatusOr<std::unique_ptr<Connection>> connection = Connection::Open(options);
  if (!connection.ok()) return connection.status();
  return std::unique_ptr<Client>(new Client(*std::move(connection)));
}

absl::StatusOr<v1::SubmitResponse> Client::Submit(v1::SubmitRequest request) {
  FillKey(&request);
  return NamingKey(connection_->Call(&Jobs::Submit, request), request.idempotency_key());
}

absl::StatusOr<v1::CancelResponse> Client::Cancel(v1::CancelRequest request) {
  FillKey(&request);
  return NamingKey(connection_->Call(&Jobs::Cancel, request), request.idempotency_key());
}

absl::StatusOr<v1::Job> Client::GetJob(uint64_t id, uint64_t at_least) {
  v1::GetJobRequest request;
  request.set_id(id);
  request.set_at_least(at_least);
  return connection_->Call(&Jobs::GetJob, request);
}

absl::StatusOr<v1::ListJobsResponse> Client::ListJobsPage(const v1::ListJobsRequest& request) {
  return connection_->Call(&Jobs::ListJobs, request);
}

absl::StatusOr<v1::ListJobsResponse> Client::ListJobs(v1::ListJobsRequest request, size_t limit) {
  const size_t most = limit == 0 ? SIZE_MAX : limit;
  if (request.page_size() == 0) request.set_page_size(static_cast<int>(std::min<size_t>(kPageSize, most)));
  v1::ListJobsResponse all;
  do {
    absl::StatusOr<v1::ListJobsResponse> page = ListJobsPage(request);
    if (!page.ok()) return page.status();
    // Of the pages' revisions the first is the oldest: everything up to it is in the whole.
    if (all.store_revision() == 0) all.set_store_revision(page->store_revision());
    for (v1::Job& job : *page->mutable_jobs()) *all.add_jobs() = std::move(job);
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty() && static_cast<size_t>(all.jobs_size()) < most);
  if (static_cast<size_t>(all.jobs_size()) > most) {
    all.mutable_jobs()->DeleteSubrange(static_cast<int>(most), all.jobs_size() - static_cast<int>(most));
  }
  return all;
}

absl::StatusOr<v1::ExplainResponse> Client::Explain(uint64_t id) {
  v1::ExplainRequest request;
  request.set_id(id);
  return connection_->Call(&Jobs::Explain, request);
}

absl::StatusOr<v1::ListNodesResponse> Client::ListNodes(v1::ListNodesRequest request) {
  if (request.page_size() == 0) request.set_page_size(kPageSize);
  v1::ListNodesResponse all;
  do {
    absl::StatusOr<v1::ListNodesResponse> page = connection_->Call(&Cluster::ListNodes, request);
    if (!page.ok()) return page.status();
    if (all.store_revision() == 0) all.set_store_revision(page->store_revision());
    for (v1::NodeStatus& node : *page->mutable_nodes()) *all.add_nodes() = std::move(node);
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  return all;
}

absl::StatusOr<v1::NodeStatus> Client::GetNode(const std::string& id) {
  v1::GetNodeRequest request;
  request.set_id(id);
  return connection_->Call(&Cluster::GetNode, request);
}
absl::StatusOr<v1::ListSitesResponse> Client::ListSites() {
  return connection_->Call(&Cluster::ListSites, v1::ListSitesRequest());
}
absl::StatusOr<v1::SiteStatus> Client::GetSite(const std::string& id) {
  v1::GetSiteRequest request;
  request.set_id(id);
  return connection_->Call(&Cluster::GetSite, request);
}
absl::StatusOr<v1::ListBudgetsResponse> Client::ListBudgets(const std::string& site) {
  v1::ListBudgetsRequest request;
  request.set_site(site);
  return connection_->Call(&Cluster::ListBudgets, request);
}
absl::StatusOr<v1::ListTenantsResponse> Client::ListTenants() {
  return connection_->Call(&Cluster::ListTenants, v1::ListTenantsRequest());
}
absl::StatusOr<v1::TenantStatus> Client::GetTenant(const std::string& id) {
  v1::GetTenantRequest request;
  request.set_id(id);
  return connection_->Call(&Cluster::GetTenant, request);
}
absl::StatusOr<v1::ListAlarmsResponse> Client::ListAlarms() {
  return connection_->Call(&Cluster::ListAlarms, v1::ListAlarmsRequest());
}
absl::StatusOr<v1::WhyNotRisingResponse> Client::WhyNotRising(const std::string& budget) {
  v1::WhyNotRisingRequest request;
  request.set_budget(budget);
  return connection_->Call(&Cluster::WhyNotRising, request);
}
absl::StatusOr<v1::ListOrphansResponse> Client::ListOrphans() {
  return connection_->Call(&Cluster::ListOrphans, v1::ListOrphansRequest());
}
absl::StatusOr<v1::ListQuarantineResponse> Client::ListQuarantine() {
  return connection_->Call(&Cluster::ListQuarantine, v1::ListQuarantineRequest());
}
absl::StatusOr<v1::ListPlansResponse> Client::ListPlans() {
  return connection_->Call(&Cluster::ListPlans, v1::ListPlansRequest());
}

absl::StatusOr<v1::NodeActionResponse> Client::NodeAction(v1::NodeActionRequest request) {
  FillKey(&request);
  return NamingKey(connection_->Call(&Cluster::NodeAction, request), request.idempotency_key());
}
absl::StatusOr<v1::OrphanActionResponse> Client::OrphanAction(v1::OrphanActionRequest request) {
  FillKey(&request);
  return NamingKey(connection_->Call(&Cluster::OrphanAction, request), request.idempotency_key());
}
absl::StatusOr<v1::ClearQuarantineResponse> Client::ClearQuarantine(v1::ClearQuarantineRequest request) {
  FillKey(&request);
  return NamingKey(connection_->Call(&Cluster::ClearQuarantine, request), request.idempotency_key());
}

absl::StatusOr<v1::CreateTokenResponse> Client::CreateToken(const std::string& node) {
  v1::CreateTokenRequest request;
  request.set_node(node);
  return connection_->Call(&Cluster::CreateToken, request);
}

}  // namespace switchyard::client
