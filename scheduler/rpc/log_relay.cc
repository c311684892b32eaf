#include "scheduler/rpc/log_relay.h"

#include <utility>
#include <vector>

#include "fmt/format.h"
#include "scheduler/rpc/bounds/limits.h"

namespace switchyard::rpc {

void LogStream::Take(v1::LogData data) {
  bool over = false;
  {
    std::lock_guard lock(mutex_);
    waiting_bytes_ += data.data().size();
    over = waiting_bytes_ > kLogBufferMax;
    if (!over) waiting_.push_back(std::move(data));
  }
  if (over) {
    // Only an agent that does not know credit gets here. It is told to stop at once; the reader hears of it when it
    // reads on.
    relay_.Drop(this, /*cancel=*/true);
    Close(absl::ResourceExhaustedError(fmt::format(
        "log: the reader is {} bytes behind, at most {} are kept; read faster or ask for fewer lines with --tail",
        kLogBufferMax, kLogBufferMax)));
    return;
  }
  Wake();
}

LogStream::Next LogStream::NextMessage(v1::LogChunk* message, absl::Status* status) {
  if (ended_) return Next::kEnd;
  v1::LogData data;
  int64_t credit = 0;
  {
    std::lock_guard lock(mutex_);
    if (waiting_.empty()) return Next::kWait;
    data = std::move(waiting_.front());
    waiting_.pop_front();
    waiting_bytes_ -= data.data().size();
    to_credit_ += static_cast<int64_t>(data.data().size());
    if (to_credit_ >= kLogCreditBytes / 2) std::swap(credit, to_credit_);
  }
  if (credit > 0 && !data.end()) relay_.Credit(number_, credit);
  if (!data.error().empty()) {
    *status = absl::FailedPreconditionError("log: " + data.error());
    return Next::kEnd;
  }
  message->set_data(std::move(*data.mutable_data()));
  message->set_is_stderr(data.is_stderr());
  message->set_end(data.end());
  ended_ = data.end();
  return Next::kMessage;
}

void LogStream::Ended() { relay_.Drop(this, /*cancel=*/!ended_); }

void LogRelay::Open(const std::shared_ptr<LogStream>& stream, uint64_t session, const std::string& node,
                    v1::LogRequest request) {
  {
    std::lock_guard lock(mutex_);
    if (stream->gone_) return;
    stream->number_ = ++last_number_;
    lines_[stream->number_] = {stream, session, node};
  }
  request.set_stream(stream->number_);
  request.set_credit_bytes(kLogCreditBytes);
  if (!send_(session, node, request)) OnNodeGone(session, node);
}

void LogRelay::OnData(uint64_t session, const std::string& node, v1::LogData data) {
  std::shared_ptr<LogStream> reader;
  {
    std::lock_guard lock(mutex_);
    const auto found = lines_.find(data.stream());
    if (found == lines_.end() || found->second.session != session || found->second.node != node) return;
    reader = found->second.reader.lock();
  }
  if (reader) reader->Take(std::move(data));
}

void LogRelay::OnNodeGone(uint64_t session, const std::string& node) {
  std::vector<std::shared_ptr<LogStream>> readers;
  {
    std::lock_guard lock(mutex_);
    for (auto& [number, line] : lines_) {
      if (line.session != session || line.node != node) continue;
      if (auto reader = line.reader.lock()) readers.push_back(std::move(reader));
    }
  }
  for (const auto& reader : readers) {
    reader->Close(absl::UnavailableError(
        fmt::format("node \"{}\": its session ended, its agent comes back by itself; repeat the call", node)));
  }
}

void LogRelay::CloseAll(const absl::Status& status) {
  std::vector<std::shared_ptr<LogStream>> readers;
  {
    std::lock_guard lock(mutex_);
    for (auto& [number, line] : lines_) {
      if (auto reader = line.reader.lock()) readers.push_back(std::move(reader));
    }
  }
  for (const auto& reader : readers) reader->Close(status);
}

void LogRelay::Credit(uint64_t number, int64_t bytes) {
  v1::LogRequest request;
  request.set_stream(number);
  request.set_credit_bytes(bytes);
  Line line;
  {
    std::lock_guard lock(mutex_);
    const auto found = lines_.find(number);
    if (found == lines_.end()) return;
    line = found->second;
  }
  send_(line.session, line.node, request);
}

void LogRelay::Drop(LogStream* stream, bool cancel) {
  Line line;
  {
    std::lock_guard lock(mutex_);
    stream->gone_ = true;
    const auto found = lines_.find(stream->number_);
    if (found == lines_.end()) return;
    line = std::move(found->second);
    lines_.erase(found);
  }
  if (!cancel) return;
  v1::LogRequest request;
  request.set_stream(stream->number_);
  request.set_cancel(true);
  send_(line.session, line.node, request);
}

}  // namespace switchyard::rpc
