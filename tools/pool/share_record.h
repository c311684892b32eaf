// What the pool saw: a line for every accepted share, from which anybody can verify it, and sums for the end.
//
// Single-threaded.
#ifndef SWITCHYARD_TOOLS_POOL_SHARE_RECORD_H_
#define SWITCHYARD_TOOLS_POOL_SHARE_RECORD_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "agent/mining/difficulty.h"
#include "tools/pool/share_judge.h"

namespace switchyard::tools::pool {

class ShareRecord {
 public:
  ~ShareRecord();

  // Appends accepted shares to a file from now on, one JSON object a line, each written at once.
  absl::Status Open(const std::string& path);

  void AddWorker(const std::string& worker);
  void AddAccepted(const std::string& worker, const std::string& job, const Verdict& verdict,
                   const agent::mining::Difficulty& difficulty, int64_t utc_ms);
  // `worker` is empty where the share had no authorized one.
  void AddRejected(const std::string& worker, int code);
  void AddConnection() { ++connections_; }

  uint64_t accepted() const { return accepted_; }
  // DATA_LOSS once a line could not be written.
  const absl::Status& health() const { return health_; }

  // Everything as one JSON document; `difficulty` is the pool's.
  std::string SummaryJson(const agent::mining::Difficulty& difficulty, int64_t elapsed_ms) const;

 private:
  struct WorkerSums {
    uint64_t accepted = 0, rejected = 0;
    double difficulty_sum = 0;  // statistics: expected hashes are this times 2^48 / 65535
  };

  int fd_ = -1;
  absl::Status health_;
  uint64_t accepted_ = 0, connections_ = 0, blocks_ = 0;
  std::map<int, uint64_t> rejected_;
  std::map<std::string, WorkerSums> workers_;
};

}  // namespace switchyard::tools::pool

#endif  // SWITCHYARD_TOOLS_POOL_SHARE_RECORD_H_
