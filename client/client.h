// The client of a Switchyard scheduler: what the command line and programs of users are made of. Requests and responses
// are the messages of proto/switchyard/v1; errors are the scheduler's own words.
//
// Every call blocks its thread, has a deadline, and repeats itself on UNAVAILABLE with an exponential back-off. Where
// the request has an idempotency key, every repetition carries the same one, so that nothing happens twice; an empty
// key is replaced by a random one. A Client may be used by many threads at once.
#ifndef SWITCHYARD_CLIENT_CLIENT_H_
#define SWITCHYARD_CLIENT_CLIENT_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/client_options.h"
#include "switchyard/v1/cluster.pb.h"
#include "switchyard/v1/job.pb.h"

namespace switchyard::client {

class Connection;

// Succeeded, failed or cancelled: it changes no more.
bool IsTerminal(v1::JobState state);
// A job in `state` need not be waited for any longer if `until` was waited for. Every terminal state ends every wait;
// of the others a later one includes an earlier (a running job has been preparing). UNSPECIFIED waits for the end.
bool HasReached(v1::JobState state, v1::JobState until);

struct WatchOptions {
  std::vector<uint64_t> ids;   // empty: all jobs that the caller may see; at most 1,000
  uint64_t from_revision = 0;  // 0: from now, beginning with the present state
};

struct WaitOptions {
  v1::JobState until = v1::JOB_STATE_UNSPECIFIED;  // UNSPECIFIED: until it ended
  Duration timeout = Duration::Max();
  uint64_t at_least = 0;                          // the store_revision of a write whose effect must be seen
  std::function<void(const v1::Job&)> on_change;  // each state seen of a job waited for; may be empty
};

class Client {
 public:
  // Opens lazily: a scheduler that is down is noticed by the first call. Fails on options that cannot work.
  static absl::StatusOr<std::unique_ptr<Client>> Connect(const ClientOptions& options);
  ~Client();

  // ---- jobs ----
  absl::StatusOr<v1::SubmitResponse> Submit(v1::SubmitRequest request);
  absl::StatusOr<v1::CancelResponse> Cancel(v1::CancelRequest request);
  absl::StatusOr<v1::Job> GetJob(uint64_t id, uint64_t at_least = 0);
  absl::StatusOr<v1::ListJobsResponse> ListJobsPage(const v1::ListJobsRequest& request);
  // All pages as one response without a next_page_token. `limit` (0: none) ends it after so many jobs.
  absl::StatusOr<v1::ListJobsResponse> ListJobs(v1::ListJobsRequest request, size_t limit = 0);
  absl::StatusOr<v1::ExplainResponse> Explain(uint64_t id);

  // Returns the jobs in the order of `ids`, each having reached the state. NOT_FOUND if one does not exist,
  // DEADLINE_EXCEEDED with the ids not there yet.
  absl::StatusOr<std::vector<v1::Job>> Wait(const std::vector<uint64_t>& ids, const WaitOptions& options);

  // Calls `handle` with each message until it returns false (then OK) or the stream ends in an error. A broken
  // connection is resumed where it broke, for up to reconnect_for. A RESYNC is handed on and followed by the present
  // state of the watched jobs: what was known before it may be stale. A job may be seen twice, or once more at an older
  // store_revision.
  absl::Status Watch(const WatchOptions& options, const std::function<bool(const v1::WatchResponse&)>& handle);

  // Calls `handle` with each chunk until the end of the log, or until it returns false. Bytes have no position to
  // resume from: a connection that breaks after the first chunk ends in UNAVAILABLE.
  absl::Status Logs(const v1::StreamLogsRequest& request, const std::function<bool(const v1::LogChunk&)>& handle);

  // ---- cluster ----
  absl::StatusOr<v1::ListNodesResponse> ListNodes(v1::ListNodesRequest request);  // all pages as one
  absl::StatusOr<v1::NodeStatus> GetNode(const std::string& id);
  absl::StatusOr<v1::ListSitesResponse> ListSites();
  absl::StatusOr<v1::SiteStatus> GetSite(const std::string& id);
  absl::StatusOr<v1::ListBudgetsResponse> ListBudgets(const std::string& site = "");
  absl::StatusOr<v1::ListTenantsResponse> ListTenants();
  absl::StatusOr<v1::TenantStatus> GetTenant(const std::string& id);
  absl::StatusOr<v1::ListAlarmsResponse> ListAlarms();
  absl::StatusOr<v1::WhyNotRisingResponse> WhyNotRising(const std::string& budget = "");
  absl::StatusOr<v1::ListOrphansResponse> ListOrphans();
  absl::StatusOr<v1::ListQuarantineResponse> ListQuarantine();
  absl::StatusOr<v1::ListPlansResponse> ListPlans();
  absl::StatusOr<v1::NodeActionResponse> NodeAction(v1::NodeActionRequest request);
  absl::StatusOr<v1::OrphanActionResponse> OrphanAction(v1::OrphanActionRequest request);
  absl::StatusOr<v1::ClearQuarantineResponse> ClearQuarantine(v1::ClearQuarantineRequest request);
  // Not repeated by the scheduler's key: each call that is answered makes one token.
  absl::StatusOr<v1::CreateTokenResponse> CreateToken(const std::string& node);

  // Calls `handle` with each event until it returns false or, without `follow`, the kept ones are through. When
  // following, a broken connection is resumed after the last event seen.
  absl::Status Events(const v1::StreamEventsRequest& request, const std::function<bool(const v1::Event&)>& handle);

 private:
  explicit Client(std::unique_ptr<Connection> connection);

  // Watch() that gives up at `deadline` with DEADLINE_EXCEEDED.
  absl::Status WatchUntil(const WatchOptions& options, std::chrono::steady_clock::time_point deadline,
                          const std::function<bool(const v1::WatchResponse&)>& handle);
  // The named jobs, or all, at `at_least` or later: what a watcher that was told to RESYNC missed.
  absl::StatusOr<std::vector<v1::Job>> PresentState(const std::vector<uint64_t>& ids, uint64_t at_least);

  const std::unique_ptr<Connection> connection_;
};

}  // namespace switchyard::client

#endif  // SWITCHYARD_CLIENT_CLIENT_H_
