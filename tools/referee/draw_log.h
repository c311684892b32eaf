// What was truly drawn, as those who simulate or measure the devices wrote it down: `<utc ms> <node> <group> <milliwatts>` a line,
// a value holding until the next line of the same node and group.
#ifndef SWITCHYARD_TOOLS_REFEREE_DRAW_LOG_H_
#define SWITCHYARD_TOOLS_REFEREE_DRAW_LOG_H_

#include <cstdint>
#include <istream>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/referee/site_plan.h"

namespace switchyard::tools::referee {

struct Draw {
  int64_t utc_ms = 0;
  size_t load = 0;  // index into SitePlan::loads
  int64_t mw = 0;
};

struct DrawLog {
  std::vector<Draw> draws;    // ascending in time; lines of one moment in the order of the files
  int64_t skipped_lines = 0;  // half written, or of a node that the site does not have
  int64_t unknown_loads = 0;  // of those, the ones that are whole but name nothing in the site
};

// Adds the lines of one file.
void ReadDraws(std::istream& lines, const SitePlan& plan, DrawLog* log);

// All files together. NOT_FOUND names the file that cannot be read.
absl::StatusOr<DrawLog> ReadDrawFiles(const std::vector<std::string>& paths, const SitePlan& plan);

}  // namespace switchyard::tools::referee

#endif  // SWITCHYARD_TOOLS_REFEREE_DRAW_LOG_H_
