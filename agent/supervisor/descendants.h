// The processes beneath this one, found through /proc: since the supervisor is the reaper of its task's orphans, all of them are
// its children sooner or later. The way to a clean end where the machine offers no cgroup.
#ifndef SWITCHYARD_AGENT_SUPERVISOR_DESCENDANTS_H_
#define SWITCHYARD_AGENT_SUPERVISOR_DESCENDANTS_H_

namespace switchyard::agent::supervisor {

// Whether this process has a child, a dead one not yet reaped included.
bool HasDescendants();

// SIGKILL to every living child of this process; their children come up as the next ones.
void KillDescendants();

}  // namespace switchyard::agent::supervisor

#endif  // SWITCHYARD_AGENT_SUPERVISOR_DESCENDANTS_H_
