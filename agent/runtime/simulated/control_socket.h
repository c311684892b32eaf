// Faults on command, for drills and tests: a unix socket that takes one command a connection, in a line, and answers
// with a line "ok ..." or "error: ...". Only the agent's own user may connect.
//
//   reboot NODE            new boot id; processes are gone, external devices keep their setting
//   wipe NODE              the agent's state directory is lost: a new incarnation scans what runs
//   clone NODE             a second machine claims to be NODE
//   silence NODE SECONDS   nothing is said or heard for the node
//   lie | stick | slow | mend DEVICE
//   devices NODE           names them
//   crash                  this process dies at once, as by SIGKILL
#ifndef SWITCHYARD_AGENT_RUNTIME_SIMULATED_CONTROL_SOCKET_H_
#define SWITCHYARD_AGENT_RUNTIME_SIMULATED_CONTROL_SOCKET_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/runtime/simulated/fleet.h"
#include "common/units.h"

namespace switchyard::agent::simulated {

// What the fleet alone cannot do: it concerns the stream.
struct ControlHooks {
  std::function<bool(const std::string& node)> restart;  // the node's agent starts anew; false: no such node
  std::function<bool(const std::string& node, Duration span)> silence;
  std::function<absl::Status(const std::string& node)> clone;
  std::function<void(const std::string& node)> wake;
  std::function<void()> crash;
};

// Carries out one command; the answer without a line end.
std::string RunControlCommand(const std::string& line, Fleet* fleet, const ControlHooks& hooks);

class ControlSocket {
 public:
  static absl::StatusOr<std::unique_ptr<ControlSocket>> Listen(const std::string& path, Fleet* fleet,
                                                               ControlHooks hooks);
  ~ControlSocket();
  ControlSocket(const ControlSocket&) = delete;
  ControlSocket& operator=(const ControlSocket&) = delete;

  // Readable when a command waits.
  int descriptor() const { return descriptor_; }
  // Serves one connection. It never waits longer than for a line that is being typed: a tenth of a second.
  void Serve();

 private:
  ControlSocket(std::string path, int descriptor, Fleet* fleet, ControlHooks hooks)
      : path_(std::move(path)), descriptor_(descriptor), fleet_(fleet), hooks_(std::move(hooks)) {}

  std::string path_;
  int descriptor_;
  Fleet* fleet_;
  ControlHooks hooks_;
};

}  // namespace switchyard::agent::simulated

#endif  // SWITCHYARD_AGENT_RUNTIME_SIMULATED_CONTROL_SOCKET_H_
