// The miner's connection to its pools: keeps one Stratum session alive, posts its work to the board and submits what is
// found.
//
// Reconnects with back-off; after a few failures in a row moves on to the next pool, and returns to the first when that
// answers again. One thread runs it (Run); Submit and Status may be called from any thread.
#ifndef SWITCHYARD_AGENT_MINING_POOL_CLIENT_H_
#define SWITCHYARD_AGENT_MINING_POOL_CLIENT_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/mining/backoff.h"
#include "agent/mining/stratum_session.h"
#include "agent/mining/work_board.h"

namespace switchyard::agent::mining {

struct PoolAddress {
  std::string host;
  int port = 0;

  // Reads "host:port" or "[v6]:port", with or without "stratum+tcp://".
  static absl::StatusOr<PoolAddress> Parse(std::string_view text);
  std::string Text() const;
};

struct PoolClientOptions {
  std::vector<PoolAddress> pools;  // in order of preference; at least one
  SessionOptions session;          // host is filled in per connection
  uint64_t jitter_seed = 0;
  int64_t first_backoff_ms = 500, max_backoff_ms = 60'000;
  int64_t connect_timeout_ms = 10'000;
  // From the connection to an authorized session.
  int64_t handshake_timeout_ms = 20'000;
  // Pools re-notify every 30 s or so; four times that without a byte is a dead peer behind a living route.
  int64_t silence_timeout_ms = 120'000;
  // Failed connections in a row before the next pool's turn.
  int failures_before_next = 3;
  // How often a client that is on a backup tries the first pool.
  int64_t primary_probe_ms = 60'000;
};

struct PoolStatus {
  enum class State { kConnecting, kWaiting, kHandshaking, kReady };
  State state = State::kConnecting;
  std::string address;
  std::string reason;      // why the last connection ended or failed; empty until one did
  std::string difficulty;  // of the current work; empty without work
  uint64_t connections = 0;
  ShareCounts shares;
};

const char* StateName(PoolStatus::State state);

class PoolClient {
 public:
  // The board outlives the client. REQUIRES: options.pools is not empty.
  PoolClient(PoolClientOptions options, WorkBoard* board);
  ~PoolClient();

  // Connects and serves until stop is requested.
  void Run(std::stop_token stop);
  void Submit(Share share);
  PoolStatus Status() const;

 private:
  // Serves one connection from its start to its end, and says why it ended. Sets `was_ready` if the session got that
  // far.
  absl::Status Serve(const PoolAddress& address, std::stop_token stop, bool* was_ready,
                     StratumSession::Reconnect* reconnect);
  absl::Status ServeSession(int fd, StratumSession& session, std::stop_token stop, bool* was_ready);
  void PublishStatus(const StratumSession& session);
  void SetState(PoolStatus::State state, const PoolAddress& address, std::string_view reason);
  void RestFor(int64_t ms, std::stop_token stop);
  bool PrimaryAnswers() const;

  const PoolClientOptions options_;
  WorkBoard* const board_;
  const int wake_fd_;  // an eventfd: shares are queued, or stop is requested

  mutable std::mutex mutex_;
  std::vector<Share> found_;            // guarded by mutex_
  PoolStatus status_;                   // guarded by mutex_; shares of the running session included
  uint64_t ended_overflow_ = 0;         // guarded by mutex_; finds dropped because too many waited
  ShareCounts ended_sessions_;          // Run's thread only
  size_t pool_index_ = 0;               // Run's thread only
  std::shared_ptr<const Work> posted_;  // Run's thread only: what the board shows
};

}  // namespace switchyard::agent::mining

#endif  // SWITCHYARD_AGENT_MINING_POOL_CLIENT_H_
