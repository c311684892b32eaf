// The streaming half of Client: watches and what is built on them, logs and events.
#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "client/client.h"
#include "client/connection.h"
#include "fmt/format.h"

namespace switchyard::client {
namespace {

constexpr size_t kWatchIdsMax = 1'000;  // the scheduler's bound on WatchRequest.ids

// How one connection of a stream ended.
struct StreamEnd {
  absl::Status status;   // OK: the server closed it
  bool stopped = false;  // `handle` returned false
  bool heard = false;    // at least one message came
};

// Hands each message to `handle` until it returns false or the stream ends.
template <typename Response, typename Handle>
StreamEnd ReadStream(CallContext& context, grpc::ClientReaderInterface<Response>& stream, const Handle& handle) {
  StreamEnd end;
  Response response;
  while (stream.Read(&response)) {
    end.heard = true;
    if (!handle(response)) {
      end.stopped = true;
      context.grpc().TryCancel();
      break;
    }
  }
  const absl::Status status = FromGrpc(stream.Finish());
  if (!end.stopped) end.status = status;
  return end;
}

// The patience of a stream that is resumed: reconnect_for, counted anew each time that a connection has proven itself
// by a message or by having lasted.
class StreamRetry {
 public:
  StreamRetry(const Connection& connection, SteadyTime deadline) : connection_(connection), deadline_(deadline) {}

  void Connecting() { began_ = std::chrono::steady_clock::now(); }
  bool Again(const absl::Status& failure, bool heard) {
    const ClientOptions& options = connection_.options();
    if (heard || std::chrono::steady_clock::now() - began_ >= std::chrono::milliseconds(options.backoff_max.count())) {
      retry_.reset();
    }
    if (!retry_.has_value()) retry_.emplace(connection_, std::min(deadline_, After(options.reconnect_for)));
    return retry_->Again(failure);
  }

