// The pool's side of one Stratum V1 connection, without the socket: bytes in, bytes out.
//
// Single-threaded; the clock is given with every call. All sessions of a pool share its judge and its record.
#ifndef SWITCHYARD_TOOLS_POOL_MINER_SESSION_H_
#define SWITCHYARD_TOOLS_POOL_MINER_SESSION_H_

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "agent/mining/line_framer.h"
#include "tools/pool/share_judge.h"
#include "tools/pool/share_record.h"

namespace switchyard::tools::pool {

// The longest line from a miner: requests are under 400 bytes, names included.
inline constexpr size_t kMinerLineBytesMax = 8 * 1024;
inline constexpr size_t kWorkersMax = 64;  // names authorized on one connection
inline constexpr size_t kWorkerNameBytesMax = 128;

struct PoolTerms {
  agent::mining::Difficulty difficulty;  // of every connection; a miner may suggest a harder one, never an easier
  std::string password;                  // that mining.authorize must give; empty: any
};

class MinerSession {
 public:
  // The judge and the record outlive the session. `extranonce1` is this connection's alone.
  MinerSession(const PoolTerms& terms, std::vector<uint8_t> extranonce1, ShareJudge* judge, ShareRecord* record);

  // Takes what the socket read. An error means: close the connection.
  absl::Status Receive(std::string_view bytes, const agent::mining::StratumJob& current_job, int64_t utc_ms);

  // Sends a job, with the difficulty before it where that changed.
  void Notify(const agent::mining::StratumJob& job);

  std::string TakeOutput();
  bool subscribed() const { return subscribed_; }
  // A share of this session reached the network's target since the last call.
  bool TakeBlockFound();

 private:
  struct Request;

  absl::Status HandleLine(const std::string& line, const agent::mining::StratumJob& current_job, int64_t utc_ms);
  void OnConfigure(const Request& request);
  void OnSubscribe(const Request& request, const agent::mining::StratumJob& current_job);
  void OnAuthorize(const Request& request);
  void OnSuggestDifficulty(const Request& request);
  void OnSubmit(const Request& request, int64_t utc_ms);
  void Answer(const Request& request, std::string_view result_json);
  void AnswerError(const Request& request, int code, std::string_view text);
  agent::mining::Difficulty DifficultyOf(const std::string& job_id) const;

  const PoolTerms& terms_;
  ShareJudge* const judge_;
  ShareRecord* const record_;
  agent::mining::LineFramer framer_{kMinerLineBytesMax};
  std::string output_;
  MinerTerms miner_;
  bool subscribed_ = false, block_found_ = false, difficulty_told_ = false;
  std::set<std::string> workers_;
  // The difficulty told for each recent job, so that a miner is judged by what it knew.
  std::map<std::string, agent::mining::Difficulty> job_difficulty_;
  std::deque<std::string> job_order_;
};

}  // namespace switchyard::tools::pool

#endif  // SWITCHYARD_TOOLS_POOL_MINER_SESSION_H_
