#include "common/configuration/job_schema.h"

#include "fmt/format.h"
#include "switchyard/v1/job.pb.h"

namespace switchyard::configuration {
namespace {

using google::protobuf::Message;

// command: [program, argument] | "a line for the shell"
void BindCommand(Binder* binder, const YamlValue& value, const std::string&, Message* message) {
  auto& group = dynamic_cast<v1::TaskGroup&>(*message);
  if (value.kind == YamlValue::Kind::kScalar) {
    for (const std::string& word : {std::string("/bin/sh"), std::string("-c"), value.scalar}) group.add_command(word);
  } else if (value.kind != YamlValue::Kind::kNull) {
    for (const std::string& word : binder->Texts("command", value).value_or(std::vector<std::string>())) group.add_command(word);
  }
}

void BindPreemptible(Binder* binder, const YamlValue& value, const std::string&, Message* message) {
  if (value.kind == YamlValue::Kind::kNull) return;
  const std::optional<int64_t> preemptible = binder->Scalar("preemptible", value, Unit::kBool);
  if (preemptible.has_value()) dynamic_cast<v1::JobSpec&>(*message).set_not_preemptible(*preemptible == 0);
}

const Schema& ResourcesSchema() {
  static const Schema kSchema{"resources",
                              {{"cpus", "cpu_milli", Unit::kThousandths},
                               {"memory", "memory_bytes", Unit::kBytes},
                               {"disk", "disk_bytes", Unit::kBytes},
                               {"ports", "ports", Unit::kInteger},
                               {"gpus", "gpus", Unit::kInteger},
                               {"gpu_share", "gpu_milli", Unit::kThousandths},
                               {"gpu_models", "gpu_models", Unit::kTexts},
                               {"gpu_memory", "gpu_memory_bytes", Unit::kBytes},
                               {"cpu_devices", "cpu_devices", Unit::kInteger},
                               {"watts_per_device", "watts_per_device_mw", Unit::kPower},
                               {"counts", "counts", Unit::kPairs}}};
  return kSchema;
}

const Schema& GroupSchema() {
  static const Schema kSchema{"task group",
                              {{"name", "name"},
                               {"count", "count", Unit::kInteger},
                               {"resources", "resources", Unit::kMessage, &ResourcesSchema()},
                               {"command", "command", Unit::kCustom, nullptr, BindCommand},
                               {"environment", "environment", Unit::kPairs},
                               {"working_directory", "working_directory"},
                               {"selector", "selector", Unit::kPairs},
                               {"spread_over", "spread_over"},
                               {"pack_into", "pack_into"}}};
  return kSchema;
}

const Schema& HashingSchema() {
  static const Schema kSchema{"hashing",
                              {{"pool", "pool"}, {"user", "user"}, {"password_file", "password_file"}, {"difficulty", "suggested_difficulty", Unit::kNumber}}};
  return kSchema;
}

// A key of the group beside the job's own: most jobs have one group, and its name is of no interest.
void BindIntoOnlyGroup(Binder* binder, const YamlValue& value, const std::string& path, Message* message, const char* key) {
  auto& spec = dynamic_cast<v1::JobSpec&>(*message);
  if (spec.groups_size() == 0) spec.add_groups();
  YamlValue map(YamlValue::Kind::kMap, value.position);
  map.entries.push_back({key, value.position, value});
  binder->Bind(GroupSchema(), map, path.empty() ? "groups[0]" : path + ".groups[0]", spec.mutable_groups(0));
}

template <size_t kRow>
void BindGroupKey(Binder* binder, const YamlValue& value, const std::string& path, Message* message) {
  BindIntoOnlyGroup(binder, value, path, message, GroupSchema().fields[kRow].key);
}

// Rows 1.. of the group's table: all but its name.
template <size_t... kRows>
void AddGroupKeys(Schema* schema, std::index_sequence<kRows...>) {
  (schema->fields.push_back({GroupSchema().fields[kRows + 1].key, nullptr, Unit::kCustom, nullptr, BindGroupKey<kRows + 1>}), ...);
}

}  // namespace

const Schema& JobSchema() {
  static const Schema kSchema = [] {
    Schema schema{"job",
                  {{"kind", "kind", Unit::kEnum},
                   {"name", "name"},
                   {"tenant", "tenant"},
                   {"priority", "priority", Unit::kInteger},
                   {"hashing", "hashing", Unit::kMessage, &HashingSchema()},
                   {"groups", "groups", Unit::kMessages, &GroupSchema()},
                   {"after", "after", Unit::kIntegers},
                   {"array", "array_size", Unit::kInteger},
                   {"wall_time", "wall_time_ms", Unit::kDuration},
                   {"grace", "grace_ms", Unit::kDuration},
                   {"min_run", "min_run_ms", Unit::kDuration},
                   {"max_retries", "max_retries", Unit::kCountOrForever},
                   {"max_requeues", "max_requeues", Unit::kInteger},
                   {"preemptible", "not_preemptible", Unit::kCustom, nullptr, BindPreemptible},
                   {"run_as", "run_as"},
                   {"fence_after", "fence_after_ms", Unit::kDurationOrNever},
                   {"labels", "labels", Unit::kPairs},
                   {"flex_tier", "flex_tier", Unit::kInteger},
                   {"tolerations", "tolerations", Unit::kTexts},
                   {"site", "site"},
                   {"pausable", "pausable", Unit::kBool}}};
    AddGroupKeys(&schema, std::make_index_sequence<8>());
    return schema;
  }();
  return kSchema;
}

}  // namespace switchyard::configuration