 private:
  const Connection& connection_;
  const SteadyTime deadline_;
  SteadyTime began_{};
  std::optional<Retry> retry_;
};

// A scheduler that shuts down in order closes its streams; to a watcher that is as good as a broken line.
absl::Status AsFailure(const absl::Status& status) {
  return status.ok() ? absl::UnavailableError("the stream was closed") : status;
}

v1::WatchResponse Present(const v1::Job& job, uint64_t revision) {
  v1::WatchResponse response;
  response.set_kind(v1::WatchResponse::JOB);
  *response.mutable_job() = job;
  response.set_store_revision(revision);
  return response;
}

}  // namespace

absl::Status Client::Watch(const WatchOptions& options, const std::function<bool(const v1::WatchResponse&)>& handle) {
  return WatchUntil(options, SteadyTime::max(), handle);
}

absl::Status Client::WatchUntil(const WatchOptions& options, SteadyTime deadline,
                                const std::function<bool(const v1::WatchResponse&)>& handle) {
  const ClientOptions& settings = connection_->options();
  v1::WatchRequest request;
  request.mutable_ids()->Add(options.ids.begin(), options.ids.end());
  request.set_from_revision(options.from_revision);
  StreamRetry retry(*connection_, deadline);
  for (;;) {
    if (settings.stop.stop_requested()) return absl::CancelledError("interrupted");
    std::optional<uint64_t> resync;
    CallContext context(settings, deadline);
    retry.Connecting();
    // Only PROGRESS moves the point of resumption: a break amid a batch must bring the rest of that batch.
    bool unwanted = false;
    const StreamEnd end = ReadStream<v1::WatchResponse>(
        context, *connection_->jobs().Watch(&context.grpc(), request), [&](const v1::WatchResponse& response) {
          if (response.kind() == v1::WatchResponse::PROGRESS) {
            request.set_from_revision(std::max(request.from_revision(), response.store_revision()));
          }
          unwanted = !handle(response);
          if (response.kind() == v1::WatchResponse::RESYNC) resync = response.store_revision();
          return !unwanted && !resync.has_value();
        });
    if (unwanted) return absl::OkStatus();
    if (resync.has_value()) {
      absl::StatusOr<std::vector<v1::Job>> present = PresentState(options.ids, *resync);
      if (!present.ok()) return present.status();
      for (const v1::Job& job : *present) {
        if (!handle(Present(job, *resync))) return absl::OkStatus();
      }
      request.set_from_revision(*resync);
      continue;
    }
    const absl::Status failure = connection_->Explained(AsFailure(end.status));
    if (!retry.Again(failure, end.heard)) return failure;
  }
}

absl::StatusOr<std::vector<v1::Job>> Client::PresentState(const std::vector<uint64_t>& ids, uint64_t at_least) {
  std::vector<v1::Job> jobs;
  if (ids.empty()) {
    v1::ListJobsRequest request;
    request.set_at_least(at_least);
    absl::StatusOr<v1::ListJobsResponse> all = ListJobs(request);
    if (!all.ok()) return all.status();
    jobs.assign(std::make_move_iterator(all->mutable_jobs()->begin()),
                std::make_move_iterator(all->mutable_jobs()->end()));
    return jobs;
  }
  for (const uint64_t id : ids) {
    absl::StatusOr<v1::Job> job = GetJob(id, at_least);
    if (!job.ok()) return job.status();
    jobs.push_back(*std::move(job));
  }
  return jobs;
}

absl::StatusOr<std::vector<v1::Job>> Client::Wait(const std::vector<uint64_t>& ids, const WaitOptions& options) {
  const SteadyTime deadline = After(options.timeout);
  std::map<uint64_t, v1::Job> latest;
  std::set<uint64_t> missing;
  const auto take = [&](const v1::Job& job) {
    const auto known = latest.find(job.id());
    if (known != latest.end() && known->second.store_revision() >= job.store_revision())
      return;  // seen, or older than seen
    latest[job.id()] = job;
    if (options.on_change) options.on_change(job);
    if (HasReached(job.state(), options.until)) missing.erase(job.id());
  };
  // All must arrive, so that it does not matter in which order they are watched: a thousand at a time.
  for (size_t first = 0; first < ids.size(); first += kWatchIdsMax) {
    const std::vector<uint64_t> part(ids.begin() + static_cast<ptrdiff_t>(first),
                                     ids.begin() + static_cast<ptrdiff_t>(std::min(ids.size(), first + kWatchIdsMax)));
    missing.insert(part.begin(), part.end());
    for (const uint64_t id : part) {
      absl::StatusOr<v1::Job> job = GetJob(id, options.at_least);
      if (!job.ok()) return job.status();
      take(*job);
      if (HasReached(job->state(), options.until)) missing.erase(id);  // an id that was named twice is known already
    }
    if (missing.empty()) continue;
    WatchOptions watch;
    watch.ids.assign(missing.begin(), missing.end());
    const absl::Status watched = WatchUntil(watch, deadline, [&](const v1::WatchResponse& response) {
      if (response.kind() == v1::WatchResponse::JOB) take(response.job());
      return !missing.empty();
    });
    if (watched.code() == absl::StatusCode::kDeadlineExceeded) {
      return absl::DeadlineExceededError(fmt::format("wait: {} of {} jobs not there when the time was over: {}",
                                                     missing.size(), ids.size(), fmt::join(missing, ", ")));
    }
    if (!watched.ok()) return watched;
  }
  std::vector<v1::Job> jobs;
  for (const uint64_t id : ids) jobs.push_back(latest[id]);
  return jobs;
}

absl::Status Client::Logs(const v1::StreamLogsRequest& request,
                          const std::function<bool(const v1::LogChunk&)>& handle) {
  const ClientOptions& settings = connection_->options();
  Retry retry(*connection_, After(settings.call_timeout));
  for (;;) {
    CallContext context(settings, SteadyTime::max());
    const StreamEnd end =
        ReadStream<v1::LogChunk>(context, *connection_->jobs().StreamLogs(&context.grpc(), request), handle);
    if (end.stopped || end.status.ok()) return absl::OkStatus();
    const absl::Status failure = connection_->Explained(end.status);
    if (end.heard || !retry.Again(failure)) return failure;
  }
}

absl::Status Client::Events(const v1::StreamEventsRequest& request,
                            const std::function<bool(const v1::Event&)>& handle) {
  const ClientOptions& settings = connection_->options();
  v1::StreamEventsRequest next = request;
  uint64_t last_sequence = 0;
  // Who follows waits out a restart; who only asks has the patience of any other call.
  StreamRetry retry(*connection_, request.follow() ? SteadyTime::max() : After(settings.call_timeout));
  for (;;) {
    if (settings.stop.stop_requested()) return absl::CancelledError("interrupted");
    CallContext context(settings, SteadyTime::max());
    retry.Connecting();
    const StreamEnd end = ReadStream<v1::Event>(context, *connection_->cluster().StreamEvents(&context.grpc(), next),
                                                [&](const v1::Event& event) {
                                                  if (event.sequence() <= last_sequence)
                                                    return true;  // of the millisecond at which the line broke
                                                  last_sequence = event.sequence();
                                                  next.set_since_utc_ms(event.utc_ms());
                                                  return handle(event);
                                                });
    if (end.stopped || (end.status.ok() && !request.follow())) return absl::OkStatus();
    const absl::Status failure = connection_->Explained(AsFailure(end.status));
    if (!retry.Again(failure, end.heard)) return failure;
  }
}

}  // namespace switchyard::client
