// The cluster's file: YAML with units, a catalogue of models beside it, nodes counted in ranges or imported from CSV; read into
// the one message that the scheduler keeps. All errors of all its files at once, each with its line.
#ifndef SWITCHYARD_COMMON_CONFIGURATION_CLUSTER_FILE_H_
#define SWITCHYARD_COMMON_CONFIGURATION_CLUSTER_FILE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "switchyard/v1/configuration.pb.h"

namespace switchyard::configuration {

struct ClusterFile {
  v1::ClusterConfiguration configuration;  // valid, with all defaults applied
  std::vector<std::string> warnings;       // `file:line:column: what`
};

// INVALID_ARGUMENT: every problem, one a line, each `file:line:column: what was found, what is allowed; what to do`.
absl::StatusOr<ClusterFile> LoadClusterFile(const std::string& path);

// The same for text; `catalogue` and `nodes_csv` are looked for in the directory of `file`.
absl::StatusOr<ClusterFile> ParseClusterText(const std::string& text, const std::string& file);

}  // namespace switchyard::configuration

#endif  // SWITCHYARD_COMMON_CONFIGURATION_CLUSTER_FILE_H_
