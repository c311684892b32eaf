#include "scheduler/rpc/job_service.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "common/validation/job_spec.h"
#include "fmt/format.h"
#include "scheduler/rpc/bounds/limits.h"
#include "scheduler/rpc/log_relay.h"
#include "scheduler/rpc/read_streams.h"

namespace switchyard::rpc {
namespace {

absl::Status JobNotFound(uint64_t id) {
  return absl::NotFoundError(
      fmt::format("job \"{}\": not known, it never was or its history was pruned; `jobs` lists those that are", id));
}

}  // namespace

grpc::ServerUnaryReactor* JobService::Submit(grpc::CallbackServerContext* context, const v1::SubmitRequest* request,
                                             v1::SubmitResponse* response) {
  const Call call{&gate_, "Submit", context->DefaultReactor()};
  v1::SubmitRequest submit = *request;
  for (v1::JobSpec& spec : *submit.mutable_jobs()) validation::ApplyJobDefaults(&spec);
  const absl::StatusOr<Principal> principal = AdmitPerson(authenticator_, *context, submit);
  if (!principal.ok()) {
    call.Finish(principal.status());
    return call.reactor;
  }
  store::v1::Command command = CommandOf(*principal);
  *command.mutable_submit() = std::move(submit);
  Ask(call, std::move(command), [response](const store::v1::CommandResult& result) {
    *response = result.submit();
    return absl::OkStatus();
  });
  return call.reactor;
}

grpc::ServerUnaryReactor* JobService::Cancel(grpc::CallbackServerContext* context, const v1::CancelRequest* request,
                                             v1::CancelResponse* response) {
  const Call call{&gate_, "Cancel", context->DefaultReactor()};
  const absl::StatusOr<Principal> principal = AdmitPerson(authenticator_, *context, *request);
  if (!principal.ok()) {
    call.Finish(principal.status());
    return call.reactor;
  }
  store::v1::Command command = CommandOf(*principal);
  *command.mutable_cancel() = *request;
  Ask(call, std::move(command), [response](const store::v1::CommandResult& result) {
    *response = result.cancel();
    return absl::OkStatus();
  });
  return call.reactor;
}

void JobService::WhenReadable(const grpc::CallbackServerContext& context, uint64_t at_least,
                              std::function<void(absl::Status)> then) {
  gate_.reads().WhenReached(std::max(at_least, gate_.reads().published()), WaitDeadline(context), std::move(then));
}

absl::Status JobService::MustSeeJob(const Principal& principal, uint64_t id) const {
  const std::optional<std::string> tenant = gate_.reads().TenantOf(id);
  if (!tenant) return JobNotFound(id);
  return gate_.reads().membership()->MustSee(principal, *tenant);
}

grpc::ServerUnaryReactor* JobService::GetJob(grpc::CallbackServerContext* context, const v1::GetJobRequest* request,
                                             v1::Job* response) {
  const Call call{&gate_, "GetJob", context->DefaultReactor()};
  const absl::StatusOr<Principal> principal = AdmitPerson(authenticator_, *context, *request);
  if (!principal.ok()) {
    call.Finish(principal.status());
    return call.reactor;
  }
  WhenReadable(*context, request->at_least(),
               [this, call, principal = *principal, request, response](absl::Status status) {
                 if (!status.ok()) return call.Finish(status);
                 ReadModel::JobAnswer answer = gate_.reads().GetJob(request->id());
                 if (!answer.job) return call.Finish(JobNotFound(request->id()));
                 status = gate_.reads().membership()->MustSee(principal, answer.job->spec().tenant());
                 if (status.ok()) *response = *std::move(answer.job);
                 call.Finish(status);
               });
  return call.reactor;
}

grpc::ServerUnaryReactor* JobService::ListJobs(grpc::CallbackServerContext* context, const v1::ListJobsRequest* request,
                                               v1::ListJobsResponse* response) {
  const Call call{&gate_, "ListJobs", context->DefaultReactor()};
  const absl::StatusOr<Principal> principal = AdmitPerson(authenticator_, *context, *request);
  if (!principal.ok()) {
    call.Finish(principal.status());
    return call.reactor;
  }
  WhenReadable(*context, request->at_least(),
               [this, call, principal = *principal, request, response](absl::Status status) {
                 if (status.ok() && !request->tenant().empty())
                   status = gate_.reads().membership()->MustSee(principal, request->tenant());
                 if (!status.ok()) return call.Finish(status);
                 JobTable::Query query;
                 query.state = request->state();
                 query.kind = request->kind();
                 query.tenant = request->tenant();
                 query.page_size = request->page_size() == 0 ? kPageSizeDefault : request->page_size();
                 if (!request->page_token().empty())
                   query.before = std::strtoull(request->page_token().c_str(), nullptr, 10);
                 ReadModel::ListAnswer answer = gate_.reads().ListJobs(query, principal);
                 for (v1::Job& job : answer.page.jobs) *response->add_jobs() = std::move(job);
                 if (answer.page.next != 0) response->set_next_page_token(std::to_string(answer.page.next));
                 response->set_store_revision(answer.revision);
                 call.Finish(absl::OkStatus());
               });
  return call.reactor;
}

grpc::ServerWriteReactor<v1::WatchResponse>* JobService::Watch(grpc::CallbackServerContext* context,
                                                               const v1::WatchRequest* request) {
  const absl::StatusOr<Principal> principal = AdmitPerson(authenticator_, *context, *request);
  if (!principal.ok()) return new RefusedStream<v1::WatchResponse>(principal.status());
  absl::StatusOr<StreamQuota::Place> place = gate_.streams().Take(principal->name);
  if (!place.ok()) return new RefusedStream<v1::WatchResponse>(place.status());
  const auto stream = std::make_shared<WatchStream>(&gate_.reads(), *principal, *std::move(place), *request);
  gate_.reads().AddWatcher(stream);
  stream->Start(context);
  return stream.get();
}

grpc::ServerUnaryReactor* JobService::Explain(grpc::CallbackServerContext* context, const v1::ExplainRequest* request,
                                              v1::ExplainResponse* response) {
  const Call call{&gate_, "Explain", context->DefaultReactor()};
  const absl::StatusOr<Principal> principal = AdmitPerson(authenticator_, *context, *request);
  if (!principal.ok()) {
    call.Finish(principal.status());
    return call.reactor;
  }
  WhenReadable(*context, 0, [this, call, principal = *principal, request, response](absl::Status status) {
    if (status.ok()) status = MustSeeJob(principal, request->id());
    if (!status.ok()) return call.Finish(status);
    store::v1::Command command = CommandOf(principal);
    *command.mutable_query()->mutable_explain() = *request;
    Ask(call, std::move(command), [response](const store::v1::CommandResult& result) {
      *response = result.explain();
      return absl::OkStatus();
    });
  });
  return call.reactor;
}

grpc::ServerWriteReactor<v1::LogChunk>* JobService::StreamLogs(grpc::CallbackServerContext* context,
                                                               const v1::StreamLogsRequest* request) {
  const absl::StatusOr<Principal> principal = AdmitPerson(authenticator_, *context, *request);
  if (!principal.ok()) return new RefusedStream<v1::LogChunk>(principal.status());
  absl::StatusOr<StreamQuota::Place> place = gate_.streams().Take(principal->name);
  if (!place.ok()) return new RefusedStream<v1::LogChunk>(place.status());
  const auto stream = std::make_shared<LogStream>(&gate_.agents().logs(), *std::move(place));
  stream->Start(context);
  // The request is gone when the reader is: what follows keeps a copy.
  WhenReadable(*context, 0, [this, stream, principal = *principal, copy = *request](absl::Status status) {
    if (status.ok()) status = MustSeeJob(principal, copy.id());
    if (!status.ok()) return stream->Close(status);
    FindLog(stream, principal, copy);
  });
  return stream.get();
}

void JobService::FindLog(const std::shared_ptr<LogStream>& stream, const Principal& principal,
                         const v1::StreamLogsRequest& request) {
  store::v1::Command command = CommandOf(principal);
  *command.mutable_query()->mutable_log_target() = request;
  (void)gate_.engine().Post(std::move(command), [this, stream, request](const core::Reply& reply) {
    if (!reply.status.ok()) return stream->Close(reply.status);
    const store::v1::LogTarget& target = reply.result.log_target();
    v1::LogRequest log;
    log.set_allocation(target.allocation());
    log.set_follow(request.follow());
    log.set_tail_lines(request.tail_lines());
    gate_.agents().ReadLog(stream, target.node(), std::move(log));
  });
}

}  // namespace switchyard::rpc
