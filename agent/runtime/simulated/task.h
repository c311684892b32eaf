// A hollow task: it takes devices and draws watts like a real one, and does nothing.
#ifndef SWITCHYARD_AGENT_RUNTIME_SIMULATED_TASK_H_
#define SWITCHYARD_AGENT_RUNTIME_SIMULATED_TASK_H_

#include <cstdint>
#include <string>
#include <vector>

#include "common/units.h"
#include "switchyard/v1/agent.pb.h"

namespace switchyard::agent::simulated {

struct Task {
  v1::DesiredAllocation order;  // as last carried out
  int group = -1;               // index of the device group; -1: the platform
  std::vector<int> devices;     // in the group, in the order of `order.devices`
  v1::TaskPhase phase = v1::TASK_PREPARED;
  Power limit;
  // Devices that shall rise once those that fall leave room under the limit; -1: none waits. Beside `devices`.
  std::vector<int64_t> waiting_mw;
  MonoTime ends_at = MonoTime::Never();  // exits by itself or after its stop
  int exit_code = 0;
  std::string reason;
  MonoTime settled_by = MonoTime::Never();  // exited; its devices are idle by then, if they obey
  HashRate rate;                            // of the devices at their points
  int64_t hashed_ghms = 0;                  // GH/s x ms
  Energy energy;
};

// Environment of a job that says how its hollow tasks behave.
inline constexpr char kRunVariable[] = "SWITCHYARD_SIM_RUN_MS";  // runs so long; default: until it is stopped
inline constexpr char kExitVariable[] = "SWITCHYARD_SIM_EXIT";   // exit code after that; default 0

}  // namespace switchyard::agent::simulated

#endif  // SWITCHYARD_AGENT_RUNTIME_SIMULATED_TASK_H_
