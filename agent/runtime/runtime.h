// What runs on a machine, behind one face for the session: the real runtime (processes under supervisors, hashing on
// CPUs) and the simulated one (hundreds of nodes with a device model). The session asks a runtime for the machine's
// truth, hands it what agent/reconcile decided, and never guesses. One runtime object stands for one node.
//
// Thread rule: all calls come from the session's one thread; a runtime wakes that thread through `wake` when its truth
// changed.
#ifndef SWITCHYARD_AGENT_RUNTIME_RUNTIME_H_
#define SWITCHYARD_AGENT_RUNTIME_RUNTIME_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "agent/reconcile/reconcile.h"
#include "common/units.h"
#include "switchyard/v1/agent.pb.h"

namespace switchyard::agent {

class Runtime {
 public:
  virtual ~Runtime() = default;

  // Identity and capabilities as this machine shows them: incarnation (empty: the agent's own, from its state
  // directory), boot id, hardware id, devices, tested enforcers. Device groups may be missing before Configure; the
  // session asks again after it and says hello anew if they changed.
  virtual v1::NodeHello Identify() = 0;

  // What the node is, from the Welcome. May come again after a reload or a reconnect; idempotent.
  virtual void Configure(const v1::Welcome& welcome) = 0;

  // Looks at the machine (cgroups, supervisors, devices), not at memory. Until it has looked at all of it: scanning.
  virtual reconcile::MachineTruth Observe() = 0;

  // When the truth or the draw changes by itself next, on the session's clock (a ramp's step, a task's end), so that
  // the session looks again then. Never: only `wake` or an action changes it.
  virtual MonoTime NextChange() { return MonoTime::Never(); }

  // Carries out actions in their order, each as often as it comes. A failure shows in the next truth, not here.
  virtual void Execute(const std::vector<reconcile::Action>& actions) = 0;

  // What the node draws now, and the meters that this agent reads.
  virtual v1::Telemetry Measure() = 0;

  // Calls `sink` with chunks of a task's output until its end or until CancelLogs(stream). The sink may be called from
  // `wake`'s thread later (follow).
  virtual void StreamLogs(const v1::LogRequest& request, std::function<void(v1::LogData)> sink) = 0;
  virtual void CancelLogs(uint64_t stream) = 0;
};

}  // namespace switchyard::agent

#endif  // SWITCHYARD_AGENT_RUNTIME_RUNTIME_H_
