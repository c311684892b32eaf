#include "tests/client/fake_scheduler.h"

#include <chrono>
#include <cstdlib>
#include <filesystem>

#include "common/check.h"

namespace switchyard::client {
namespace {

grpc::Status NotFound(const std::string& noun, const std::string& id) {
  return {grpc::StatusCode::NOT_FOUND, noun + " \"" + id + "\": does not exist; list them"};
}

}  // namespace

v1::Job MakeJob(uint64_t id, v1::JobState state, uint64_t revision) {
  v1::Job job;
  job.set_id(id);
  job.set_state(state);
  job.set_store_revision(revision);
  job.set_principal("uid:1000");
  job.mutable_spec()->set_name("train");
  job.mutable_spec()->set_tenant("research");
  job.mutable_spec()->set_kind(v1::TRAINING);
  job.mutable_spec()->set_priority(100);
  v1::TaskGroup* group = job.mutable_spec()->add_groups();
  group->set_name("worker");
  group->set_count(2);
  if (state == v1::FAILED) job.set_reason("worker/0 ended with exit code 7");
  return job;
}

v1::WatchResponse JobMessage(const v1::Job& job) {
  v1::WatchResponse message;
  message.set_kind(v1::WatchResponse::JOB);
  *message.mutable_job() = job;
  message.set_store_revision(job.store_revision());
  return message;
}
v1::WatchResponse ProgressMessage(uint64_t revision) {
  v1::WatchResponse message;
  message.set_kind(v1::WatchResponse::PROGRESS);
  message.set_store_revision(revision);
  return message;
}
v1::WatchResponse ResyncMessage(uint64_t revision) {
  v1::WatchResponse message;
  message.set_kind(v1::WatchResponse::RESYNC);
  message.set_store_revision(revision);
  return message;
}
v1::Event MakeEvent(uint64_t sequence, const std::string& text) {
  v1::Event event;
  event.set_sequence(sequence);
  event.set_utc_ms(1'000'000 + static_cast<int64_t>(sequence));
  event.set_kind("JobSubmitted");
  event.set_subject("job 17");
  event.set_text(text);
  return event;
}

FakeScheduler::FakeScheduler() {
  std::string pattern = (std::filesystem::temp_directory_path() / "switchyard-fake-XXXXXX").string();
  SWITCHYARD_CHECK(mkdtemp(pattern.data()) != nullptr) << pattern;
  folder_ = pattern;
  Start();
}

FakeScheduler::~FakeScheduler() {
  Stop();
  std::filesystem::remove_all(folder_);
}

ClientOptions FakeScheduler::options() const {
  ClientOptions options;
  options.server = address();
  options.backoff_initial = Milliseconds(1);
  options.backoff_max = Milliseconds(20);
  return options;
}

void FakeScheduler::Start() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = false;
  }
  grpc::ServerBuilder builder;
  builder.AddListeningPort(address(), grpc::InsecureServerCredentials());
  builder.RegisterService(static_cast<v1::JobService::Service*>(this));
  builder.RegisterService(static_cast<v1::ClusterService::Service*>(this));
  server_ = builder.BuildAndStart();
  SWITCHYARD_CHECK(server_ != nullptr) << address();
}

void FakeScheduler::Stop() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::now());
  server_.reset();
}

void FakeScheduler::FailNext(int calls, grpc::Status status) {
  const std::lock_guard<std::mutex> lock(mutex_);
  failures_left_ = calls;
  failure_ = std::move(status);
}
void FakeScheduler::PutJob(const v1::Job& job) {
  const std::lock_guard<std::mutex> lock(mutex_);
  jobs_[job.id()] = job;
}
void FakeScheduler::PutNode(const v1::NodeStatus& node) {
  const std::lock_guard<std::mutex> lock(mutex_);
  nodes_[node.id()] = node;
}

void FakeScheduler::AwaitStreams(int count) {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [&] { return streams_ >= count; });
}
void FakeScheduler::AwaitCalls(int count) {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [&] { return calls_ >= count; });
}

grpc::Status FakeScheduler::Meet(Context* context) {
  std::unique_lock<std::mutex> lock(mutex_);
  ++calls_;
  changed_.notify_all();
  if (failures_left_ > 0) {
    --failures_left_;
    return failure_;
  }
  while (hang_ && !stopping_ && !context->IsCancelled()) changed_.wait_for(lock, std::chrono::milliseconds(5));
  return grpc::Status::OK;
}

