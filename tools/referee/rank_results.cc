#include "tools/referee/rank_results.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "absl/status/status.h"

namespace switchyard::tools::referee {

absl::StatusOr<RankResult> ReadRankResult(const std::string& path) {
  std::ifstream file(path);
  const nlohmann::json json = file ? nlohmann::json::parse(file, nullptr, false) : nlohmann::json();
  if (!json.is_object()) {
    return absl::InvalidArgumentError(fmt::format("rank file \"{}\": no JSON object, required is what a rank wrote at its end", path));
  }
  for (const char* key : {"rank", "accuracy", "steps", "resumed_from"}) {
    if (json.contains(key) && json[key].is_number()) continue;
    return absl::InvalidArgumentError(fmt::format("rank file \"{}\": no number \"{}\", required are rank, accuracy, steps, resumed_from", path, key));
  }
  return RankResult{path, json["rank"].get<int64_t>(), json["accuracy"].get<double>(), json["steps"].get<int64_t>(),
                    json["resumed_from"].get<int64_t>()};
}

absl::StatusOr<Handovers> ReadHandovers(std::istream& lines) {
  std::vector<int64_t> spans;
  std::string line;
  for (int64_t number = 1; std::getline(lines, line); ++number) {
    if (line.empty()) continue;
    const nlohmann::json json = nlohmann::json::parse(line, nullptr, false);
    if (!json.is_object() || !json.contains("ordered_utc_ms") || !json.contains("run_utc_ms")) {
      return absl::InvalidArgumentError(fmt::format("hand-overs: line {} is no object with ordered_utc_ms and run_utc_ms", number));
    }
    const int64_t span = json["run_utc_ms"].get<int64_t>() - json["ordered_utc_ms"].get<int64_t>();
    if (span < 0) return absl::InvalidArgumentError(fmt::format("hand-overs: line {} runs before it was ordered", number));
    spans.push_back(span);
  }
  std::sort(spans.begin(), spans.end());
  Handovers result{.count = static_cast<int64_t>(spans.size())};
  if (spans.empty()) return result;
  result.median_ms = spans[spans.size() / 2];
  result.p90_ms = spans[spans.size() * 9 / 10];
  result.worst_ms = spans.back();
  return result;
}

}  // namespace switchyard::tools::referee
