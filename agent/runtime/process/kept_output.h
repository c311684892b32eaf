// The output of tasks that have ended and were forgotten: kept for those who ask for it afterwards, the newest of them
// only. Only output files are kept; what else a task left goes with its directory.
#ifndef SWITCHYARD_AGENT_RUNTIME_PROCESS_KEPT_OUTPUT_H_
#define SWITCHYARD_AGENT_RUNTIME_PROCESS_KEPT_OUTPUT_H_

#include <cstdint>
#include <optional>
#include <string>

#include "agent/runtime/process/state_layout.h"

namespace switchyard::agent::process {

// Tasks whose output is kept. With the default of 4 files of 8 MiB a task this is at most 2 GiB, and seldom near it.
inline constexpr size_t kOutputsKept = 64;

// Takes the output files out of a task's directory that is about to be forgotten, and lets the oldest kept ones go.
// What cannot be moved is lost, as all of it would be without this.
void KeepOutput(const std::string& state_dir, TaskKey key, const std::string& task_directory);

// The directory with the kept output of the allocation's latest epoch; nothing: none is kept.
std::optional<std::string> FindKeptOutput(const std::string& state_dir, uint64_t allocation);

}  // namespace switchyard::agent::process

#endif  // SWITCHYARD_AGENT_RUNTIME_PROCESS_KEPT_OUTPUT_H_
