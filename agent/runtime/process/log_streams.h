// The readers of tasks' output that the scheduler has asked for, each with its flow control. All calls from the session's thread.
#ifndef SWITCHYARD_AGENT_RUNTIME_PROCESS_LOG_STREAMS_H_
#define SWITCHYARD_AGENT_RUNTIME_PROCESS_LOG_STREAMS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "agent/runtime/process/output_reader.h"
#include "switchyard/v1/agent.pb.h"

namespace switchyard::agent::process {

class LogStreams {
 public:
  using Sink = std::function<void(v1::LogData)>;
  // Whether the task of this directory can print no more.
  using Ended = std::function<bool(const std::string& task_directory)>;

  explicit LogStreams(Ended ended) : ended_(std::move(ended)) {}

  // Opens a stream and sends what there is. An open stream of that number is granted the request's credit instead.
  void Open(const v1::LogRequest& request, const std::string& task_directory, Sink sink);
  bool IsOpen(uint64_t stream) const { return streams_.contains(stream); }
  void Cancel(uint64_t stream) { streams_.erase(stream); }
  bool empty() const { return streams_.empty(); }

  // Sends what has come since, and the end of what has ended. True: there is more to send at once, for a single call sends a
  // bounded amount so that heartbeats go on.
  bool Pump();

 private:
  struct Stream {
    std::string task_directory;
    OutputReader reader;
    Sink sink;
    bool follow = false;
    bool limited = false;
    int64_t credit = 0;       // bytes that may still be sent, where limited
    OutputChunk pending;      // read, not yet sent
  };
  enum class State { kMore, kIdle, kDone };
  State PumpOne(uint64_t id, Stream& stream, int64_t budget);

  const Ended ended_;
  std::map<uint64_t, Stream> streams_;
};

}  // namespace switchyard::agent::process

#endif  // SWITCHYARD_AGENT_RUNTIME_PROCESS_LOG_STREAMS_H_
