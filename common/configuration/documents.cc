#include "common/configuration/documents.h"

#include "common/platform/yaml_reader.h"
#include "fmt/format.h"

namespace switchyard::configuration {

std::optional<YamlValue> SingleDocument(const std::string& text, const std::string& file, Binder* binder) {
  absl::StatusOr<std::vector<YamlValue>> documents = platform::ParseYaml(text, file);
  if (!documents.ok()) {
    binder->ReportText(std::string(documents.status().message()));
    return std::nullopt;
  }
  if (documents->size() == 1) return std::move(documents->front());
  if (documents->size() > 1) {
    binder->Report((*documents)[1], fmt::format("{} documents, allowed is one; put everything under the first", documents->size()));
  } else {
    binder->ReportText(fmt::format("{}:1:1: an empty file, required is a map of settings", file));
  }
  return std::nullopt;
}

}  // namespace switchyard::configuration
