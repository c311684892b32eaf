// The miner's side of one Stratum V1 connection, without the socket: bytes in, bytes and work out.
//
// Pure and single-threaded: it reads no clock and does no I/O, so that every order of messages that a pool can send is
// a unit test. A session lives as long as its connection; a new connection gets a new session, since all jobs and
// extranonces of the old are void.
#ifndef SWITCHYARD_AGENT_MINING_STRATUM_SESSION_H_
#define SWITCHYARD_AGENT_MINING_STRATUM_SESSION_H_

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "agent/mining/line_framer.h"
#include "agent/mining/work.h"

namespace switchyard::agent::mining {

// The longest line from a pool: a notify with both coinbase halves and all branches at their bounds, in hex, is 135 kB.
inline constexpr size_t kPoolLineBytesMax = 160 * 1024;

struct SessionOptions {
  std::string host;  // of this connection; client.reconnect may name no other
  std::string user;  // "user.worker"
  std::string password;
  std::string agent;  // "name/version"
  std::optional<Difficulty> suggested_difficulty;
  bool version_rolling = false;  // offer BIP310 version rolling
};

// A find, to be submitted.
struct Share {
  std::shared_ptr<const Work> work;
  std::vector<uint8_t> extranonce2;
  uint32_t ntime = 0, nonce = 0, version = 0;
};

// Every share found is in exactly one of these, or still waits for its answer.
struct ShareCounts {
  uint64_t accepted = 0;
  uint64_t stale = 0;                  // the pool's code 21, and finds dropped here because their job was void already
  uint64_t unanswered = 0;             // the connection ended, or too many answers are owed
  uint64_t duplicates_suppressed = 0;  // would have been sent twice
  std::map<int, uint64_t> rejected;    // by the pool's code, but 21

  ShareCounts& operator+=(const ShareCounts& other);
};

class StratumSession {
 public:
  enum class State { kSubscribing, kAuthorizing, kReady };

  explicit StratumSession(SessionOptions options);

  // Queues the opening messages.
  void Open();

  // Takes what the socket read. An error means: close the connection, its message says why. PERMISSION_DENIED: the pool
  // refuses the user.
  absl::Status Receive(std::string_view bytes);

  // What the socket shall write; empties the queue.
  std::string TakeOutput();

  // Submits a find, or counts why not: never twice the same, never one of a void job.
  void Submit(const Share& share);

  // What to hash now; null until the session is ready and has a job. A new pointer whenever anything about it changed.
  std::shared_ptr<const Work> work() const { return state_ == State::kReady ? work_ : nullptr; }
  State state() const { return state_; }

  // The pool asked to come back after a pause, at its own port or another of the same host. Set once, then the
  // connection should close.
  struct Reconnect {
    std::optional<int> port;
    int wait_s = 0;
  };
  const std::optional<Reconnect>& reconnect() const { return reconnect_; }

  // Lines worth a log entry: client.show_message, refused redirections, unknown extension answers. Empties the list.
  std::vector<std::string> TakeRemarks();

  // With shares still owed an answer counted as unanswered.
  ShareCounts CountsAtEnd() const;
  const ShareCounts& counts() const { return counts_; }

 private:
  enum class Request { kConfigure, kSubscribe, kAuthorize, kSuggest, kSubmit };
  struct Message;  // a parsed JSON line

  absl::Status HandleLine(const std::string& line);
  absl::Status HandleAnswer(const Message& message);
  absl::Status HandleCall(const Message& message);
  absl::Status OnSubscribed(const Message& message);
  absl::Status OnNotify(const Message& message);
  absl::Status OnSetDifficulty(const Message& message);
  absl::Status OnSetExtranonce(const Message& message);
  void OnConfigured(const Message& message);
  void OnSubmitAnswer(const Message& message);
  void OnReconnect(const Message& message);
  void Send(Request kind, const std::string& method, const std::string& params_json);

  const SessionOptions options_;
  LineFramer framer_{kPoolLineBytesMax};
  State state_ = State::kSubscribing;
  std::string output_;
  std::vector<std::string> remarks_;
  std::optional<Reconnect> reconnect_;

  int64_t next_id_ = 1;
  std::map<int64_t, Request> pending_;  // requests that are owed an answer, bounded by kPendingMax

  // What the next job will be made with.
  std::vector<uint8_t> extranonce1_;
  int extranonce2_size_ = 0;
  Difficulty difficulty_;
  bool version_rolling_ = false;
  uint32_t version_mask_ = 0;

  std::shared_ptr<const Work> work_;
  // Jobs whose shares the pool may still take, oldest first, and what was submitted for each.
  // Invariant: the keys of submitted_ are the ids in valid_jobs_.
  std::deque<std::string> valid_jobs_;
  std::map<std::string, std::set<std::string>> submitted_;
  ShareCounts counts_;
};

}  // namespace switchyard::agent::mining

#endif  // SWITCHYARD_AGENT_MINING_STRATUM_SESSION_H_
