// One number out of one file of sysfs.
#ifndef SWITCHYARD_AGENT_TELEMETRY_SYSFS_VALUE_H_
#define SWITCHYARD_AGENT_TELEMETRY_SYSFS_VALUE_H_

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>

#include "common/platform/files.h"

namespace switchyard::agent::telemetry {

inline constexpr int64_t kSysfsBytesMax = 4096;  // a page: no attribute of sysfs is larger

// The file's first line without blanks at its end; empty when it cannot be read.
inline std::string SysfsText(const std::string& path) {
  const auto content = platform::ReadFile(path, kSysfsBytesMax);
  if (!content.ok()) return "";
  std::string line = content->substr(0, content->find('\n'));
  while (!line.empty() && (line.back() == ' ' || line.back() == '\0')) line.pop_back();
  return line;
}

inline std::optional<int64_t> SysfsInteger(const std::string& path) {
  const std::string text = SysfsText(path);
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || text.empty() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace switchyard::agent::telemetry

#endif  // SWITCHYARD_AGENT_TELEMETRY_SYSFS_VALUE_H_
