// One way in: a gRPC server with the three services, health and reflection, whose callers are identified in one way.
// What a service believes of a caller is a property of the door that the call came through:
//   - one door for TLS, which reads each connection's certificate,
//   - one for insecure loopback, whose callers are all "loopback",
//   - one for each local user that connects to the unix socket. A connection is handed to its user's door, so that
//   nothing of a
//     call has to be mapped back to a connection, and no race can give a call to another user.
#ifndef SWITCHYARD_SCHEDULER_RPC_DOOR_H_
#define SWITCHYARD_SCHEDULER_RPC_DOOR_H_

#include <grpcpp/grpcpp.h>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <sys/types.h>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "scheduler/rpc/agent_service.h"
#include "scheduler/rpc/cluster_service.h"
#include "scheduler/rpc/gate.h"
#include "scheduler/rpc/job_service.h"

namespace switchyard::rpc {

// Where a door listens by itself; a local user's door has none.
struct Port {
  std::string address;  // "host:port"
  std::shared_ptr<grpc::ServerCredentials> credentials;
};

class Door {
 public:
  // Starts the server. UNAVAILABLE names a port that cannot be had. `bound`, where given, receives the ports in order.
  static absl::StatusOr<std::unique_ptr<Door>> Open(Gate* gate, std::unique_ptr<Authenticator> authenticator,
                                                    const std::vector<Port>& ports, std::vector<int>* bound);

  // Takes over a connected socket.
  void Serve(int fd);
  // Takes no more calls; those under way have until `deadline`, then they are cancelled. Returns when none is left.
  void Close(std::chrono::system_clock::time_point deadline) { server_->Shutdown(deadline); }

 private:
  Door(Gate* gate, std::unique_ptr<Authenticator> authenticator);

  const std::unique_ptr<Authenticator> authenticator_;
  JobService jobs_;
  ClusterService cluster_;
  AgentService agents_;
  std::unique_ptr<grpc::Server> server_;
};

// Identifies everybody as one principal.
class FixedAuthenticator final : public Authenticator {
 public:
  explicit FixedAuthenticator(Principal principal) : principal_(std::move(principal)) {}
  absl::StatusOr<Principal> Identify(const grpc::CallbackServerContext&) const override { return principal_; }

 private:
  const Principal principal_;
};

// Identifies each by its certificate.
class TlsAuthenticator final : public Authenticator {
 public:
  absl::StatusOr<Principal> Identify(const grpc::CallbackServerContext& context) const override;
};

// The doors of local users, opened when the first connection of each comes. Thread-safe.
class LocalDoors {
 public:
  explicit LocalDoors(Gate* gate) : gate_(*gate) {}

  // Takes over a connected socket of a peer that runs as `uid`. Above kLocalUsersMax users it is closed and logged.
  void Serve(int fd, uid_t uid);
  void Close(std::chrono::system_clock::time_point deadline);

 private:
  Gate& gate_;
  std::mutex mutex_;
  bool closed_ = false;
  std::map<uid_t, std::unique_ptr<Door>> doors_;
};

}  // namespace switchyard::rpc

#endif  // SWITCHYARD_SCHEDULER_RPC_DOOR_H_
