#include "common/validation/job_spec.h"

#include <cmath>
#include <set>
#include <utility>

#include "common/quantity_text.h"
#include "fmt/format.h"

namespace switchyard::validation {
namespace {

constexpr int kDefaultPriority = 100;
constexpr Duration kDefaultGrace = Seconds(30);
constexpr Duration kDefaultServiceFence = Minutes(5);
constexpr int kDefaultRetries = 3;
constexpr int kDefaultRequeues = 10;

// Collects problems of one job. Each Check says what it found and what is allowed.
class JobValidator {
 public:
  explicit JobValidator(const v1::JobSpec& spec) : spec_(spec), noun_(fmt::format("job \"{}\"", spec.name().substr(0, kMaxNameLength))) {}

  std::vector<Problem> Run() {
    CheckIdentity();
    CheckTimes();
    CheckLists();
    if (spec_.kind() == v1::HASHING) {
      CheckHashing();
    } else if (spec_.has_hashing()) {
      Add("hashing", "set for a job that does not hash, allowed is kind hashing only; remove it");
    }
    CheckGroups();
    return std::move(problems_);
  }

 private:
  void Add(const std::string& path, const std::string& what) {
    if (problems_.size() < kMaxProblems) problems_.push_back({path, noun_ + ": " + what});
  }
  void CheckRange(const std::string& path, int64_t value, int64_t least, int64_t most) {
    if (value >= least && value <= most) return;
    Add(path, fmt::format("{}, allowed is {} to {}; choose one in that range", value, least, most));
  }
  void CheckDuration(const std::string& path, int64_t value, Duration least, Duration most) {
    if (value >= least.count() && value <= most.count()) return;
    Add(path, fmt::format("{}, allowed is {} to {}; choose one in that range", FormatDuration(Milliseconds(value)), FormatDuration(least),
                          FormatDuration(most)));
  }
  void CheckCount(const std::string& path, int count, int most) {
    if (count > most) Add(path, fmt::format("{} entries, allowed are at most {}; shorten the list", count, most));
  }
  void CheckText(const std::string& path, const std::string& text, size_t most) {
    if (text.size() > most) Add(path, fmt::format("{} characters, allowed are at most {}; shorten it", text.size(), most));
    if (text.find('\0') != std::string::npos) Add(path, "contains a zero byte, allowed is text; remove it");
  }
  void CheckName(const std::string& path, const std::string& text) {
    if (IsName(text)) return;
    Add(path, text.empty() ? "missing, required is a name of 1 to 63 of [a-z0-9.-]; add it"
                           : fmt::format("\"{}\", allowed is a name of 1 to 63 of [a-z0-9.-] that begins and ends with a letter or digit; "
                                         "rename it",
                                         text.substr(0, kMaxValueLength)));
  }
  void CheckLabels(const std::string& path, const google::protobuf::RepeatedPtrField<v1::Label>& labels, int most) {
    CheckCount(path, labels.size(), most);
    std::set<std::string> seen;
    for (int i = 0; i < labels.size(); ++i) {
      const std::string at = fmt::format("{}[{}]", path, i);
      CheckName(at + ".key", labels[i].key());
      CheckText(at + ".value", labels[i].value(), kMaxValueLength);
      if (!seen.insert(labels[i].key()).second) Add(at + ".key", fmt::format("\"{}\" stands twice, allowed is once; remove one", labels[i].key()));
    }
  }

  void CheckIdentity() {
    CheckName("name", spec_.name());
    CheckName("tenant", spec_.tenant());
    if (spec_.kind() != v1::HASHING && spec_.kind() != v1::TRAINING && spec_.kind() != v1::INFERENCE) {
      Add("kind", "missing or not known, allowed are hashing, training and inference; set one");
    }
    CheckRange("priority", spec_.priority(), 0, kMaxPriority);
    if (!spec_.run_as().empty()) {
      CheckText("run_as", spec_.run_as(), 32);  // the longest name that useradd takes
      if (spec_.run_as().find_first_of(":/ \t\n") != std::string::npos) Add("run_as", "not a user's name, allowed is one word; give the login name");
    }
    if (!spec_.site().empty()) CheckName("site", spec_.site());
    CheckRange("flex_tier", spec_.flex_tier(), 0, 3);
  }

