// Where the scheduler listens, as an operator writes it: "unix:/run/switchyard/switchyard.sock" or "host:port"
// ("[::1]:7070", port 0 for any free one).
#ifndef SWITCHYARD_SCHEDULER_RPC_LISTEN_ADDRESS_H_
#define SWITCHYARD_SCHEDULER_RPC_LISTEN_ADDRESS_H_

#include <string>

#include "absl/status/statusor.h"

namespace switchyard::rpc {

struct ListenAddress {
  enum class Kind { kUnix, kTcp };
  Kind kind = Kind::kTcp;
  std::string path;       // kUnix
  std::string host;       // kTcp, IPv6 in brackets
  int port = 0;           // kTcp
  bool loopback = false;  // kTcp: a literal loopback address or "localhost"
};

absl::StatusOr<ListenAddress> ParseListenAddress(const std::string& text);

}  // namespace switchyard::rpc

#endif  // SWITCHYARD_SCHEDULER_RPC_LISTEN_ADDRESS_H_
