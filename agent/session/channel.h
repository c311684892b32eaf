// How an agent reaches its scheduler: unix socket, TLS, or plain TCP on loopback where both sides were told so.
#ifndef SWITCHYARD_AGENT_SESSION_CHANNEL_H_
#define SWITCHYARD_AGENT_SESSION_CHANNEL_H_

#include <grpcpp/grpcpp.h>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/configuration/agent_file.h"

namespace switchyard::agent::session {

// INVALID_ARGUMENT where the file allows no safe way to the address; errors of the certificate files as they are.
absl::StatusOr<std::shared_ptr<grpc::Channel>> MakeChannel(const configuration::AgentFile& file);

// Exchanges a one-use token for this agent's certificate and writes both files that the agent file names. The key is
// made here, is written with mode 0600 and never leaves this machine. REQUIRES of the file: TLS with a CA, by which the
// scheduler is known.
absl::Status Enrol(const configuration::AgentFile& file, const std::string& token);

}  // namespace switchyard::agent::session

#endif  // SWITCHYARD_AGENT_SESSION_CHANNEL_H_
