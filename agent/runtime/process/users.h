// Whom a task may run as. The agent's file decides: a job asks, it never chooses root by a number or a name not listed.
#ifndef SWITCHYARD_AGENT_RUNTIME_PROCESS_USERS_H_
#define SWITCHYARD_AGENT_RUNTIME_PROCESS_USERS_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/configuration/agent_file.h"

namespace switchyard::agent::process {

struct TaskUser {
  bool switches = false;  // false: the agent's own user
  std::string name;
  std::string home;
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;
};

// The user for a task that asks for `asked` (may be empty). PERMISSION_DENIED: the agent's file does not allow it or the agent is
// not root and cannot become it; NOT_FOUND: the machine does not know it.
absl::StatusOr<TaskUser> ChooseUser(const configuration::AgentFile& file, const std::string& asked);

}  // namespace switchyard::agent::process

#endif  // SWITCHYARD_AGENT_RUNTIME_PROCESS_USERS_H_
