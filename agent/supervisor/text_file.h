// The small files through which supervisor and agent know of each other: read whole, replaced whole. The supervisor must stay
// tiny and alive when memory is short, so it brings its own few lines instead of the agent's libraries.
#ifndef SWITCHYARD_AGENT_SUPERVISOR_TEXT_FILE_H_
#define SWITCHYARD_AGENT_SUPERVISOR_TEXT_FILE_H_

#include <sys/types.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace switchyard::agent::supervisor {

// No file of a task directory or a cgroup that is read whole is larger; a larger one is not ours.
inline constexpr size_t kTextBytesMax = 1 << 20;

// `<what> "<path>": <what the system said>`, as NOT_FOUND, PERMISSION_DENIED, RESOURCE_EXHAUSTED or UNAVAILABLE.
absl::Status SystemError(const std::string& what, const std::string& path, int error);

// Works for /proc and cgroup files, whose size reads as zero.
absl::StatusOr<std::string> ReadText(const std::string& path);

// Writes a neighbour and renames it over `path`: a reader sees the old content or the new. Not synced: after a reboot, which
// the boot id shows, nothing in a task directory is true any more.
absl::Status ReplaceText(const std::string& path, const std::string& content, mode_t mode);

// Writes into an existing file (a cgroup's or /proc's) with one write, as the kernel wants it.
absl::Status WriteControl(const std::string& path, const std::string& value);

}  // namespace switchyard::agent::supervisor

#endif  // SWITCHYARD_AGENT_SUPERVISOR_TEXT_FILE_H_
