// A unix socket whose connections are accepted here, so that the kernel's word on who connects (SO_PEERCRED) is asked
// once, at the connection itself, before any byte of it is read. gRPC cannot say it: a call's peer() is "unix:" or a
// descriptor's number, and numbers are used again while calls of the old connection still run.
#ifndef SWITCHYARD_SCHEDULER_RPC_UNIX_LISTENER_H_
#define SWITCHYARD_SCHEDULER_RPC_UNIX_LISTENER_H_

#include <functional>
#include <memory>
#include <string>
#include <sys/types.h>
#include <thread>

#include "absl/status/statusor.h"

namespace switchyard::rpc {

class UnixListener {
 public:
  // Owns `fd` from the call on: a connected, non-blocking socket of a peer that runs as `uid`. Called on the listener's
  // thread.
  using Accepted = std::function<void(int fd, uid_t uid)>;

  // Everybody on the machine may connect: what they may do follows from who they are. A socket left by a process that
  // is gone is replaced; ALREADY_EXISTS where someone listens, or where the path is no socket.
  static absl::StatusOr<std::unique_ptr<UnixListener>> Open(const std::string& path, Accepted accepted);
  // Stops accepting and removes the path.
  ~UnixListener();

 private:
  UnixListener(std::string path, int socket, int stop, Accepted accepted);
  void Run();
  void Accept();

  const std::string path_;
  const int socket_;
  const int stop_;  // an eventfd
  const Accepted accepted_;
  std::thread thread_;
};

}  // namespace switchyard::rpc

#endif  // SWITCHYARD_SCHEDULER_RPC_UNIX_LISTENER_H_
