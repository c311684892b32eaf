// Log lines of the hashing program, on standard error: one event, one line.
//
// A thin door to spdlog, so that its headers are compiled once. Thread-safe.
#ifndef SWITCHYARD_AGENT_MINING_LOG_H_
#define SWITCHYARD_AGENT_MINING_LOG_H_

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"

namespace switchyard::agent::mining {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

// Names the program in every line and sets the least level that is written: debug, info, warning or error.
// INVALID_ARGUMENT for another.
absl::Status StartLog(const std::string& program, std::string_view level);

void Log(LogLevel level, std::string_view line);

template <typename... Args>
void LogInfo(fmt::format_string<Args...> format, Args&&... args) {
  Log(LogLevel::kInfo, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void LogError(fmt::format_string<Args...> format, Args&&... args) {
  Log(LogLevel::kError, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace switchyard::agent::mining

#endif  // SWITCHYARD_AGENT_MINING_LOG_H_
