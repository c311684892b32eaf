// JobService (proto/switchyard/v1/job_service.proto): submit, cancel and explain go to the core; get, list and watch
// are answered by the read model, and see everything that was acknowledged before they were asked.
#ifndef SWITCHYARD_SCHEDULER_RPC_JOB_SERVICE_H_
#define SWITCHYARD_SCHEDULER_RPC_JOB_SERVICE_H_

#include "scheduler/rpc/call.h"
#include "switchyard/v1/job_service.grpc.pb.h"

namespace switchyard::rpc {

class JobService final : public v1::JobService::CallbackService {
 public:
  JobService(Gate* gate, const Authenticator* authenticator) : gate_(*gate), authenticator_(*authenticator) {}

  grpc::ServerUnaryReactor* Submit(grpc::CallbackServerContext* context, const v1::SubmitRequest* request,
                                   v1::SubmitResponse* response) override;
  grpc::ServerUnaryReactor* GetJob(grpc::CallbackServerContext* context, const v1::GetJobRequest* request,
                                   v1::Job* response) override;
  grpc::ServerUnaryReactor* ListJobs(grpc::CallbackServerContext* context, const v1::ListJobsRequest* request,
                                     v1::ListJobsResponse* response) override;
  grpc::ServerUnaryReactor* Cancel(grpc::CallbackServerContext* context, const v1::CancelRequest* request,
                                   v1::CancelResponse* response) override;
  grpc::ServerWriteReactor<v1::WatchResponse>* Watch(grpc::CallbackServerContext* context,
                                                     const v1::WatchRequest* request) override;
  grpc::ServerUnaryReactor* Explain(grpc::CallbackServerContext* context, const v1::ExplainRequest* request,
                                    v1::ExplainResponse* response) override;
  grpc::ServerWriteReactor<v1::LogChunk>* StreamLogs(grpc::CallbackServerContext* context,
                                                     const v1::StreamLogsRequest* request) override;

 private:
  // Once everything acknowledged so far (and `at_least`) can be read.
  void WhenReadable(const grpc::CallbackServerContext& context, uint64_t at_least,
                    std::function<void(absl::Status)> then);
  // NOT_FOUND or PERMISSION_DENIED. REQUIRES: readable.
  absl::Status MustSeeJob(const Principal& principal, uint64_t id) const;
  void FindLog(const std::shared_ptr<LogStream>& stream, const Principal& principal,
               const v1::StreamLogsRequest& request);

  Gate& gate_;
  const Authenticator& authenticator_;
};

}  // namespace switchyard::rpc

#endif  // SWITCHYARD_SCHEDULER_RPC_JOB_SERVICE_H_
