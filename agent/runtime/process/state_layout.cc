#include "agent/runtime/process/state_layout.h"

#include <fmt/format.h>

#include <charconv>

#include "common/platform/files.h"
#include "common/platform/tls.h"

namespace switchyard::agent::process {
namespace {

constexpr size_t kIncarnationBytes = 16;

}  // namespace

std::string TasksDirectory(const std::string& state_dir) { return state_dir + "/tasks"; }
std::string TrashDirectory(const std::string& state_dir) { return state_dir + "/trash"; }
std::string EndedDirectory(const std::string& state_dir) { return state_dir + "/ended"; }
std::string TaskDirectory(const std::string& state_dir, TaskKey key) { return TasksDirectory(state_dir) + "/" + TaskName(key); }
std::string TaskName(TaskKey key) { return fmt::format("{}-{}", key.allocation, key.epoch); }

std::optional<TaskKey> ParseTaskName(const std::string& name) {
  TaskKey key;
  const char* const end = name.data() + name.size();
  const auto allocation = std::from_chars(name.data(), end, key.allocation);
  if (allocation.ec != std::errc() || allocation.ptr == end || *allocation.ptr != '-') return std::nullopt;
  const auto epoch = std::from_chars(allocation.ptr + 1, end, key.epoch);
  if (epoch.ec != std::errc() || epoch.ptr != end) return std::nullopt;
  return key;
}

absl::StatusOr<std::string> ReadOrMakeIncarnation(const std::string& state_dir) {
  const std::string path = state_dir + "/incarnation";
  absl::StatusOr<std::string> text = platform::ReadFile(path, 4096);
  if (absl::IsNotFound(text.status())) {
    const std::string made = platform::RandomHex(kIncarnationBytes);
    if (absl::Status written = platform::WriteFileAtomically(path, made + "\n", 0600); !written.ok()) return written;
    return made;
  }
  if (!text.ok()) return text.status();
  const std::string incarnation = text->substr(0, text->find('\n'));
  if (incarnation.empty()) {
    return absl::DataLossError(
        fmt::format("incarnation file \"{}\": is empty; remove it to come back as a wiped agent", path));
  }
  return incarnation;
}

}  // namespace switchyard::agent::process
