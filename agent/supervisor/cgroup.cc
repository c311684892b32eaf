#include "agent/supervisor/cgroup.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <system_error>

#include "agent/supervisor/text_file.h"

namespace switchyard::agent::supervisor {
namespace {

constexpr char kUnified[] = "unified";
constexpr std::array<const char*, 6> kControllers = {"freezer", "pids", "memory", "cpu", "cpuacct", "cpuset"};
constexpr std::array<const char*, 4> kUnifiedControllers = {"cpu", "cpuset", "memory", "pids"};
constexpr int64_t kCpuPeriodUs = 100'000;
constexpr int64_t kCpuMilliMin = 10;  // the kernel's smallest quota is 1 ms, a hundredth of the period

bool Exists(const std::string& path) { return access(path.c_str(), F_OK) == 0; }

std::string CpuList(const std::vector<int>& cpus) {
  std::string list;
  for (const int cpu : cpus) list += (list.empty() ? "" : ",") + std::to_string(cpu);
  return list;
}

// A new cpuset of v1 holds no core and no memory node, and refuses processes until it has both.
void InheritCpuset(const std::string& path) {
  for (const char* file : {"/cpuset.cpus", "/cpuset.mems"}) {
    const auto own = ReadText(path + file);
    const auto above = ReadText(path + "/.." + file);
    if (own.ok() && above.ok() && own->find_first_not_of(" \n") == std::string::npos) {
      (void)WriteControl(path + file, *above);  // a refusal shows when a process is attached
    }
  }
}

// Each controller by itself, for one that is missing would refuse all of them.
void EnableControllers(const std::string& path) {
  for (const char* controller : kUnifiedControllers) {
    (void)WriteControl(path + "/cgroup.subtree_control", std::string("+") + controller);  // absence shows in SetLimits
  }
}

// Makes `path` and what is missing above it; what is there already is left as it is.
absl::Status MakeCgroup(const CgroupHierarchy& hierarchy) {
  const std::filesystem::path path = hierarchy.path;
  const CgroupHierarchy above = {hierarchy.kind, path.parent_path()};
  if (!Exists(above.path)) {
    if (absl::Status made = MakeCgroup(above); !made.ok()) return made;
  }
  if (hierarchy.kind == kUnified) EnableControllers(above.path);
  if (mkdir(hierarchy.path.c_str(), 0755) != 0 && errno != EEXIST) {
    return SystemError("cannot create cgroup", hierarchy.path, errno);
  }
  if (hierarchy.kind == "cpuset") InheritCpuset(hierarchy.path);
  return absl::OkStatus();
}

// A task that runs as root may have made cgroups of its own beneath.
std::vector<std::string> Subtree(const std::string& path) {
  std::vector<std::string> found = {path};
  std::error_code error;
  for (std::filesystem::recursive_directory_iterator entry(path, error), end; !error && entry != end; entry.increment(error)) {
    if (entry->is_directory(error)) found.push_back(entry->path());
  }
  return found;
}

}  // namespace

Cgroup Cgroup::At(const std::string& root, const std::string& name) {
  std::vector<CgroupHierarchy> found;
  if (Exists(root + "/cgroup.controllers")) {
    found.push_back({kUnified, root + "/" + name});
    return Cgroup(std::move(found));
  }
  if (Exists(root + "/unified/cgroup.controllers")) found.push_back({kUnified, root + "/unified/" + name});
  for (const char* controller : kControllers) {
    if (Exists(root + "/" + controller + "/cgroup.procs")) found.push_back({controller, root + "/" + controller + "/" + name});
  }
  return Cgroup(std::move(found));
}

const CgroupHierarchy* Cgroup::Find(const std::string& kind) const {
  for (const CgroupHierarchy& hierarchy : hierarchies_) {
    if (hierarchy.kind == kind) return &hierarchy;
  }
  return nullptr;
}

const CgroupHierarchy* Cgroup::Main() const {
  // At lists the unified hierarchy first, then the freezer: the two that make a kill certain.
  return hierarchies_.empty() ? nullptr : &hierarchies_.front();
}

void Cgroup::Create(std::vector<std::string>* lacking) {
  std::erase_if(hierarchies_, [lacking](const CgroupHierarchy& hierarchy) {
    if (MakeCgroup(hierarchy).ok()) return false;
    lacking->push_back("cgroup " + hierarchy.kind);
    return true;
  });
  if (hierarchies_.empty()) lacking->push_back("any cgroup");
}

void Cgroup::SetLimits(const CgroupLimits& limits, std::vector<std::string>* lacking) const {
  const CgroupHierarchy* unified = Find(kUnified);
  const auto set = [&](const char* controller, const char* v1_file, const char* v2_file, const std::string& value) {
    if (const CgroupHierarchy* own = Find(controller)) {
      if (WriteControl(own->path + "/" + v1_file, value).ok()) return;
    } else if (unified != nullptr && WriteControl(unified->path + "/" + v2_file, value).ok()) {
      return;
    }
    lacking->push_back(std::string(controller) + " limit");
  };
  if (limits.memory_bytes > 0) {
    set("memory", "memory.limit_in_bytes", "memory.max", std::to_string(limits.memory_bytes));
  }
  if (limits.processes > 0) set("pids", "pids.max", "pids.max", std::to_string(limits.processes));
  if (limits.cpu_milli > 0 && !SetCpuLimit(limits.cpu_milli).ok()) lacking->push_back("cpu limit");
  if (!limits.cpus.empty()) set("cpuset", "cpuset.cpus", "cpuset.cpus", CpuList(limits.cpus));
}

absl::Status Cgroup::SetCpuLimit(int64_t cpu_milli) const {
  const int64_t quota = std::max(cpu_milli, kCpuMilliMin) * kCpuPeriodUs / 1000;
  if (const CgroupHierarchy* cpu = Find("cpu")) {
    absl::Status status = WriteControl(cpu->path + "/cpu.cfs_period_us", std::to_string(kCpuPeriodUs));
    if (status.ok()) status = WriteControl(cpu->path + "/cpu.cfs_quota_us", std::to_string(quota));
    return status;
  }
  const CgroupHierarchy* unified = Find(kUnified);
  if (unified == nullptr) return absl::UnavailableError("cgroup: no hierarchy here limits CPU time");
  return WriteControl(unified->path + "/cpu.max", std::to_string(quota) + " " + std::to_string(kCpuPeriodUs));
}

absl::Status Cgroup::Attach(pid_t pid) const {
  for (const CgroupHierarchy& hierarchy : hierarchies_) {
    absl::Status status = WriteControl(hierarchy.path + "/cgroup.procs", std::to_string(pid));
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

std::vector<pid_t> Cgroup::Processes() const {
  std::vector<pid_t> processes;
  const CgroupHierarchy* main = Main();
  if (main == nullptr) return processes;
  for (const std::string& path : Subtree(main->path)) {
    const auto text = ReadText(path + "/cgroup.procs");
    if (!text.ok()) continue;  // removed meanwhile: nothing is in it
    std::istringstream lines(*text);
    for (pid_t pid = 0; lines >> pid;) {
      if (pid > 0) processes.push_back(pid);  // 0: a process outside of our pid namespace, beyond our reach
    }
  }
  return processes;
}

void Cgroup::SignalAll(int signal) const {
  const CgroupHierarchy* main = Main();
  if (main == nullptr) return;
  // One write that kills the whole subtree at once, forks in flight included (Linux 5.14).
  if (signal == SIGKILL && main->kind == kUnified && WriteControl(main->path + "/cgroup.kill", "1").ok()) {
    (void)Thaw();  // a v1 freezer beside it would hold the dying
    return;
  }
  // Frozen, nothing can fork between the reading of the list and the signal; the signal waits for the thaw.
  const bool frozen = signal == SIGKILL && Freeze().ok();
  for (const pid_t pid : Processes()) kill(pid, signal);
  if (frozen || signal == SIGKILL) (void)Thaw();
}

absl::Status Cgroup::SetFrozen(bool frozen) const {
  if (const CgroupHierarchy* freezer = Find("freezer")) {
    return WriteControl(freezer->path + "/freezer.state", frozen ? "FROZEN" : "THAWED");
  }
  if (const CgroupHierarchy* unified = Find(kUnified)) {
    return WriteControl(unified->path + "/cgroup.freeze", frozen ? "1" : "0");
  }
  return absl::UnavailableError("cgroup: no hierarchy here can freeze");
}

absl::Status Cgroup::Freeze() const { return SetFrozen(true); }
absl::Status Cgroup::Thaw() const { return SetFrozen(false); }

int64_t Cgroup::CpuMicroseconds() const {
  if (const CgroupHierarchy* cpuacct = Find("cpuacct")) {
    const auto usage = ReadText(cpuacct->path + "/cpuacct.usage");
    if (usage.ok()) return std::strtoll(usage->c_str(), nullptr, 10) / 1000;
  }
  if (const CgroupHierarchy* unified = Find(kUnified)) {
    const auto usage = ReadText(unified->path + "/cpu.stat");
    constexpr char kKey[] = "usage_usec ";
    const size_t at = usage.ok() ? usage->find(kKey) : std::string::npos;
    if (at != std::string::npos) return std::strtoll(usage->c_str() + at + sizeof kKey - 1, nullptr, 10);
  }
  return -1;
}

absl::Status Cgroup::Remove() const {
  absl::Status status;
  for (const CgroupHierarchy& hierarchy : hierarchies_) {
    std::vector<std::string> paths = Subtree(hierarchy.path);
    for (auto path = paths.rbegin(); path != paths.rend(); ++path) {
      if (rmdir(path->c_str()) != 0 && errno != ENOENT) {
        status = absl::FailedPreconditionError("cgroup \"" + *path + "\": still holds processes");
      }
    }
  }
  return status;
}

}  // namespace switchyard::agent::supervisor
