// Cuts a byte stream into lines: half lines wait for their rest, several lines in one segment come out one by one.
#ifndef SWITCHYARD_AGENT_MINING_LINE_FRAMER_H_
#define SWITCHYARD_AGENT_MINING_LINE_FRAMER_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace switchyard::agent::mining {

// Not thread-safe. Memory is bounded by the longest allowed line plus one call's bytes.
class LineFramer {
 public:
  explicit LineFramer(size_t line_bytes_max) : line_bytes_max_(line_bytes_max) {}

  // RESOURCE_EXHAUSTED when an unfinished line is longer than allowed; the connection should be closed, for the rest
  // would be misread.
  absl::Status Feed(std::string_view bytes);

  // The next whole line without its '\n' or "\r\n". A whole line may exceed the bound by no more than one Feed.
  std::optional<std::string> Next();

 private:
  const size_t line_bytes_max_;
  std::string buffer_;
  size_t start_ = 0;  // of the first line not yet taken
};

}  // namespace switchyard::agent::mining

#endif  // SWITCHYARD_AGENT_MINING_LINE_FRAMER_H_
