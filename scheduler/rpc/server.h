// The gate as a whole: where the scheduler listens, and its start and stop. Wiring, as main.cc does it:
//
//   rpc::EnginePort port;
//   rpc::Gate gate(&port, &clock, identity, authority);       // is the engine's EffectSink
//   gate.reads().Load(sequence, rows);                        // the store as it is
//   engine::Engine engine(options with sink = &gate);
//   port.Connect(&engine);
//   engine.Start();
//   rpc::Server server(&gate, options);
//   server.Start();  ...  server.Stop();  engine.Stop();      // in this order: calls under way still need the engine
#ifndef SWITCHYARD_SCHEDULER_RPC_SERVER_H_
#define SWITCHYARD_SCHEDULER_RPC_SERVER_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/platform/tls.h"
#include "common/units.h"
#include "scheduler/rpc/door.h"
#include "scheduler/rpc/gate.h"
#include "scheduler/rpc/listen_address.h"
#include "scheduler/rpc/unix_listener.h"

namespace switchyard::rpc {

struct ServerOptions {
  // "unix:PATH" or "HOST:PORT"; at least one. TCP is TLS where `tls` is given; without it, only loopback and only with
  // insecure_loopback: whoever can open a connection there is an operator.
  std::vector<std::string> listen = {};
  std::optional<platform::TlsMaterial> tls = {};
  bool insecure_loopback = false;
  std::string http = {};  // metrics, "HOST:PORT" on loopback; empty: none
  // Written once everything listens: a line each, "unix PATH", "tcp HOST:PORT" and "metrics HOST:PORT", with the ports
  // bound.
  std::string port_file = {};
  Duration drain = Seconds(5);  // calls under way have this long at Stop
};

// Thread rule: Start and Stop from one thread.
class Server {
 public:
  Server(Gate* gate, ServerOptions options);
  ~Server();  // stops

  // INVALID_ARGUMENT for an address that may not be used so, UNAVAILABLE for one that cannot be had; nothing listens
  // then.
  absl::Status Start();
  // Stops listening, ends the long streams with UNAVAILABLE (agents and watchers come back by themselves), gives the
  // other calls `drain` to end.
  void Stop();

  // The lines of the port file.
  const std::vector<std::string>& bound() const { return bound_; }

 private:
  absl::Status Open();
  absl::Status OpenTcp(const std::vector<ListenAddress>& addresses);
  absl::Status OpenUnix(const std::string& path);
  absl::Status OpenMetrics();

  Gate& gate_;
  const ServerOptions options_;
  LocalDoors local_;
  std::unique_ptr<Door> tcp_;
  std::vector<std::unique_ptr<UnixListener>> listeners_;
  std::vector<std::string> bound_;
  bool started_ = false;
};

}  // namespace switchyard::rpc

#endif  // SWITCHYARD_SCHEDULER_RPC_SERVER_H_
