// The pool's sockets and clock: one thread, one poll loop, as many miners as allowed.
#ifndef SWITCHYARD_TOOLS_POOL_POOL_SERVER_H_
#define SWITCHYARD_TOOLS_POOL_POOL_SERVER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/pool/job_maker.h"
#include "tools/pool/miner_session.h"
#include "tools/pool/share_judge.h"
#include "tools/pool/share_record.h"

namespace switchyard::tools::pool {

struct PoolServerOptions {
  std::string host = "127.0.0.1";
  int port = 0;  // 0: any free one
  bool allow_remote =
      false;  // listen beyond loopback: the protocol is plain text without any authentication worth the name
  PoolTerms terms;
  int64_t block_interval_ms = 120'000;
  int64_t notify_interval_ms = 30'000;
  size_t connections_max = 256;
  uint64_t salt = 0;  // of the made-up chain; differs between runs
};

class PoolServer {
 public:
  // The record outlives the server.
  PoolServer(PoolServerOptions options, ShareRecord* record);
  ~PoolServer();

  // Binds and listens. INVALID_ARGUMENT for an address beyond loopback that was not allowed.
  absl::Status Listen();
  int port() const { return port_; }

  // Serves until `end_fd` is readable, or the record cannot be written any more.
  absl::Status Serve(int end_fd);

 private:
  struct Connection;

  void Accept(int64_t now_ms);
  // False if the connection ended.
  bool ReadFrom(Connection& connection, int64_t now_ms);
  bool WriteTo(Connection& connection);
  void RunSchedule(int64_t now_ms);
  void Announce(const agent::mining::StratumJob& job);

  const PoolServerOptions options_;
  ShareRecord* const record_;
  ShareJudge judge_{kExtranonce2Bytes};
  JobMaker maker_;
  agent::mining::StratumJob job_;  // the newest
  int listen_fd_ = -1, port_ = 0;
  uint32_t next_extranonce1_;
  int64_t next_block_ms_ = 0, next_notify_ms_ = 0;
  std::vector<std::unique_ptr<Connection>> connections_;
};

}  // namespace switchyard::tools::pool

#endif  // SWITCHYARD_TOOLS_POOL_POOL_SERVER_H_
