// The files through which the hashing program and its parent talk: small, replaced whole, never seen half-written.
#ifndef SWITCHYARD_AGENT_MINING_SMALL_FILE_H_
#define SWITCHYARD_AGENT_MINING_SMALL_FILE_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace switchyard::agent::mining {

// Reads a file of at most `bytes_max` bytes.
absl::StatusOr<std::string> ReadSmallFile(const std::string& path, size_t bytes_max);

// Writes a temporary file beside `path` and renames it over. Not synced: readers on this machine see it at once, and
// after a power cut its content would be out of date anyway.
absl::Status ReplaceFile(const std::string& path, std::string_view content);

// The duty in permille: an integer of 0 to 1000 and white space around it. Anything else is no duty.
std::optional<int> ParseDuty(std::string_view text);

}  // namespace switchyard::agent::mining

#endif  // SWITCHYARD_AGENT_MINING_SMALL_FILE_H_