  void CheckTimes() {
    CheckDuration("wall_time_ms", spec_.wall_time_ms(), Seconds(0), kMaxWallTime);
    CheckDuration("grace_ms", spec_.grace_ms(), Seconds(0), kMaxGrace);
    CheckDuration("min_run_ms", spec_.min_run_ms(), Seconds(0), kMaxWallTime);
    if (spec_.fence_after_ms() != 0) CheckDuration("fence_after_ms", spec_.fence_after_ms(), kMinFence, kMaxWallTime);
    CheckRange("max_retries", spec_.max_retries(), -1, kMaxRetriesBound);
    CheckRange("max_requeues", spec_.max_requeues(), 0, kMaxRetriesBound);
  }

  void CheckLists() {
    CheckCount("after", spec_.after_size(), kMaxDependencies);
    for (int i = 0; i < spec_.after_size(); ++i) {
      if (spec_.after(i) == 0) Add(fmt::format("after[{}]", i), "0, allowed is the id of a submitted job; remove it");
    }
    CheckRange("array_size", spec_.array_size(), 0, kMaxArraySize);
    CheckLabels("labels", spec_.labels(), kMaxLabels);
    CheckCount("tolerations", spec_.tolerations_size(), kMaxTolerations);
    for (int i = 0; i < spec_.tolerations_size(); ++i) CheckName(fmt::format("tolerations[{}]", i), spec_.tolerations(i));
  }

  void CheckHashing() {
    const v1::HashingSpec& hashing = spec_.hashing();
    const std::string& pool = hashing.pool();
    const size_t colon = pool.rfind(':');
    bool sound = colon != std::string::npos && colon > 0 && pool.size() <= 255 && pool.find_first_of(" \t\n/") == std::string::npos;
    if (sound) {
      const std::string port = pool.substr(colon + 1);
      sound = !port.empty() && port.size() <= 5 && port.find_first_not_of("0123456789") == std::string::npos && std::stoi(port) >= 1 &&
              std::stoi(port) <= 65535;
    }
    if (!sound) Add("hashing.pool", fmt::format("\"{}\", required is host:port of a Stratum V1 pool, e.g. pool.example:3333; set it", pool.substr(0, 255)));
    if (hashing.user().empty()) Add("hashing.user", "missing, required is the pool's user; set it");
    CheckText("hashing.user", hashing.user(), kMaxValueLength);
    CheckPath("hashing.password_file", hashing.password_file());
    const double difficulty = hashing.suggested_difficulty();
    if (!std::isfinite(difficulty) || difficulty < 0 || difficulty > 1e15) {
      Add("hashing.suggested_difficulty", "not a number from 0 (the pool's choice) to 1e15; set one");
    }
    // These would say something about hashing that it does not do.
    if (spec_.wall_time_ms() != 0) Add("wall_time_ms", "set for hashing, which runs until it is cancelled; remove it");
    if (spec_.not_preemptible()) Add("not_preemptible", "set for hashing, which always yields; remove it");
    if (spec_.array_size() != 0) Add("array_size", "set for hashing, which fills what its selector allows; remove it");
    if (spec_.after_size() != 0) Add("after", "set for hashing, which waits for nobody; remove it");
  }

  void CheckGroups() {
    const bool hashing = spec_.kind() == v1::HASHING;
    if (spec_.groups_size() == 0) Add("groups", "empty, required is at least one group of tasks; add resources and a command");
    CheckCount("groups", spec_.groups_size(), hashing ? 1 : kMaxGroups);
    std::set<std::string> seen;
    for (int i = 0; i < spec_.groups_size() && i < kMaxGroups; ++i) {
      const std::string at = fmt::format("groups[{}]", i);
      const v1::TaskGroup& group = spec_.groups(i);
      CheckName(at + ".name", group.name());
      if (!seen.insert(group.name()).second) Add(at + ".name", fmt::format("\"{}\" stands twice, allowed is once; rename one", group.name()));
      CheckLabels(at + ".selector", group.selector(), kMaxSelectors);
      if (hashing) {
        CheckHashingGroup(at, group);
      } else {
        CheckRange(at + ".count", group.count(), 1, kMaxTasksPerGroup);
        CheckCommand(at, group);
        CheckDomains(at, group);
        CheckResources(at + ".resources", group.resources());
      }
    }
  }

