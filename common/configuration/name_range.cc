#include "common/configuration/name_range.h"

#include "fmt/format.h"

namespace switchyard::configuration {
namespace {

constexpr int64_t kMaxNames = 100'000;  // as many nodes as a cluster has

bool IsNumber(const std::string& text) { return !text.empty() && text.size() <= 9 && text.find_first_not_of("0123456789") == std::string::npos; }

}  // namespace

absl::StatusOr<std::vector<CountedName>> ExpandRange(const std::string& pattern) {
  const size_t open = pattern.find('[');
  if (open == std::string::npos && pattern.find(']') == std::string::npos) return std::vector<CountedName>{{pattern, ""}};
  const size_t close = pattern.find(']');
  const size_t dash = pattern.find('-', open == std::string::npos ? 0 : open);
  const bool shaped = open != std::string::npos && close != std::string::npos && dash != std::string::npos && open < dash && dash < close &&
                      pattern.find('[', open + 1) == std::string::npos && pattern.find(']', close + 1) == std::string::npos;
  const std::string first = shaped ? pattern.substr(open + 1, dash - open - 1) : "";
  const std::string last = shaped ? pattern.substr(dash + 1, close - dash - 1) : "";
  if (!IsNumber(first) || !IsNumber(last)) {
    return absl::InvalidArgumentError(fmt::format("range \"{}\": not understood, allowed is one [FIRST-LAST] of numbers; write for example rack-[001-150]", pattern));
  }
  const int64_t from = std::stoll(first), to = std::stoll(last);
  if (to < from || to - from >= kMaxNames) {
    return absl::InvalidArgumentError(
        fmt::format("range \"{}\": {} names, allowed are 1 to {}; count upwards from FIRST to LAST", pattern, to - from + 1, kMaxNames));
  }
  std::vector<CountedName> names;
  names.reserve(static_cast<size_t>(to - from + 1));
  for (int64_t i = from; i <= to; ++i) {
    std::string number = fmt::format("{:0{}}", i, first.size());
    names.push_back({pattern.substr(0, open) + number + pattern.substr(close + 1), number});
  }
  return names;
}

}  // namespace switchyard::configuration
