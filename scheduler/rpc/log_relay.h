// Logs on their way from a node to a reader: the request goes down the node's session, the data comes up among
// everything else that the agent says, and is passed on. The agent may be ahead of the reader by kLogCreditBytes and is
// given more as the reader takes it, so that a reader who stops holds up neither the session nor memory.
#ifndef SWITCHYARD_SCHEDULER_RPC_LOG_RELAY_H_
#define SWITCHYARD_SCHEDULER_RPC_LOG_RELAY_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "scheduler/rpc/pumped_reactor.h"
#include "scheduler/rpc/stream_quota.h"
#include "switchyard/v1/agent.pb.h"
#include "switchyard/v1/job.pb.h"

namespace switchyard::rpc {

class LogRelay;

// One reader.
class LogStream final : public PumpedReactor<grpc::ServerWriteReactor<v1::LogChunk>, v1::LogChunk> {
 public:
  LogStream(LogRelay* relay, StreamQuota::Place place) : relay_(*relay), place_(std::move(place)) {}

  // A piece from the agent. Any thread.
  void Take(v1::LogData data);

 private:
  friend class LogRelay;
  Next NextMessage(v1::LogChunk* message, absl::Status* status) override;
  void Ended() override;

  LogRelay& relay_;
  const StreamQuota::Place place_;
  uint64_t number_ = 0;  // the relay's, given before anything is sent to the agent; 0: not yet
  bool gone_ = false;    // guarded by the relay: gRPC is done with this stream
  std::mutex mutex_;
  std::deque<v1::LogData> waiting_;
  size_t waiting_bytes_ = 0;
  int64_t to_credit_ = 0;  // passed on and not yet given back to the agent
  bool ended_ = false;     // the last piece was passed on
};

class LogRelay {
 public:
  // Sends a request to a node on a session; false: that session is gone.
  using Send = std::function<bool(uint64_t session, const std::string& node, const v1::LogRequest& request)>;
  explicit LogRelay(Send send) : send_(std::move(send)) {}

  // Asks the node for its log. UNAVAILABLE when the session is gone: the stream is then closed with it.
  void Open(const std::shared_ptr<LogStream>& stream, uint64_t session, const std::string& node,
            v1::LogRequest request);

  // From the node's session; data of a stream that is gone, or of another session's, is dropped.
  void OnData(uint64_t session, const std::string& node, v1::LogData data);
  // The node left the session: its readers are told to repeat.
  void OnNodeGone(uint64_t session, const std::string& node);
  void CloseAll(const absl::Status& status);

 private:
  friend class LogStream;
  struct Line {
    std::weak_ptr<LogStream> reader;
    uint64_t session = 0;
    std::string node;
  };

  void Credit(uint64_t number, int64_t bytes);
  void Drop(LogStream* stream, bool cancel);

  const Send send_;
  std::mutex mutex_;
  uint64_t last_number_ = 0;
  std::map<uint64_t, Line> lines_;
};

}  // namespace switchyard::rpc

#endif  // SWITCHYARD_SCHEDULER_RPC_LOG_RELAY_H_
