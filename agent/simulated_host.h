// The simulated agent, put together: a fleet, its session, the sampling of true draws, and the drills of the control
// socket.
#ifndef SWITCHYARD_AGENT_SIMULATED_HOST_H_
#define SWITCHYARD_AGENT_SIMULATED_HOST_H_

#include <functional>
#include <grpcpp/grpcpp.h>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/runtime/simulated/control_socket.h"
#include "agent/runtime/simulated/fleet.h"
#include "agent/session/event_loop.h"
#include "agent/session/session.h"
#include "agent/session/state_directory.h"
#include "common/configuration/agent_file.h"
#include "common/platform/clock.h"

namespace switchyard::agent {

class SimulatedHost {
 public:
  // `clock`, `loop` and `state` outlive it.
  static absl::StatusOr<std::unique_ptr<SimulatedHost>> Make(const configuration::AgentFile& file,
                                                             const platform::Clock& clock, session::EventLoop* loop,
                                                             session::StateDirectory* state,
                                                             const std::string& version);
  void Start();
  // Ends the streams; then `done`. The devices go on as they are.
  void Close(std::function<void()> done);

 private:
  SimulatedHost(const configuration::AgentFile& file, session::EventLoop* loop, session::StateDirectory* state,
                std::string version)
      : file_(file), loop_(loop), state_(state), version_(std::move(version)) {}

  void SampleForEver();
  simulated::ControlHooks Hooks();
  absl::Status Clone(const std::string& node);

  // A second machine under a node's name, on a stream of its own.
  struct Impostor {
    std::unique_ptr<simulated::Node> node;
    std::unique_ptr<session::Session> session;
  };

  configuration::AgentFile file_;
  session::EventLoop* loop_;
  session::StateDirectory* state_;
  std::string version_;
  std::unique_ptr<simulated::Fleet> fleet_;
  std::unique_ptr<session::Session> session_;
  std::unique_ptr<simulated::ControlSocket> control_;
  std::vector<Impostor> impostors_;
};

}  // namespace switchyard::agent

#endif  // SWITCHYARD_AGENT_SIMULATED_HOST_H_
