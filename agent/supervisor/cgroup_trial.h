// The proof behind `enforcer: supervisor`: that on this machine a cgroup can be made and everything in it killed, a process that
// left its session and its parent included.
#ifndef SWITCHYARD_AGENT_SUPERVISOR_CGROUP_TRIAL_H_
#define SWITCHYARD_AGENT_SUPERVISOR_CGROUP_TRIAL_H_

#include <string>

#include "absl/status/status.h"

namespace switchyard::agent::supervisor {

// Makes the cgroup `name` beneath `root`, fills it, kills it, removes it. REQUIRES: one thread, no child.
absl::Status TryCgroup(const std::string& root, const std::string& name);

}  // namespace switchyard::agent::supervisor

#endif  // SWITCHYARD_AGENT_SUPERVISOR_CGROUP_TRIAL_H_
