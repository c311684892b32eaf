#include "agent/mining/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <map>

namespace switchyard::agent::mining {

absl::Status StartLog(const std::string& program, std::string_view level) {
  static const std::map<std::string_view, spdlog::level::level_enum> kLevels = {{"debug", spdlog::level::debug},
                                                                                {"info", spdlog::level::info},
                                                                                {"warning", spdlog::level::warn},
                                                                                {"error", spdlog::level::err}};
  const auto found = kLevels.find(level);
  if (found == kLevels.end()) {
    return absl::InvalidArgumentError(
        fmt::format("log level \"{}\": is not known, debug, info, warning and error are allowed; choose one", level));
  }
  spdlog::set_default_logger(spdlog::stderr_logger_mt(program));
  spdlog::set_level(found->second);
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %n %v", spdlog::pattern_time_type::utc);
  return absl::OkStatus();
}

void Log(LogLevel level, std::string_view line) {
  constexpr spdlog::level::level_enum kTo[] = {spdlog::level::debug, spdlog::level::info, spdlog::level::warn,
                                               spdlog::level::err};
  spdlog::log(kTo[static_cast<int>(level)], "{}", line);
}

}  // namespace switchyard::agent::mining