  // Hashing takes whole devices as watts allow: it asks for nothing and runs a program of ours.
  void CheckHashingGroup(const std::string& at, const v1::TaskGroup& group) {
    if (group.count() > 1) Add(at + ".count", "set for hashing, which fills what its selector allows; remove it");
    if (group.has_resources() && group.resources().ByteSizeLong() > 0) {
      Add(at + ".resources", "set for hashing, which takes the devices and watts that nobody else needs; remove it");
    }
    if (group.command_size() > 0) Add(at + ".command", "set for hashing, which runs the agent's own hasher; remove it");
    if (group.environment_size() > 0) Add(at + ".environment", "set for hashing, which runs the agent's own hasher; remove it");
    if (!group.working_directory().empty()) Add(at + ".working_directory", "set for hashing, which has none; remove it");
    if (!group.spread_over().empty()) Add(at + ".spread_over", "set for hashing, which goes everywhere; remove it");
    if (!group.pack_into().empty()) Add(at + ".pack_into", "set for hashing, which goes everywhere; remove it");
  }

  void CheckPath(const std::string& path, const std::string& text) {
    CheckText(path, text, kMaxPathLength);
    if (!text.empty() && text.front() != '/') Add(path, fmt::format("\"{}\", allowed is an absolute path; begin it with /", text.substr(0, 80)));
  }

  void CheckCommand(const std::string& at, const v1::TaskGroup& group) {
    if (group.command_size() == 0 || group.command(0).empty()) Add(at + ".command", "missing, required is a program and its arguments; add it");
    CheckCount(at + ".command", group.command_size(), kMaxArguments);
    int64_t bytes = 0;
    bool zero = false;
    for (const std::string& argument : group.command()) {
      bytes += static_cast<int64_t>(argument.size()) + 1;
      zero = zero || argument.find('\0') != std::string::npos;
    }
    if (bytes > kMaxCommandBytes) {
      Add(at + ".command", fmt::format("{} in all, allowed are at most {}; put long input into a file", FormatBytes(bytes), FormatBytes(kMaxCommandBytes)));
    }
    if (zero) Add(at + ".command", "contains a zero byte, allowed is text; remove it");
    CheckEnvironment(at + ".environment", group);
    CheckPath(at + ".working_directory", group.working_directory());
  }

  void CheckEnvironment(const std::string& path, const v1::TaskGroup& group) {
    CheckCount(path, group.environment_size(), kMaxEnvironment);
    int64_t bytes = 0;
    std::set<std::string> seen;
    for (int i = 0; i < group.environment_size(); ++i) {
      const v1::EnvironmentVariable& variable = group.environment(i);
      const std::string at = fmt::format("{}[{}].name", path, i);
      bytes += static_cast<int64_t>(variable.name().size() + variable.value().size()) + 2;
      if (variable.name().empty() || variable.name().find_first_of(std::string("=\0", 2)) != std::string::npos) {
        Add(at, fmt::format("\"{}\", allowed is a word without '='; rename it", variable.name().substr(0, 80)));
      }
      // SWITCHYARD_SIM_ is how a job tells simulated nodes what to pretend; the rest of the prefix is what agents set.
      if (variable.name().starts_with("SWITCHYARD_") && !variable.name().starts_with("SWITCHYARD_SIM_") &&
          variable.name() != "SWITCHYARD_RESULT_FILE") {
        Add(at, fmt::format("\"{}\", but the prefix SWITCHYARD_ is the agent's; rename it", variable.name().substr(0, 80)));
      }
      if (variable.value().find('\0') != std::string::npos) Add(at, "its value contains a zero byte, allowed is text; remove it");
      if (!seen.insert(variable.name()).second) Add(at, fmt::format("\"{}\" stands twice, allowed is once; remove one", variable.name()));
    }
    if (bytes > kMaxEnvironmentBytes) {
      Add(path, fmt::format("{} in all, allowed are at most {}; put long input into a file", FormatBytes(bytes), FormatBytes(kMaxEnvironmentBytes)));
    }
  }

  void CheckDomains(const std::string& at, const v1::TaskGroup& group) {
    const std::string& spread = group.spread_over();
    if (!spread.empty() && spread != "node" && spread != "rack" && spread != "switch") {
      Add(at + ".spread_over", fmt::format("\"{}\", allowed are node, rack and switch; choose one or remove it", spread.substr(0, 80)));
    }
    const std::string& pack = group.pack_into();
    if (!pack.empty() && pack != "rack" && pack != "switch") {
      Add(at + ".pack_into", fmt::format("\"{}\", allowed are rack and switch; choose one or remove it", pack.substr(0, 80)));
    }
    const bool contradiction = !pack.empty() && (spread == pack || (spread == "switch" && pack == "rack"));
    if (contradiction && group.count() > 1) {
      Add(at + ".spread_over", fmt::format("\"{}\" together with pack_into \"{}\", which no placement can meet; remove one", spread, pack));
    }
  }