template <typename Message>
grpc::Status FakeScheduler::Play(Context* context, std::deque<StreamScript<Message>>* scripts,
                                 grpc::ServerWriter<Message>* writer) {
  StreamScript<Message> script;
  script.ends = false;
  std::unique_lock<std::mutex> lock(mutex_);
  if (!scripts->empty()) {
    script = scripts->front();
    scripts->pop_front();
  }
  ++streams_;
  changed_.notify_all();
  for (const Message& message : script.messages) writer->Write(message);
  while (!script.ends && !stopping_ && !context->IsCancelled()) changed_.wait_for(lock, std::chrono::milliseconds(5));
  return stopping_ ? grpc::Status(grpc::StatusCode::UNAVAILABLE, "shutting down") : script.end;
}

grpc::Status FakeScheduler::Submit(Context* context, const v1::SubmitRequest* request, v1::SubmitResponse* response) {
  Remember(&submits, *request);
  if (const grpc::Status status = Meet(context); !status.ok()) return status;
  const std::lock_guard<std::mutex> lock(mutex_);
  for (const v1::JobSpec& spec : request->jobs()) {
    const uint64_t id = 17 + jobs_.size();
    v1::Job job = MakeJob(id, v1::PENDING);
    *job.mutable_spec() = spec;
    jobs_[id] = job;
    response->add_job_ids(id);
  }
  response->set_store_revision(++revision_);
  return grpc::Status::OK;
}

grpc::Status FakeScheduler::GetJob(Context* context, const v1::GetJobRequest* request, v1::Job* response) {
  if (const grpc::Status status = Meet(context); !status.ok()) return status;
  const std::lock_guard<std::mutex> lock(mutex_);
  ++gets;
  const auto job = jobs_.find(request->id());
  if (job == jobs_.end()) return NotFound("job", std::to_string(request->id()));
  *response = job->second;
  return grpc::Status::OK;
}

grpc::Status FakeScheduler::ListJobs(Context* context, const v1::ListJobsRequest* request,
                                     v1::ListJobsResponse* response) {
  if (const grpc::Status status = Meet(context); !status.ok()) return status;
  const std::lock_guard<std::mutex> lock(mutex_);
  job_lists.push_back(*request);
  const uint64_t below = request->page_token().empty() ? UINT64_MAX : std::stoull(request->page_token());
  for (auto job = jobs_.rbegin(); job != jobs_.rend(); ++job) {
    if (job->first >= below ||
        (request->state() != v1::JOB_STATE_UNSPECIFIED && job->second.state() != request->state()))
      continue;
    if (response->jobs_size() == std::min(page_bound, request->page_size())) {
      response->set_next_page_token(std::to_string(response->jobs(response->jobs_size() - 1).id()));
      break;
    }
    *response->add_jobs() = job->second;
  }
  response->set_store_revision(++revision_);
  return grpc::Status::OK;
}

grpc::Status FakeScheduler::Cancel(Context* context, const v1::CancelRequest* request, v1::CancelResponse* response) {
  Remember(&cancels, *request);
  if (const grpc::Status status = Meet(context); !status.ok()) return status;
  response->set_store_revision(++revision_);
  return grpc::Status::OK;
}

grpc::Status FakeScheduler::Explain(Context* context, const v1::ExplainRequest*, v1::ExplainResponse* response) {
  *response = explanation;
  return Meet(context);
}

grpc::Status FakeScheduler::Watch(Context* context, const v1::WatchRequest* request,
                                  grpc::ServerWriter<v1::WatchResponse>* writer) {
  Remember(&watch_requests, *request);
  return Play(context, &watches, writer);
}
grpc::Status FakeScheduler::StreamLogs(Context* context, const v1::StreamLogsRequest* request,
                                       grpc::ServerWriter<v1::LogChunk>* writer) {
  Remember(&log_requests, *request);
  return Play(context, &logs, writer);
}
grpc::Status FakeScheduler::StreamEvents(Context* context, const v1::StreamEventsRequest* request,
                                         grpc::ServerWriter<v1::Event>* writer) {
  Remember(&event_requests, *request);
  return Play(context, &events, writer);
}

