#include "agent/supervisor/task_spec.h"

#include <charconv>
#include <optional>

#include "agent/supervisor/record.h"

namespace switchyard::agent::supervisor {
namespace {

std::optional<int64_t> ToInteger(const std::string& text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

absl::Status BadValue(const std::string& key, const std::string& value) {
  return absl::InvalidArgumentError("task spec: \"" + value + "\" is no value for " + key);
}

}  // namespace

std::string TaskSpec::Format() const {
  Record record;
  for (const std::string& argument : command) record.Add("argument", argument);
  for (const std::string& variable : environment) record.Add("environment", variable);
  record.Add("working_directory", working_directory);
  if (switch_user) {
    record.Add("uid", uid);
    record.Add("gid", gid);
    for (const gid_t group : groups) record.Add("group", group);
  }
  for (const int cpu : cpus) record.Add("cpu", cpu);
  for (const ResourceLimit& limit : resource_limits) record.Add("limit", limit.name + "=" + std::to_string(limit.value));
  for (const CgroupHierarchy& hierarchy : cgroup.hierarchies()) record.Add("cgroup", hierarchy.kind + ":" + hierarchy.path);
  record.Add("cgroup_memory_bytes", cgroup_limits.memory_bytes);
  record.Add("cgroup_processes", cgroup_limits.processes);
  record.Add("cgroup_cpu_milli", cgroup_limits.cpu_milli);
  for (const int cpu : cgroup_limits.cpus) record.Add("cgroup_cpu", cpu);
  record.Add("grace_ms", grace_ms);
  record.Add("lease_end_ms", lease_end_ms);
  record.Add("fence_after_ms", fence_after_ms);
  record.Add("pause_at_fence", pause_at_fence);
  record.Add("fence_duty", fence_duty);
  record.Add("duty_file", duty_file);
  record.Add("output_file_bytes", output_file_bytes);
  record.Add("output_files", output_files);
  record.Add("boot_id", boot_id);
  return record.Format();
}

absl::StatusOr<TaskSpec> TaskSpec::Parse(const std::string& text) {
  absl::StatusOr<Record> record = Record::Parse(text);
  if (!record.ok()) return record.status();
  TaskSpec spec;
  spec.command = record->All("argument");
  if (spec.command.empty()) return absl::InvalidArgumentError("task spec: has no command");
  spec.environment = record->All("environment");
  spec.working_directory = record->Text("working_directory");
  spec.switch_user = !record->All("uid").empty();
  spec.uid = static_cast<uid_t>(record->Integer("uid", 0));
  spec.gid = static_cast<gid_t>(record->Integer("gid", 0));
  // A user that cannot be read must never become root.
  if (spec.switch_user && (!ToInteger(record->Text("uid")) || !ToInteger(record->Text("gid")))) {
    return BadValue("uid and gid", record->Text("uid") + ":" + record->Text("gid"));
  }
  for (const std::string& group : record->All("group")) {
    const std::optional<int64_t> id = ToInteger(group);
    if (!id) return BadValue("group", group);
    spec.groups.push_back(static_cast<gid_t>(*id));
  }
  for (const auto& [key, list] : {std::pair{"cpu", &spec.cpus}, std::pair{"cgroup_cpu", &spec.cgroup_limits.cpus}}) {
    for (const std::string& cpu : record->All(key)) {
      const std::optional<int64_t> core = ToInteger(cpu);
      if (!core) return BadValue(key, cpu);
      list->push_back(static_cast<int>(*core));
    }
  }
  for (const std::string& limit : record->All("limit")) {
    const size_t equals = limit.find('=');
    const std::optional<int64_t> value = equals == std::string::npos ? std::nullopt : ToInteger(limit.substr(equals + 1));
    if (!value) return BadValue("limit", limit);
    spec.resource_limits.push_back({limit.substr(0, equals), *value});
  }
  std::vector<CgroupHierarchy> hierarchies;
  for (const std::string& hierarchy : record->All("cgroup")) {
    const size_t colon = hierarchy.find(':');
    if (colon == std::string::npos) return BadValue("cgroup", hierarchy);
    hierarchies.push_back({hierarchy.substr(0, colon), hierarchy.substr(colon + 1)});
  }
  spec.cgroup = Cgroup(std::move(hierarchies));
  spec.cgroup_limits.memory_bytes = record->Integer("cgroup_memory_bytes", 0);
  spec.cgroup_limits.processes = record->Integer("cgroup_processes", 0);
  spec.cgroup_limits.cpu_milli = record->Integer("cgroup_cpu_milli", 0);
  spec.grace_ms = record->Integer("grace_ms", spec.grace_ms);
  spec.lease_end_ms = record->Integer("lease_end_ms", 0);
  spec.fence_after_ms = record->Integer("fence_after_ms", -1);
  spec.pause_at_fence = record->Integer("pause_at_fence", 0) != 0;
  spec.fence_duty = static_cast<int>(record->Integer("fence_duty", 0));
  spec.duty_file = record->Text("duty_file");
  spec.output_file_bytes = record->Integer("output_file_bytes", spec.output_file_bytes);
  spec.output_files = static_cast<int>(record->Integer("output_files", spec.output_files));
  spec.boot_id = record->Text("boot_id");
  return spec;
}

}  // namespace switchyard::agent::supervisor
