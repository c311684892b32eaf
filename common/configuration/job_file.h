// Job files: one YAML document a job (docs/jobs.md). Strict units, all errors at once, `--set path=value` on top.
#ifndef SWITCHYARD_COMMON_CONFIGURATION_JOB_FILE_H_
#define SWITCHYARD_COMMON_CONFIGURATION_JOB_FILE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "switchyard/v1/job.pb.h"

namespace switchyard::configuration {

// Jobs of a file ("-": standard input), valid and with all defaults applied. `overrides` are "path=value" in the file's words,
// e.g. "resources.gpus=8" or "groups[1].count=4"; each holds for every document. INVALID_ARGUMENT: every problem, one a line.
absl::StatusOr<std::vector<v1::JobSpec>> LoadJobFile(const std::string& path, const std::vector<std::string>& overrides = {});
absl::StatusOr<std::vector<v1::JobSpec>> ParseJobText(const std::string& text, const std::string& file,
                                                      const std::vector<std::string>& overrides = {});

}  // namespace switchyard::configuration

#endif  // SWITCHYARD_COMMON_CONFIGURATION_JOB_FILE_H_
