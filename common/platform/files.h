// Whole files, read with a bound and written so that a crash leaves either the old content or the new. Errors name the path and
// what the system said.
#ifndef SWITCHYARD_COMMON_PLATFORM_FILES_H_
#define SWITCHYARD_COMMON_PLATFORM_FILES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace switchyard::platform {

// No file that this project reads whole is larger; a larger one is a mistake (a trace given as a configuration).
inline constexpr int64_t kMaxFileBytes = 16 << 20;

// The whole file; "-" is standard input. NOT_FOUND, PERMISSION_DENIED, or OUT_OF_RANGE above `max_bytes`. Files of /proc and
// /sys, whose size reads as zero, are read to their end.
absl::StatusOr<std::string> ReadFile(const std::string& path, int64_t max_bytes = kMaxFileBytes);

// Writes a neighbour, syncs it, renames it over `path` and syncs the directory: durable when OK is returned.
absl::Status WriteFileAtomically(const std::string& path, const std::string& content, uint32_t mode = 0644);

// Makes the directory and what is missing above it; the last one gets `mode`. OK where it is there already.
absl::Status MakeDirectories(const std::string& path, uint32_t mode = 0755);

absl::Status SyncDirectory(const std::string& path);

// Names (not paths) in a directory without "." and "..", sorted.
absl::StatusOr<std::vector<std::string>> ListDirectory(const std::string& path);

// Bytes that this process may still write on the file system of `path`.
absl::StatusOr<int64_t> FreeBytes(const std::string& path);

bool FileExists(const std::string& path);

// "a/b/c.yaml" -> "a/b"; "c.yaml" -> ".".
std::string DirectoryOf(const std::string& path);
// `name` as seen from `directory`, unless it is absolute.
std::string JoinPath(const std::string& directory, const std::string& name);

}  // namespace switchyard::platform

#endif  // SWITCHYARD_COMMON_PLATFORM_FILES_H_
