#include "tools/referee/draw_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "absl/status/status.h"

namespace switchyard::tools::referee {

void ReadDraws(std::istream& lines, const SitePlan& plan, DrawLog* log) {
  std::string line, node, group, rest;
  while (std::getline(lines, line)) {
    // The last line of a file without its newline may be a part of one: a number cut short is still a number.
    if (lines.eof()) {
      if (!line.empty()) ++log->skipped_lines;
      break;
    }
    if (line.empty() || line.front() == '#') continue;
    std::istringstream fields(line);
    Draw draw;
    if (!(fields >> draw.utc_ms >> node >> group >> draw.mw) || fields >> rest || draw.mw < 0) {
      ++log->skipped_lines;
      continue;
    }
    const auto load = plan.load_index.find({node, group});
    if (load == plan.load_index.end()) {
      ++log->skipped_lines;
      ++log->unknown_loads;
      continue;
    }
    draw.load = load->second;
    log->draws.push_back(draw);
  }
}

absl::StatusOr<DrawLog> ReadDrawFiles(const std::vector<std::string>& paths, const SitePlan& plan) {
  DrawLog log;
  for (const std::string& path : paths) {
    std::ifstream file(path);
    if (!file) return absl::NotFoundError(fmt::format("draw file \"{}\": cannot be opened; check the path", path));
    ReadDraws(file, plan, &log);
  }
  std::stable_sort(log.draws.begin(), log.draws.end(), [](const Draw& a, const Draw& b) { return a.utc_ms < b.utc_ms; });
  return log;
}

}  // namespace switchyard::tools::referee
