// Logs: one line an event on standard error, `2026-11-23T03:40:17.250Z info lease-expired node=moses-lake/rack-007 bound=1.2MW`.
// The event is a fixed word for machines to match; everything that varies is a field. Quantities carry their unit.
#ifndef SWITCHYARD_COMMON_PLATFORM_LOGGING_H_
#define SWITCHYARD_COMMON_PLATFORM_LOGGING_H_

#include <concepts>
#include <initializer_list>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/ids.h"
#include "common/units.h"

namespace switchyard::platform {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

struct LogField {
  LogField(const char* key, std::string_view value) : key(key), value(value) {}
  LogField(const char* key, const std::string& value) : key(key), value(value) {}
  LogField(const char* key, const char* value) : key(key), value(value) {}
  LogField(const char* key, bool value) : key(key), value(value ? "true" : "false") {}
  LogField(const char* key, std::integral auto value) : key(key), value(std::to_string(value)) {}
  LogField(const char* key, const absl::Status& value) : key(key), value(value.ToString()) {}
  LogField(const char* key, Power value);
  LogField(const char* key, Duration value);
  template <typename Tag>
  LogField(const char* key, const Name<Tag>& value) : key(key), value(value.str()) {}
  template <typename Tag>
  LogField(const char* key, Number<Tag> value) : key(key), value(std::to_string(value.value())) {}

  const char* key;
  std::string value;
};

// "debug", "info", "warning" or "error".
absl::StatusOr<LogLevel> ParseLogLevel(const std::string& text);

// Called once, first thing in main. Before it the level is info.
void StartLogging(LogLevel level);

// Thread-safe. A value with blanks, quotes or control characters is written as a quoted string, so that a line stays a line.
void Log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields = {});

// The text of a line without its time: what Log writes, for tests.
std::string FormatLogLine(std::string_view event, std::initializer_list<LogField> fields);

}  // namespace switchyard::platform

#endif  // SWITCHYARD_COMMON_PLATFORM_LOGGING_H_
