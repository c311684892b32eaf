// Inside the client library only: the channel, both stubs, and how a call is made (deadline, retry, stop). This header
// and its .cc are the only ones of the library that name gRPC's types beside the streams.
#ifndef SWITCHYARD_CLIENT_CONNECTION_H_
#define SWITCHYARD_CLIENT_CONNECTION_H_

#include <chrono>
#include <functional>
#include <grpcpp/grpcpp.h>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/client_options.h"
#include "client/retry.h"
#include "switchyard/v1/cluster_service.grpc.pb.h"
#include "switchyard/v1/job_service.grpc.pb.h"

namespace switchyard::client {

// Same code, same message: what a user reads are the scheduler's own words.
absl::Status FromGrpc(const grpc::Status& status);

using SteadyTime = std::chrono::steady_clock::time_point;
SteadyTime After(Duration span);  // Duration::Max() is never

// A context that is cancelled as soon as the options' stop is requested.
class CallContext {
 public:
  CallContext(const ClientOptions& options, SteadyTime deadline);
  grpc::ClientContext& grpc() { return context_; }

 private:
  grpc::ClientContext context_;
  std::stop_callback<std::function<void()>> on_stop_;
};

class Connection;

// Decides, after a failure, whether to try again: true after a pause. Only UNAVAILABLE is tried again; `deadline`
// bounds it.
class Retry {
 public:
  // `connection` must outlive it.
  Retry(const Connection& connection, SteadyTime deadline);
  bool Again(const absl::Status& failure);

 private:
  const Connection& connection_;
  const SteadyTime deadline_;
  Backoff backoff_;
};

class Connection {
 public:
  // REQUIRES: ValidateClientOptions(options) is OK.
  static absl::StatusOr<std::unique_ptr<Connection>> Open(const ClientOptions& options);

  const ClientOptions& options() const { return options_; }
  v1::JobService::StubInterface& jobs() { return *jobs_; }
  v1::ClusterService::StubInterface& cluster() { return *cluster_; }

  template <typename Service, typename Request, typename Response>
  using Method = grpc::Status (Service::*)(grpc::ClientContext*, const Request&, Response*);

  // One call with its retries. The same request, and so the same idempotency key, goes out each time.
  template <typename Service, typename Request, typename Response>
  absl::StatusOr<Response> Call(Method<Service, Request, Response> method, const Request& request) {
    const SteadyTime deadline = After(options_.call_timeout);
    Retry retry(*this, deadline);
    for (;;) {
      if (options_.stop.stop_requested()) return absl::CancelledError("interrupted");
      CallContext context(options_, deadline);
      Response response;
      const grpc::Status status = (Stub(static_cast<Service*>(nullptr)).*method)(&context.grpc(), request, &response);
      if (status.ok()) return response;
      const absl::Status failure = Explained(FromGrpc(status));
      if (!retry.Again(failure)) return failure;
    }
  }

  // Waits out a back-off, or less where the line was down and comes back meanwhile; false if the program is to stop.
  bool Pause(Duration back_off) const;

  // Adds the address where only the connection is at fault: gRPC's own words name none that an operator would know.
  absl::Status Explained(const absl::Status& failure) const;

 private:
  Connection(ClientOptions options, std::shared_ptr<grpc::Channel> channel);

  v1::JobService::StubInterface& Stub(v1::JobService::StubInterface*) { return *jobs_; }
  v1::ClusterService::StubInterface& Stub(v1::ClusterService::StubInterface*) { return *cluster_; }

  const ClientOptions options_;
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<v1::JobService::StubInterface> jobs_;
  const std::unique_ptr<v1::ClusterService::StubInterface> cluster_;
};

}  // namespace switchyard::client

#endif  // SWITCHYARD_CLIENT_CONNECTION_H_
