#include "common/configuration/cluster_file.h"

#include "common/configuration/binder.h"
#include "common/configuration/cluster_schema.h"
#include "common/configuration/documents.h"
#include "common/configuration/node_table.h"
#include "common/platform/files.h"
#include "common/topology/validate_configuration.h"
#include "fmt/format.h"

namespace switchyard::configuration {
namespace {

// Files that a key names, one or a list, read from beside `file`. Each readable one is given to `use`.
template <typename Use>
void Follow(const YamlValue& root, const char* key, const std::string& file, Binder* binder, Use use) {
  const YamlValue* const value = root.Find(key);
  if (value == nullptr || value->kind == YamlValue::Kind::kNull) return;
  const std::vector<YamlValue> single{*value};
  for (const YamlValue& item : value->kind == YamlValue::Kind::kSequence ? value->items : single) {
    if (item.kind != YamlValue::Kind::kScalar) {
      binder->Report(item, fmt::format("{}: {}, allowed is a file name or a list of them", key, item.Describe()));
      continue;
    }
    const std::string path = platform::JoinPath(platform::DirectoryOf(file), item.scalar);
    const absl::StatusOr<std::string> text = platform::ReadFile(path);
    if (text.ok()) {
      use(path, *text);
    } else {
      binder->Report(item, fmt::format("{}: {}", key, std::string(text.status().message())));
    }
  }
}

}  // namespace

absl::StatusOr<ClusterFile> ParseClusterText(const std::string& text, const std::string& file) {
  Binder binder(file);
  ClusterFile result;
  v1::ClusterConfiguration& configuration = result.configuration;
  const std::optional<YamlValue> root = SingleDocument(text, file, &binder);
  if (!root.has_value()) return binder.ToStatus();
  binder.Bind(ClusterSchema(), *root, "", &configuration);

  // Values of another file must be bound while the binder stands in it; what the root says wrong is reported first.
  std::vector<std::pair<std::string, std::string>> catalogues, tables;
  Follow(*root, "catalogue", file, &binder, [&](const std::string& path, const std::string& content) { catalogues.emplace_back(path, content); });
  Follow(*root, "nodes_csv", file, &binder, [&](const std::string& path, const std::string& content) { tables.emplace_back(path, content); });
  for (const auto& [path, content] : catalogues) {
    binder.SetFile(path);
    const std::optional<YamlValue> catalogue = SingleDocument(content, path, &binder);
    if (catalogue.has_value()) binder.Bind(CatalogueSchema(), *catalogue, "", &configuration);
  }
  for (const auto& [path, content] : tables) {
    binder.SetFile(path);
    BindNodeTable(&binder, content, &configuration);
  }

  topology::ApplyDefaults(&configuration);
  binder.Judge(topology::ValidateConfiguration(configuration));
  if (absl::Status status = binder.ToStatus(); !status.ok()) return status;
  for (const validation::Problem& warning : topology::Warnings(configuration)) {
    result.warnings.push_back(binder.Locate(warning.path) + ": " + warning.message);
  }
  return result;
}

absl::StatusOr<ClusterFile> LoadClusterFile(const std::string& path) {
  const absl::StatusOr<std::string> text = platform::ReadFile(path);
  if (!text.ok()) return text.status();
  return ParseClusterText(*text, path == "-" ? "stdin" : path);
}

}  // namespace switchyard::configuration
