#include "agent/mining/line_framer.h"

#include <fmt/format.h>

namespace switchyard::agent::mining {

absl::Status LineFramer::Feed(std::string_view bytes) {
  buffer_.erase(0, start_);
  start_ = 0;
  buffer_.append(bytes);
  const size_t last = buffer_.rfind('\n');
  const size_t unfinished = buffer_.size() - (last == std::string::npos ? 0 : last + 1);
  if (unfinished <= line_bytes_max_) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      fmt::format("line: is longer than {} bytes without an end, {} bytes are allowed; close the connection",
                  unfinished, line_bytes_max_));
}

std::optional<std::string> LineFramer::Next() {
  const size_t end = buffer_.find('\n', start_);
  if (end == std::string::npos) return std::nullopt;
  size_t length = end - start_;
  if (length > 0 && buffer_[end - 1] == '\r') --length;
  std::string line = buffer_.substr(start_, length);
  start_ = end + 1;
  return line;
}

}  // namespace switchyard::agent::mining
