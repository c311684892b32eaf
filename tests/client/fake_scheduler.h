// A scheduler for tests of clients: real gRPC on a unix socket of its own, answers from a script. It remembers what it
// was asked.
#ifndef SWITCHYARD_TESTS_CLIENT_FAKE_SCHEDULER_H_
#define SWITCHYARD_TESTS_CLIENT_FAKE_SCHEDULER_H_

#include <condition_variable>
#include <deque>
#include <grpcpp/grpcpp.h>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "client/client_options.h"
#include "switchyard/v1/cluster_service.grpc.pb.h"
#include "switchyard/v1/job_service.grpc.pb.h"

namespace switchyard::client {

v1::Job MakeJob(uint64_t id, v1::JobState state, uint64_t revision = 1);
v1::WatchResponse JobMessage(const v1::Job& job);
v1::WatchResponse ProgressMessage(uint64_t revision);
v1::WatchResponse ResyncMessage(uint64_t revision);
v1::Event MakeEvent(uint64_t sequence, const std::string& text);

// What one connection of a stream gets: messages, then its end. Without an end it stays open until the client leaves.
template <typename Message>
struct StreamScript {
  std::vector<Message> messages;
  bool ends = true;
  grpc::Status end = grpc::Status::OK;
};

class FakeScheduler final : public v1::JobService::Service, public v1::ClusterService::Service {
 public:
  FakeScheduler();
  ~FakeScheduler() override;

  const std::string& folder() const { return folder_; }  // fresh, removed at the end; the socket is in it
  std::string address() const { return "unix:" + folder_ + "/socket"; }
  // Options that retry within milliseconds.
  ClientOptions options() const;

  void Stop();  // as if killed: streams break, calls find nobody
  void Start();

  // ---- the script; set before the calls that meet it ----
  void FailNext(int calls, grpc::Status status);  // unary calls of any kind
  void HangCalls() { hang_ = true; }              // unary calls are not answered until the client gives up
  void PutJob(const v1::Job& job);
  void PutNode(const v1::NodeStatus& node);
  int page_bound = 1'000;
  v1::ExplainResponse explanation;
  v1::ListBudgetsResponse budgets;
  v1::ListSitesResponse sites;
  v1::ListAlarmsResponse alarms;
  std::deque<StreamScript<v1::WatchResponse>> watches;
  std::deque<StreamScript<v1::LogChunk>> logs;
  std::deque<StreamScript<v1::Event>> events;

  // ---- what was asked ----
  std::vector<v1::SubmitRequest> submits;  // also those that were failed
  std::vector<v1::CancelRequest> cancels;
  std::vector<v1::ListJobsRequest> job_lists;
  std::vector<v1::WatchRequest> watch_requests;
  std::vector<v1::StreamLogsRequest> log_requests;
  std::vector<v1::StreamEventsRequest> event_requests;
  std::vector<v1::NodeActionRequest> node_actions;
  std::vector<v1::OrphanActionRequest> orphan_actions;
  std::vector<std::string> cleared;
  int gets = 0;

  // Waits until so many streams of any kind were opened since the start.
  void AwaitStreams(int count);
  void AwaitCalls(int count);

 private:
  using Context = grpc::ServerContext;
  grpc::Status Submit(Context*, const v1::SubmitRequest*, v1::SubmitResponse*) override;
  grpc::Status GetJob(Context*, const v1::GetJobRequest*, v1::Job*) override;
  grpc::Status ListJobs(Context*, const v1::ListJobsRequest*, v1::ListJobsResponse*) override;
  grpc::Status Cancel(Context*, const v1::CancelRequest*, v1::CancelResponse*) override;
  grpc::Status Explain(Context*, const v1::ExplainRequest*, v1::ExplainResponse*) override;
  grpc::Status Watch(Context*, const v1::WatchRequest*, grpc::ServerWriter<v1::WatchResponse>*) override;
  grpc::Status StreamLogs(Context*, const v1::StreamLogsRequest*, grpc::ServerWriter<v1::LogChunk>*) override;
  grpc::Status StreamEvents(Context*, const v1::StreamEventsRequest*, grpc::ServerWriter<v1::Event>*) override;
  grpc::Status ListNodes(Context*, const v1::ListNodesRequest*, v1::ListNodesResponse*) override;
  grpc::Status GetNode(Context*, const v1::GetNodeRequest*, v1::NodeStatus*) override;
  grpc::Status ListSites(Context*, const v1::ListSitesRequest*, v1::ListSitesResponse*) override;
  grpc::Status GetSite(Context*, const v1::GetSiteRequest*, v1::SiteStatus*) override;
  grpc::Status ListBudgets(Context*, const v1::ListBudgetsRequest*, v1::ListBudgetsResponse*) override;
  grpc::Status ListTenants(Context*, const v1::ListTenantsRequest*, v1::ListTenantsResponse*) override;
  grpc::Status GetTenant(Context*, const v1::GetTenantRequest*, v1::TenantStatus*) override;
  grpc::Status ListAlarms(Context*, const v1::ListAlarmsRequest*, v1::ListAlarmsResponse*) override;
  grpc::Status WhyNotRising(Context*, const v1::WhyNotRisingRequest*, v1::WhyNotRisingResponse*) override;
  grpc::Status ListOrphans(Context*, const v1::ListOrphansRequest*, v1::ListOrphansResponse*) override;
  grpc::Status ListQuarantine(Context*, const v1::ListQuarantineRequest*, v1::ListQuarantineResponse*) override;
  grpc::Status ListPlans(Context*, const v1::ListPlansRequest*, v1::ListPlansResponse*) override;
  grpc::Status NodeAction(Context*, const v1::NodeActionRequest*, v1::NodeActionResponse*) override;
  grpc::Status OrphanAction(Context*, const v1::OrphanActionRequest*, v1::OrphanActionResponse*) override;
  grpc::Status ClearQuarantine(Context*, const v1::ClearQuarantineRequest*, v1::ClearQuarantineResponse*) override;
  grpc::Status CreateToken(Context*, const v1::CreateTokenRequest*, v1::CreateTokenResponse*) override;

  template <typename Request>
  void Remember(std::vector<Request>* requests, const Request& request) {
    const std::lock_guard<std::mutex> lock(mutex_);
    requests->push_back(request);
  }
  // Each unary call passes here first: the scripted failure, or the scripted silence.
  grpc::Status Meet(Context* context);
  template <typename Message>
  grpc::Status Play(Context* context, std::deque<StreamScript<Message>>* scripts, grpc::ServerWriter<Message>* writer);

  std::string folder_;
  std::unique_ptr<grpc::Server> server_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int failures_left_ = 0;
  grpc::Status failure_;
  bool hang_ = false;
  bool stopping_ = false;
  int streams_ = 0;
  int calls_ = 0;
  uint64_t revision_ = 100;
  std::map<uint64_t, v1::Job> jobs_;
  std::map<std::string, v1::NodeStatus> nodes_;
};

}  // namespace switchyard::client

#endif  // SWITCHYARD_TESTS_CLIENT_FAKE_SCHEDULER_H_