  void CheckResources(const std::string& at, const v1::Resources& resources) {
    CheckRange(at + ".cpu_milli", resources.cpu_milli(), 0, kMaxCpuMilli);
    CheckRange(at + ".memory_bytes", resources.memory_bytes(), 0, kMaxBytes);
    CheckRange(at + ".disk_bytes", resources.disk_bytes(), 0, kMaxBytes);
    CheckRange(at + ".ports", resources.ports(), 0, kMaxPorts);
    CheckRange(at + ".gpus", resources.gpus(), 0, kMaxGpus);
    CheckRange(at + ".gpu_milli", resources.gpu_milli(), 0, 999);
    CheckRange(at + ".cpu_devices", resources.cpu_devices(), 0, kMaxGpus);
    if (resources.gpus() > 0 && resources.gpu_milli() > 0) Add(at + ".gpu_milli", "a share of a GPU beside whole GPUs, allowed is one of them; remove one");
    const bool any_gpu = resources.gpus() > 0 || resources.gpu_milli() > 0;
    if (!any_gpu && resources.gpu_models_size() > 0) Add(at + ".gpu_models", "set without a GPU, allowed is with gpus or gpu_milli; ask for one");
    if (!any_gpu && resources.gpu_memory_bytes() > 0) Add(at + ".gpu_memory_bytes", "set without a GPU, allowed is with gpus or gpu_milli; ask for one");
    CheckRange(at + ".gpu_memory_bytes", resources.gpu_memory_bytes(), 0, kMaxBytes);
    CheckCount(at + ".gpu_models", resources.gpu_models_size(), kMaxGpuModels);
    for (int i = 0; i < resources.gpu_models_size(); ++i) CheckName(fmt::format("{}.gpu_models[{}]", at, i), resources.gpu_models(i));
    const Power limit = Milliwatts(resources.watts_per_device_mw());
    if (limit < Power() || limit > Watts(1'000'000)) Add(at + ".watts_per_device_mw", fmt::format("{}, allowed is 0 to 1MW", FormatPower(limit)));
    if (limit > Power() && !any_gpu && resources.cpu_devices() == 0) {
      Add(at + ".watts_per_device_mw", "set without whole devices, allowed is with gpus or cpu_devices; ask for one");
    }
    if (limit > Power() && resources.gpu_milli() > 0) Add(at + ".watts_per_device_mw", "set for a share of a GPU, whose limit is its neighbours' too; remove it");
    CheckCount(at + ".counts", resources.counts_size(), kMaxCounts);
    std::set<std::string> seen;
    for (int i = 0; i < resources.counts_size(); ++i) {
      const std::string count = fmt::format("{}.counts[{}]", at, i);
      CheckName(count + ".name", resources.counts(i).name());
      CheckRange(count + ".count", resources.counts(i).count(), 1, int64_t{1} << 40);
      if (!seen.insert(resources.counts(i).name()).second) Add(count + ".name", "stands twice, allowed is once; remove one");
    }
    const bool asks = resources.cpu_milli() > 0 || resources.cpu_devices() > 0 || any_gpu;
    if (!asks) Add(at, "neither CPU nor GPU, required is at least one; set cpus, cpu_devices, gpus or gpu_share");
  }

  const v1::JobSpec& spec_;
  const std::string noun_;
  std::vector<Problem> problems_;
};

}  // namespace

void ApplyJobDefaults(v1::JobSpec* spec) {
  if (spec->kind() == v1::HASHING) {
    if (spec->groups_size() == 0) spec->add_groups();
  } else if (!spec->has_priority()) {
    spec->set_priority(kDefaultPriority);
  }
  if (!spec->has_grace_ms()) spec->set_grace_ms(kDefaultGrace.count());
  if (!spec->has_max_retries()) spec->set_max_retries(kDefaultRetries);
  if (!spec->has_max_requeues()) spec->set_max_requeues(kDefaultRequeues);
  if (!spec->has_fence_after_ms()) spec->set_fence_after_ms(spec->kind() == v1::INFERENCE ? kDefaultServiceFence.count() : 0);
  for (v1::TaskGroup& group : *spec->mutable_groups()) {
    if (group.name().empty()) group.set_name("task");
    if (group.count() == 0) group.set_count(1);
  }
}

std::vector<Problem> ValidateJobSpec(const v1::JobSpec& spec) { return JobValidator(spec).Run(); }

}  // namespace switchyard::validation
