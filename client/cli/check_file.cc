#include "client/cli/check_file.h"

#include <fstream>
#include <google/protobuf/struct.pb.h>
#include <iterator>
#include <sstream>

#include "client/cli/output.h"
#include "client/cli/text.h"
#include "client/client_options.h"
#include "common/configuration/agent_file.h"
#include "common/configuration/cluster_file.h"
#include "common/configuration/job_file.h"
#include "common/platform/yaml_reader.h"
#include "fmt/format.h"

namespace switchyard::client::cli {
namespace {

// The loaders have their own, equal bound; this one keeps a device or a log from being read whole.
constexpr size_t kFileBytesMax = size_t{16} << 20;

std::vector<std::string> Lines(const absl::Status& status) {
  std::vector<std::string> lines;
  std::istringstream text{std::string(status.message())};
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  return lines;
}

// A key that tells a file's kind. The first that is found decides: keys that two kinds share come after those that one
// has alone.
struct Mark {
  const char* key;
  const char* kind;
};
constexpr Mark kMarks[] = {
    {"kind", "job"},
    {"resources", "job"},
    {"tenant", "job"},
    {"command", "job"},
    {"cluster", "cluster"},
    {"sites", "cluster"},
    {"tenants", "cluster"},
    {"catalogue", "cluster"},
    {"scheduler", "agent"},
    {"state_dir", "agent"},
    {"mode", "agent"},
    {"simulated", "agent"},
    {"server", "client"},
    {"ca_file", "client"},
    {"call_timeout", "client"},
    {"nodes", "agent"},
    {"insecure_loopback", "client"},  // clusters and agents have these, too
    {"device_models", "catalogue"},
    {"node_models", "catalogue"},
};

std::string KindOf(const std::vector<platform::YamlValue>& documents) {
  for (const platform::YamlValue& document : documents) {
    for (const Mark& mark : kMarks) {
      if (document.Find(mark.key) != nullptr) return mark.kind;
    }
  }
  return "";
}

void CheckJob(const std::vector<std::string>& overrides, CheckedFile* checked) {
  const auto jobs = configuration::LoadJobFile(checked->file, overrides);
  if (!jobs.ok()) {
    checked->errors = Lines(jobs.status());
  } else {
    checked->summary = Count(jobs->size(), "job");
  }
}

void CheckCluster(CheckedFile* checked) {
  const auto cluster = configuration::LoadClusterFile(checked->file);
  if (!cluster.ok()) {
    checked->errors = Lines(cluster.status());
    return;
  }
  const v1::ClusterConfiguration& configuration = cluster->configuration;
  checked->warnings = cluster->warnings;
  checked->summary =
      fmt::format("{}, {}, {}", Count(configuration.sites_size(), "site"), Count(configuration.nodes_size(), "node"),
                  Count(configuration.tenants_size(), "tenant"));
}

void CheckAgent(CheckedFile* checked) {
  const auto agent = configuration::LoadAgentFile(checked->file);
  if (!agent.ok()) {
    checked->errors = Lines(agent.status());
  } else {
    checked->summary = Count(agent->nodes.size(), "node");
  }
}

void CheckClient(CheckedFile* checked) {
  const auto options = ReadClientFile(checked->file);
  const absl::Status status = options.ok() ? ValidateClientOptions(*options) : options.status();
  if (!status.ok()) {
    checked->errors = Lines(status);
  } else {
    checked->summary = fmt::format("server {}", options->server);
  }
}

}  // namespace

CheckedFile CheckFile(const std::string& file, const std::vector<std::string>& overrides) {
  CheckedFile checked;
  checked.file = file;
  std::ifstream stream(file, std::ios::binary);
  std::string text(stream.is_open() ? kFileBytesMax + 1 : 0, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!stream.is_open() || stream.bad()) {
    checked.errors.push_back(fmt::format("file \"{}\": cannot be read; check the path and its rights", file));
    return checked;
  }
  text.resize(static_cast<size_t>(stream.gcount()));
  if (text.size() > kFileBytesMax) {
    checked.errors.push_back(
        fmt::format("file \"{}\": longer than 16MiB, the most allowed; is it the right file?", file));
    return checked;
  }
  const auto documents = platform::ParseYaml(text, file);
  if (!documents.ok()) {
    checked.errors = Lines(documents.status());
    return checked;
  }
  checked.kind = KindOf(*documents);
  if (checked.kind == "job") {
    CheckJob(overrides, &checked);
  } else if (checked.kind == "cluster") {
    CheckCluster(&checked);
  } else if (checked.kind == "agent") {
    CheckAgent(&checked);
  } else if (checked.kind == "client") {
    CheckClient(&checked);
  } else if (checked.kind == "catalogue") {
    checked.summary = "well-formed";
    checked.warnings.push_back(
        fmt::format("{}:1:1: a catalogue has a meaning only in a cluster; check the cluster file that names it", file));
  } else {
    checked.errors.push_back(
        fmt::format("{}:1:1: neither a job (kind), a cluster (sites), an agent's (scheduler) nor a client's file "
                    "(server); is it the right file?",
                    file));
  }
  return checked;
}

std::string CheckedFilesJson(const std::vector<CheckedFile>& files) {
  google::protobuf::Struct document;
  google::protobuf::ListValue* list = (*document.mutable_fields())["files"].mutable_list_value();
  for (const CheckedFile& checked : files) {
    auto& fields = *list->add_values()->mutable_struct_value()->mutable_fields();
    fields["file"].set_string_value(checked.file);
    fields["kind"].set_string_value(checked.kind);
    fields["valid"].set_bool_value(checked.errors.empty());
    fields["summary"].set_string_value(checked.summary);
    for (const auto& [name, lines] : {std::pair{"errors", &checked.errors}, std::pair{"warnings", &checked.warnings}}) {
      google::protobuf::ListValue* texts = fields[name].mutable_list_value();
      for (const std::string& line : *lines) texts->add_values()->set_string_value(line);
    }
  }
  return ToJson(document, true);
}

}  // namespace switchyard::client::cli
