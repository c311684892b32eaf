#include "common/configuration/job_file.h"

#include <algorithm>
#include <charconv>

#include "common/configuration/binder.h"
#include "common/configuration/job_schema.h"
#include "common/platform/files.h"
#include "common/platform/yaml_reader.h"
#include "common/validation/job_spec.h"
#include "fmt/format.h"

namespace switchyard::configuration {
namespace {

constexpr size_t kMaxJobsPerFile = 10'000;  // what one submit takes

// Every value under an override says where it came from.
void MarkSource(const std::string& source, YamlValue* value) {
  value->source = source;
  for (YamlValue& item : value->items) MarkSource(source, &item);
  for (platform::YamlEntry& entry : value->entries) MarkSource(source, &entry.value);
}

// The value that `path` ("groups[1].resources.gpus") leads to, made where it is missing; null where it leads nowhere.
YamlValue* Reach(const std::string& path, YamlValue* root) {
  YamlValue* at = root;
  for (size_t from = 0; from <= path.size();) {
    const size_t end = path.find_first_of(".[", from);
    const std::string key = path.substr(from, end == std::string::npos ? end : end - from);
    if (at->kind == YamlValue::Kind::kNull) at->kind = YamlValue::Kind::kMap;
    if (key.empty() || at->kind != YamlValue::Kind::kMap) return nullptr;
    auto entry = std::find_if(at->entries.begin(), at->entries.end(), [&](const platform::YamlEntry& e) { return e.key == key; });
    if (entry == at->entries.end()) entry = at->entries.insert(at->entries.end(), {key, at->position, {}});
    at = &entry->value;
    if (end == std::string::npos) return at;
    from = end + 1;
    if (path[end] == '.') continue;
    size_t index = 0;
    const auto [stop, error] = std::from_chars(path.data() + from, path.data() + path.size(), index);
    if (error != std::errc() || stop == path.data() + path.size() || *stop != ']' || index >= at->items.size()) return nullptr;
    at = &at->items[index];
    from = static_cast<size_t>(stop - path.data()) + 1;
    if (from == path.size()) return at;
    if (path[from] != '.') return nullptr;
    ++from;
  }
  return nullptr;
}

void Override(const std::string& assignment, YamlValue* job, Binder* binder) {
  const std::string source = "--set " + assignment;
  const size_t equals = assignment.find('=');
  if (equals == std::string::npos) {
    return binder->ReportText(source + ": without '=', required is path=value; write for example resources.gpus=8");
  }
  const absl::StatusOr<std::vector<YamlValue>> value = platform::ParseYaml(assignment.substr(equals + 1), source);
  if (!value.ok() || value->size() > 1) return binder->ReportText(source + ": the value is not readable as YAML; quote it");
  YamlValue* const place = Reach(assignment.substr(0, equals), job);
  if (place == nullptr) return binder->ReportText(source + ": the path leads to nothing in this file; write for example groups[0].count=4");
  *place = value->empty() ? YamlValue{} : value->front();
  MarkSource(source, place);
}

// One document. The binder is its own, for paths are relative to a job.
absl::StatusOr<v1::JobSpec> BindJob(YamlValue document, const std::string& file, const std::vector<std::string>& overrides) {
  Binder binder(file);
  for (const std::string& assignment : overrides) Override(assignment, &document, &binder);
  v1::JobSpec spec;
  if (const YamlValue* groups = document.Find("groups")) {
    for (const platform::YamlEntry& entry : document.entries) {
      const bool of_group = entry.key == "count" || entry.key == "resources" || entry.key == "command" || entry.key == "environment" ||
                            entry.key == "working_directory" || entry.key == "selector" || entry.key == "spread_over" || entry.key == "pack_into";
      if (of_group) binder.Report(entry.value, fmt::format("{}: beside groups (line {}), allowed is one of them; move it into a group", entry.key, groups->position.line));
    }
  }
  binder.Bind(JobSchema(), document, "", &spec);
  validation::ApplyJobDefaults(&spec);
  binder.Judge(validation::ValidateJobSpec(spec));
  if (absl::Status status = binder.ToStatus(); !status.ok()) return status;
  return spec;
}

}  // namespace

absl::StatusOr<std::vector<v1::JobSpec>> ParseJobText(const std::string& text, const std::string& file, const std::vector<std::string>& overrides) {
  absl::StatusOr<std::vector<YamlValue>> documents = platform::ParseYaml(text, file);
  if (!documents.ok()) return documents.status();
  std::vector<v1::JobSpec> jobs;
  std::string problems;
  for (YamlValue& document : *documents) {
    if (document.kind == YamlValue::Kind::kNull) continue;  // `---` at the end
    absl::StatusOr<v1::JobSpec> job = BindJob(std::move(document), file, overrides);
    if (job.ok()) {
      jobs.push_back(*std::move(job));
    } else {
      problems += (problems.empty() ? "" : "\n") + std::string(job.status().message());
    }
  }
  if (!problems.empty()) return absl::InvalidArgumentError(problems);
  if (jobs.empty()) return absl::InvalidArgumentError(fmt::format("{}:1:1: no job, required is at least one document with kind, name and tenant", file));
  if (jobs.size() > kMaxJobsPerFile) {
    return absl::InvalidArgumentError(fmt::format("{}:1:1: {} jobs, allowed are {}; split the file or use `array`", file, jobs.size(), kMaxJobsPerFile));
  }
  return jobs;
}

absl::StatusOr<std::vector<v1::JobSpec>> LoadJobFile(const std::string& path, const std::vector<std::string>& overrides) {
  const absl::StatusOr<std::string> text = platform::ReadFile(path);
  if (!text.ok()) return text.status();
  return ParseJobText(*text, path == "-" ? "stdin" : path, overrides);
}

}  // namespace switchyard::configuration