grpc::Status FakeScheduler::ListNodes(Context* context, const v1::ListNodesRequest* request,
                                      v1::ListNodesResponse* response) {
  if (const grpc::Status status = Meet(context); !status.ok()) return status;
  const std::lock_guard<std::mutex> lock(mutex_);
  for (const auto& [id, node] : nodes_) {
    if (id <= request->page_token()) continue;
    if (response->nodes_size() == page_bound) {
      response->set_next_page_token(response->nodes(response->nodes_size() - 1).id());
      break;
    }
    *response->add_nodes() = node;
  }
  return grpc::Status::OK;
}

grpc::Status FakeScheduler::GetNode(Context* context, const v1::GetNodeRequest* request, v1::NodeStatus* response) {
  if (const grpc::Status status = Meet(context); !status.ok()) return status;
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto node = nodes_.find(request->id());
  if (node == nodes_.end()) return NotFound("node", request->id());
  *response = node->second;
  return grpc::Status::OK;
}

grpc::Status FakeScheduler::ListSites(Context* context, const v1::ListSitesRequest*, v1::ListSitesResponse* response) {
  *response = sites;
  return Meet(context);
}
grpc::Status FakeScheduler::GetSite(Context* context, const v1::GetSiteRequest* request, v1::SiteStatus* response) {
  response->set_id(request->id());
  return Meet(context);
}
grpc::Status FakeScheduler::ListBudgets(Context* context, const v1::ListBudgetsRequest*,
                                        v1::ListBudgetsResponse* response) {
  *response = budgets;
  return Meet(context);
}
grpc::Status FakeScheduler::ListTenants(Context* context, const v1::ListTenantsRequest*,
                                        v1::ListTenantsResponse* response) {
  response->add_tenants()->set_id("research");
  return Meet(context);
}
grpc::Status FakeScheduler::GetTenant(Context* context, const v1::GetTenantRequest* request,
                                      v1::TenantStatus* response) {
  response->set_id(request->id());
  return Meet(context);
}
grpc::Status FakeScheduler::ListAlarms(Context* context, const v1::ListAlarmsRequest*,
                                       v1::ListAlarmsResponse* response) {
  *response = alarms;
  return Meet(context);
}
grpc::Status FakeScheduler::WhyNotRising(Context* context, const v1::WhyNotRisingRequest* request,
                                         v1::WhyNotRisingResponse* response) {
  auto* entry = response->add_entries();
  entry->set_budget(request->budget().empty() ? "moses-lake/meter" : request->budget());
  entry->add_blocked_by("node \"moses-lake/rack-001\": not heard from");
  return Meet(context);
}
grpc::Status FakeScheduler::ListOrphans(Context* context, const v1::ListOrphansRequest*,
                                        v1::ListOrphansResponse* response) {
  response->add_orphans()->set_id(900);
  return Meet(context);
}
grpc::Status FakeScheduler::ListQuarantine(Context* context, const v1::ListQuarantineRequest*,
                                           v1::ListQuarantineResponse* response) {
  response->add_devices()->set_device("SN-4711");
  return Meet(context);
}
grpc::Status FakeScheduler::ListPlans(Context* context, const v1::ListPlansRequest*, v1::ListPlansResponse* response) {
  response->add_plans()->set_id(3);
  return Meet(context);
}
grpc::Status FakeScheduler::NodeAction(Context* context, const v1::NodeActionRequest* request,
                                       v1::NodeActionResponse* response) {
  Remember(&node_actions, *request);
  response->set_store_revision(7);
  return Meet(context);
}
grpc::Status FakeScheduler::OrphanAction(Context* context, const v1::OrphanActionRequest* request,
                                         v1::OrphanActionResponse*) {
  Remember(&orphan_actions, *request);
  return Meet(context);
}
grpc::Status FakeScheduler::ClearQuarantine(Context* context, const v1::ClearQuarantineRequest* request,
                                            v1::ClearQuarantineResponse*) {
  Remember(&cleared, request->device());
  return Meet(context);
}
grpc::Status FakeScheduler::CreateToken(Context* context, const v1::CreateTokenRequest*,
                                        v1::CreateTokenResponse* response) {
  response->set_token("c0ffee");
  response->set_expires_utc_ms(1'764'000'000'000);
  return Meet(context);
}

}  // namespace switchyard::client
