#include "agent/runtime/process/kept_output.h"

#include <cstdio>
#include <filesystem>
#include <set>
#include <system_error>
#include <vector>

#include "agent/supervisor/output_files.h"
#include "common/platform/files.h"

namespace switchyard::agent::process {
namespace {

// By allocation, whose numbers rise: the first is the oldest.
std::set<TaskKey> Kept(const std::string& state_dir) {
  std::set<TaskKey> kept;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(EndedDirectory(state_dir), error), end; !error && entry != end;
       entry.increment(error)) {
    if (const std::optional<TaskKey> key = ParseTaskName(entry->path().filename().string())) kept.insert(*key);
  }
  return kept;
}

std::string PathOf(const std::string& state_dir, TaskKey key) {
  return EndedDirectory(state_dir) + "/" + TaskName(key);
}

}  // namespace

void KeepOutput(const std::string& state_dir, TaskKey key, const std::string& task_directory) {
  const std::vector<int64_t> files = supervisor::ListOutputFiles(task_directory);
  if (files.empty()) return;
  const std::string target = PathOf(state_dir, key);
  if (!platform::MakeDirectories(target, 0700).ok()) return;
  for (const int64_t number : files) {
    (void)std::rename(supervisor::OutputFile(task_directory, number).c_str(),
                      supervisor::OutputFile(target, number).c_str());
  }
  std::set<TaskKey> kept = Kept(state_dir);
  while (kept.size() > kOutputsKept) {
    std::error_code ignored;
    std::filesystem::remove_all(PathOf(state_dir, *kept.begin()), ignored);
    kept.erase(kept.begin());
  }
}

std::optional<std::string> FindKeptOutput(const std::string& state_dir, uint64_t allocation) {
  std::optional<std::string> found;
  for (const TaskKey& key : Kept(state_dir)) {
    if (key.allocation == allocation) found = PathOf(state_dir, key);
  }
  return found;
}

}  // namespace switchyard::agent::process
