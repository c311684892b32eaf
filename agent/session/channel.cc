#include "agent/session/channel.h"

#include <chrono>
#include <utility>

#include "common/platform/files.h"
#include "common/platform/tls.h"
#include "fmt/format.h"
#include "switchyard/v1/agent_service.grpc.pb.h"

namespace switchyard::agent::session {
namespace {

constexpr auto kEnrolDeadline = std::chrono::seconds(20);
// gRPC's own attempts to connect: as eager as the session's, so that the two do not wait for each other.
constexpr int kFirstAttemptMs = 100;
constexpr int kSlowestAttemptMs = 5000;
// A connection whose path has forgotten it looks like one on which nothing happens: a new stream would begin on the same one.
// So the line itself is asked after 10 s of silence, and given up 10 s later: a lease of 30 s has time left to dial anew. Well
// above the pace at which the scheduler takes pings for abuse.
constexpr int kKeepaliveMs = 10'000;
constexpr int kKeepaliveTimeoutMs = 10'000;
// A full set carries the launch of every task of the node: hundreds of tasks with 64 KiB of command and environment
// each.
constexpr int kSetBytesMax = 64 << 20;

bool IsUnix(const std::string& address) { return address.starts_with("unix:"); }

bool IsLoopback(const std::string& address) {
  return address.starts_with("127.") || address.starts_with("localhost:") || address.starts_with("[::1]:");
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> TlsCredentials(const platform::TlsFiles& files) {
  absl::StatusOr<platform::TlsMaterial> material = platform::LoadTls(files);
  if (!material.ok()) return material.status();
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = material->ca_pem;
  options.pem_cert_chain = material->certificate_pem;
  options.pem_private_key = material->key_pem;
  return grpc::SslCredentials(options);
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> Credentials(const configuration::AgentFile& file) {
  if (IsUnix(file.scheduler)) return grpc::InsecureChannelCredentials();
  if (!file.tls.empty()) return TlsCredentials(file.tls);
  if (file.insecure_loopback && IsLoopback(file.scheduler)) return grpc::InsecureChannelCredentials();
  return absl::InvalidArgumentError(
      fmt::format("scheduler \"{}\": TCP without TLS, allowed is TLS, a unix socket, or loopback with "
                  "insecure_loopback; name tls files "
                  "or another address",
                  file.scheduler));
}

std::shared_ptr<grpc::Channel> Open(const std::string& address,
                                    const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kFirstAttemptMs);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kFirstAttemptMs);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kSlowestAttemptMs);
  // Two sessions of one process (a drill's clone) must not share a connection.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetMaxReceiveMessageSize(kSetBytesMax);
  if (!IsUnix(address)) {
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
    arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);  // also while there is nothing to say
  }
  return grpc::CreateCustomChannel(address, credentials, arguments);
}

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::Channel>> MakeChannel(const configuration::AgentFile& file) {
  auto credentials = Credentials(file);
  if (!credentials.ok()) return credentials.status();
  return Open(file.scheduler, *credentials);
}

absl::Status Enrol(const configuration::AgentFile& file, const std::string& token) {
  if (IsUnix(file.scheduler) || file.tls.ca.empty() || file.tls.certificate.empty() || file.tls.key.empty() ||
      file.nodes.empty()) {
    return absl::InvalidArgumentError(
        "token: enrolment needs a TCP address, a node, and tls with ca, certificate and key in the agent's file");
  }
  // The scheduler is known by its CA; this agent has nothing to show yet but the token.
  auto credentials = TlsCredentials({.ca = file.tls.ca, .certificate = "", .key = ""});
  if (!credentials.ok()) return credentials.status();
  absl::StatusOr<platform::KeyAndRequest> made = platform::MakeKeyAndRequest("node:" + file.nodes.front());
  if (!made.ok()) return made.status();

  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kEnrolDeadline);
  context.set_wait_for_ready(true);
  v1::EnrolRequest request;
  request.set_node(file.nodes.front());
  request.set_token(token);
  request.set_certificate_request_pem(made->request_pem);
  v1::EnrolResponse response;
  const grpc::Status status =
      v1::AgentService::NewStub(Open(file.scheduler, *credentials))->Enrol(&context, request, &response);
  if (!status.ok()) {
    return absl::Status(
        static_cast<absl::StatusCode>(status.error_code()),
        fmt::format("enrolment of \"{}\" at \"{}\": {}", file.nodes.front(), file.scheduler, status.error_message()));
  }
  for (const std::string* path : {&file.tls.key, &file.tls.certificate}) {
    if (absl::Status ready = platform::MakeDirectories(platform::DirectoryOf(*path), 0755); !ready.ok()) return ready;
  }
  if (absl::Status kept = platform::WriteFileAtomically(file.tls.key, made->key_pem, 0600); !kept.ok()) return kept;
  return platform::WriteFileAtomically(file.tls.certificate, response.certificate_pem(), 0644);
}

}  // namespace switchyard::agent::session
