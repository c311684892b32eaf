// The staging of a task: its directory with order, spec and working directory, whole or not at all, then its supervisor. After a
// kill of the agent at any point there is either nothing, or a directory that the next agent takes over or clears away.
#ifndef SWITCHYARD_AGENT_RUNTIME_PROCESS_TASK_STAGE_H_
#define SWITCHYARD_AGENT_RUNTIME_PROCESS_TASK_STAGE_H_

#include <string>

#include "absl/status/status.h"
#include "agent/runtime/process/task_plan.h"
#include "common/configuration/agent_file.h"
#include "switchyard/v1/agent.pb.h"

namespace switchyard::agent::process {

// Stages and arms. A failure is written into the directory as the task's end, so that it is reported like any other end; an error
// is returned only where not even that could be written.
absl::Status StageTask(const v1::DesiredAllocation& order, const configuration::AgentFile& file, const TaskPlace& place,
                       const std::string& supervisor_program);

}  // namespace switchyard::agent::process

#endif  // SWITCHYARD_AGENT_RUNTIME_PROCESS_TASK_STAGE_H_
