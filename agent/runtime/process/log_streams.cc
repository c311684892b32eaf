#include "agent/runtime/process/log_streams.h"

#include <algorithm>
#include <utility>

namespace switchyard::agent::process {
namespace {

constexpr int64_t kDataBytesMax = 64 << 10;     // of one LogData
constexpr int64_t kBytesPerPump = 1 << 20;      // of one stream in one call: a few milliseconds

}  // namespace

void LogStreams::Open(const v1::LogRequest& request, const std::string& task_directory, Sink sink) {
  if (const auto open = streams_.find(request.stream()); open != streams_.end()) {
    open->second.credit += request.credit_bytes();
    return;
  }
  Stream stream = {.task_directory = task_directory,
                   .reader = OutputReader(task_directory, request.tail_lines()),
                   .sink = std::move(sink),
                   .follow = request.follow(),
                   .limited = request.credit_bytes() > 0,
                   .credit = request.credit_bytes(),
                   .pending = {}};
  streams_.emplace(request.stream(), std::move(stream));
}

bool LogStreams::Pump() {
  bool more = false;
  for (auto stream = streams_.begin(); stream != streams_.end();) {
    const State state = PumpOne(stream->first, stream->second, kBytesPerPump);
    more |= state == State::kMore;
    stream = state == State::kDone ? streams_.erase(stream) : std::next(stream);
  }
  return more;
}

LogStreams::State LogStreams::PumpOne(uint64_t id, Stream& stream, int64_t budget) {
  while (budget > 0) {
    if (stream.pending.data.empty()) {
      // Asked before the read: what an ended task has printed is all there when it is asked.
      const bool last = !stream.follow || ended_(stream.task_directory);
      stream.pending = stream.reader.Next();
      if (stream.pending.data.empty() && !last) return State::kIdle;
      if (stream.pending.data.empty()) {
        v1::LogData end;
        end.set_stream(id);
        end.set_end(true);
        stream.sink(std::move(end));
        return State::kDone;
      }
    }
    const int64_t allowed = std::min(stream.limited ? stream.credit : kDataBytesMax, kDataBytesMax);
    if (allowed <= 0) return State::kIdle;  // the next credit goes on here
    const size_t size = std::min(static_cast<size_t>(allowed), stream.pending.data.size());
    v1::LogData data;
    data.set_stream(id);
    data.set_data(stream.pending.data.substr(0, size));
    data.set_is_stderr(stream.pending.is_stderr);
    stream.pending.data.erase(0, size);
    stream.credit -= static_cast<int64_t>(size);
    budget -= static_cast<int64_t>(size);
    stream.sink(std::move(data));
  }
  return State::kMore;
}

}  // namespace switchyard::agent::process
