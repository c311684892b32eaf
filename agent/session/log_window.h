// Flow control of one log stream: what the reader has not given credit for waits here, up to a bound.
#ifndef SWITCHYARD_AGENT_SESSION_LOG_WINDOW_H_
#define SWITCHYARD_AGENT_SESSION_LOG_WINDOW_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <utility>

#include "switchyard/v1/agent.pb.h"

namespace switchyard::agent::session {

// A task's rotated output is bounded by the agent's file (32 MiB by default); more than that waiting means that a
// follower reads slower than the task writes. It is told so and may follow anew.
inline constexpr size_t kLogWaitingBytes = 64 << 20;

// Thread rule: the loop's thread.
class LogWindow {
 public:
  using Send = std::function<void(v1::LogData)>;
  // `credit` 0: unlimited.
  LogWindow(int64_t credit, Send send) : limited_(credit > 0), credit_(credit), send_(std::move(send)) {}

  void Grant(int64_t bytes) {
    credit_ += bytes;
    Flush();
  }

  // False once the stream has ended: its source can be cancelled.
  bool Add(v1::LogData data) {
    if (ended_) return false;
    waiting_bytes_ += data.data().size();
    ended_ = data.end();
    if (waiting_bytes_ > kLogWaitingBytes) {
      waiting_.clear();
      waiting_bytes_ = 0;
      data.clear_data();
      data.set_error("log stream: more than 64 MiB wait for the reader; read faster or follow anew");
      data.set_end(true);
      ended_ = true;
    }
    waiting_.push_back(std::move(data));
    Flush();
    return !ended_;
  }

 private:
  void Flush() {
    // The end and empty pieces cost no credit.
    while (!waiting_.empty() && (!limited_ || credit_ > 0 || waiting_.front().data().empty())) {
      const auto size = static_cast<int64_t>(waiting_.front().data().size());
      credit_ -= size;
      waiting_bytes_ -= static_cast<size_t>(size);
      send_(std::move(waiting_.front()));
      waiting_.pop_front();
    }
  }

  bool limited_;
  int64_t credit_;
  Send send_;
  std::deque<v1::LogData> waiting_;
  size_t waiting_bytes_ = 0;
  bool ended_ = false;
};

}  // namespace switchyard::agent::session

#endif  // SWITCHYARD_AGENT_SESSION_LOG_WINDOW_H_
