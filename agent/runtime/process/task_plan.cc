#include "agent/runtime/process/task_plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>

#include "agent/runtime/process/state_layout.h"

namespace switchyard::agent::process {
namespace {

constexpr char kReserved[] = "SWITCHYARD_";
constexpr char kDefaultPath[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
// Enough for data loaders and thread pools, little enough that a fork bomb leaves the machine to others.
constexpr int64_t kProcessesMax = 4096;
constexpr int64_t kOpenFilesMax = 65536;

bool IsFolderName(const std::string& name) {
  return !name.empty() && name.front() != '.' && std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '.' || c == '_';
  });
}

std::string GangAddresses(const v1::TaskLaunch& launch) {
  std::vector<std::string> addresses;
  for (const v1::GangMember& member : launch.gang()) {
    const bool is_v6 = member.address().find(':') != std::string::npos;
    const std::string host = is_v6 ? "[" + member.address() + "]" : member.address();
    addresses.push_back(member.ports().empty() ? host : fmt::format("{}:{}", host, member.ports(0)));
  }
  return fmt::format("{}", fmt::join(addresses, ","));
}

std::map<std::string, std::string> Environment(const v1::DesiredAllocation& order, const TaskUser& user, const TaskPlace& place,
                                               const std::string& working_directory, const std::string& checkpoint_directory) {
  const v1::TaskLaunch& launch = order.launch();
  std::map<std::string, std::string> variables = {{"PATH", kDefaultPath},
                                                  {"HOME", user.home.empty() ? working_directory : user.home},
                                                  {"USER", user.name},
                                                  {"LOGNAME", user.name},
                                                  {"LANG", "C.UTF-8"}};
  for (const v1::EnvironmentVariable& variable : launch.environment()) variables[variable.name()] = variable.value();
  const std::map<std::string, std::string> ours = {
      {"JOB", std::to_string(order.job())},
      {"JOB_NAME", launch.job_name()},
      {"TENANT", launch.tenant()},
      {"TASK", fmt::format("{}/{}", launch.group(), launch.index())},
      {"GROUP", launch.group()},
      {"INDEX", std::to_string(launch.index())},
      {"RANK", std::to_string(launch.rank())},
      {"WORLD_SIZE", std::to_string(std::max(launch.gang_size(), 1))},
      {"GANG", GangAddresses(launch)},
      {"PORTS", fmt::format("{}", fmt::join(launch.ports(), ","))},
      {"DEVICES", fmt::format("{}", fmt::join(order.devices(), ","))},
      {"ATTEMPT", std::to_string(launch.attempt())},
      {"NODE", place.node},
      {"CHECKPOINT_DIR", checkpoint_directory}};
  for (const auto& [name, value] : ours) variables[kReserved + name] = value;
  return variables;
}

std::vector<std::string> HasherCommand(const v1::DesiredAllocation& order, const TaskPlace& place) {
  const v1::HashingSpec& hashing = order.launch().hashing();
  // The pool tells the miners of one user apart by the worker's name behind a dot.
  std::string worker = place.node;
  std::replace(worker.begin(), worker.end(), '/', '-');
  std::replace(worker.begin(), worker.end(), '.', '-');
  std::vector<std::string> command = {place.hasher_program,
                                      "--pool", hashing.pool(),
                                      "--user", hashing.user() + "." + worker,
                                      "--threads", std::to_string(order.devices_size()),
                                      "--duty-file", place.task_directory + "/" + kDutyFile,
                                      "--status-file", place.task_directory + "/" + kHasherStatusFile};
  if (hashing.suggested_difficulty() > 0) {
    command.insert(command.end(), {"--difficulty", fmt::format("{}", hashing.suggested_difficulty())});
  }
  if (!hashing.password_file().empty()) command.insert(command.end(), {"--password-file", hashing.password_file()});
  return command;
}

absl::Status CheckVariables(const v1::TaskLaunch& launch) {
  for (const v1::EnvironmentVariable& variable : launch.environment()) {
    if (variable.name().empty() || variable.name().find('=') != std::string::npos ||
        (variable.name() + variable.value()).find('\0') != std::string::npos) {
      return absl::InvalidArgumentError(fmt::format("environment variable \"{}\": is no name for one; rename it", variable.name()));
    }
  }
  return absl::OkStatus();
}

// Cores, and the limits of cgroup and process that come with them.
absl::Status PlanLimits(const v1::DesiredAllocation& order, const TaskPlace& place, supervisor::TaskSpec* spec) {
  for (const std::string& device : order.devices()) {
    const auto core = place.cores.find(device);
    if (core == place.cores.end()) {
      return absl::InvalidArgumentError(
          fmt::format("device \"{}\": is not one of this node's {} CPU devices; rescan the node", device, place.cores.size()));
    }
    spec->cpus.push_back(core->second);
  }
  std::sort(spec->cpus.begin(), spec->cpus.end());
  const v1::Resources& limits = order.launch().limits();
  spec->cgroup_limits.cpus = spec->cpus;
  spec->cgroup_limits.memory_bytes = limits.memory_bytes();
  spec->cgroup_limits.processes = kProcessesMax;
  // Whoever holds whole cores has their time; others are held to the share that they were placed with.
  spec->cgroup_limits.cpu_milli = spec->cpus.empty() ? limits.cpu_milli() : 0;
  // A core file of an AI task is as large as its memory and fills the disk of the node.
  spec->resource_limits = {{"core", 0}, {"nofile", kOpenFilesMax}};
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> CheckpointDirectory(const std::string& root, const v1::TaskLaunch& launch) {
  for (const std::string& name : {launch.tenant(), launch.job_name()}) {
    if (!IsFolderName(name)) {
      return absl::InvalidArgumentError(fmt::format(
          "name \"{}\": cannot be the name of a checkpoint folder, which is letters, digits and .-_ without a dot first", name));
    }
  }
  return root + "/" + launch.tenant() + "/" + launch.job_name();
}

absl::StatusOr<supervisor::TaskSpec> PlanTask(const v1::DesiredAllocation& order, const configuration::AgentFile& file,
                                              const TaskUser& user, const TaskPlace& place) {
  const v1::TaskLaunch& launch = order.launch();
  const bool hashing = order.kind() == v1::HASHING;
  absl::StatusOr<std::string> checkpoints = CheckpointDirectory(place.checkpoint_root, launch);
  if (!checkpoints.ok()) return checkpoints.status();
  if (absl::Status checked = CheckVariables(launch); !checked.ok()) return checked;

  supervisor::TaskSpec spec;
  const std::string fresh = place.task_directory + "/" + kWorkDirectory;
  spec.working_directory = launch.working_directory().empty() || hashing ? fresh : launch.working_directory();
  if (hashing) spec.command = HasherCommand(order, place);
  else spec.command.assign(launch.command().begin(), launch.command().end());
  if (spec.command.empty() || spec.command.front().empty()) return absl::InvalidArgumentError("command: is empty; name a program");
  for (const auto& [name, value] : Environment(order, user, place, spec.working_directory, *checkpoints)) {
    spec.environment.push_back(name + "=" + value);
  }
  spec.switch_user = user.switches;
  spec.uid = user.uid;
  spec.gid = user.gid;
  spec.groups = user.groups;
  if (absl::Status planned = PlanLimits(order, place, &spec); !planned.ok()) return planned;

  spec.cgroup = place.cgroup;
  spec.boot_id = place.boot_id;
  spec.grace_ms = order.grace_ms();
  spec.lease_end_ms = place.lease_end_ms;
  // Hashing is at its fallback by the end of the lease itself; AI goes on unless its job says otherwise.
  spec.fence_after_ms = hashing ? 0 : order.fence_after_ms() > 0 ? order.fence_after_ms() : -1;
  spec.pause_at_fence = hashing;
  spec.fence_duty = hashing ? place.fence_duty : 0;
  if (hashing) spec.duty_file = place.task_directory + "/" + kDutyFile;
  spec.output_file_bytes = file.log_file_bytes;
  spec.output_files = file.log_files;
  return spec;
}

}  // namespace switchyard::agent::process
