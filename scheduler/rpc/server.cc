#include "scheduler/rpc/server.h"

#include <chrono>
#include <grpcpp/security/server_credentials.h>
#include <utility>

#include "common/platform/files.h"
#include "fmt/format.h"

namespace switchyard::rpc {
namespace {

std::shared_ptr<grpc::ServerCredentials> TlsCredentials(const platform::TlsMaterial& tls) {
  // Asked for and verified when shown; not required, for an agent that enrols has none yet. Who shows none is nobody.
  grpc::SslServerCredentialsOptions options(GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY);
  options.pem_root_certs = tls.ca_pem;
  options.pem_key_cert_pairs.push_back({tls.key_pem, tls.certificate_pem});
  return grpc::SslServerCredentials(options);
}

std::string HostPort(const std::string& host, int port) { return fmt::format("{}:{}", host, port); }

}  // namespace

Server::Server(Gate* gate, ServerOptions options) : gate_(*gate), options_(std::move(options)), local_(gate) {}

Server::~Server() { Stop(); }

absl::Status Server::Start() {
  started_ = true;
  absl::Status status = Open();
  if (!status.ok()) Stop();
  return status;
}

absl::Status Server::Open() {
  std::vector<ListenAddress> tcp, unix_paths;
  for (const std::string& text : options_.listen) {
    const absl::StatusOr<ListenAddress> address = ParseListenAddress(text);
    if (!address.ok()) return address.status();
    (address->kind == ListenAddress::Kind::kUnix ? unix_paths : tcp).push_back(*address);
  }
  if (options_.listen.empty())
    return absl::InvalidArgumentError("scheduler: it has no address to listen on; give one with --listen");
  if (absl::Status status = OpenMetrics(); !status.ok()) return status;
  if (absl::Status status = OpenTcp(tcp); !status.ok()) return status;
  for (const ListenAddress& address : unix_paths) {
    if (absl::Status status = OpenUnix(address.path); !status.ok()) return status;
  }
  if (options_.port_file.empty()) return absl::OkStatus();
  std::string lines;
  for (const std::string& line : bound_) lines += line + "\n";
  return platform::WriteFileAtomically(options_.port_file, lines);
}

absl::Status Server::OpenTcp(const std::vector<ListenAddress>& addresses) {
  if (addresses.empty()) return absl::OkStatus();
  std::vector<Port> ports;
  for (const ListenAddress& address : addresses) {
    const std::string text = HostPort(address.host, address.port);
    if (!options_.tls && !(address.loopback && options_.insecure_loopback)) {
      return absl::InvalidArgumentError(
          fmt::format("address \"{}\": TCP without TLS, only loopback with --insecure-loopback is allowed; give "
                      "--tls-ca, --tls-cert and --tls-key",
                      text));
    }
    ports.push_back({text, options_.tls ? TlsCredentials(*options_.tls) : grpc::InsecureServerCredentials()});
  }
  std::unique_ptr<Authenticator> authenticator;
  if (options_.tls) {
    authenticator = std::make_unique<TlsAuthenticator>();
  } else {
    authenticator = std::make_unique<FixedAuthenticator>(LoopbackPrincipal());
  }
  std::vector<int> bound;
  absl::StatusOr<std::unique_ptr<Door>> door = Door::Open(&gate_, std::move(authenticator), ports, &bound);
  if (!door.ok()) return door.status();
  tcp_ = *std::move(door);
  for (size_t i = 0; i < addresses.size(); ++i) bound_.push_back("tcp " + HostPort(addresses[i].host, bound[i]));
  return absl::OkStatus();
}

absl::Status Server::OpenUnix(const std::string& path) {
  auto listener = UnixListener::Open(path, [this](int fd, uid_t uid) { local_.Serve(fd, uid); });
  if (!listener.ok()) return listener.status();
  listeners_.push_back(*std::move(listener));
  bound_.push_back("unix " + path);
  return absl::OkStatus();
}

absl::Status Server::OpenMetrics() {
  if (options_.http.empty()) return absl::OkStatus();
  const absl::StatusOr<int> port = gate_.metrics().Serve(options_.http);
  if (!port.ok()) return port.status();
  bound_.push_back("metrics " + HostPort(ParseListenAddress(options_.http)->host, *port));
  return absl::OkStatus();
}

void Server::Stop() {
  if (!started_) return;
  started_ = false;
  listeners_.clear();
  const absl::Status stopping = absl::UnavailableError("scheduler: it stops; repeat the call");
  gate_.agents().CloseAll(stopping);
  gate_.agents().logs().CloseAll(stopping);
  gate_.reads().CloseWatchers(stopping);
  const auto deadline = std::chrono::system_clock::now() + std::chrono::milliseconds(options_.drain.count());
  if (tcp_ != nullptr) tcp_->Close(deadline);
  tcp_.reset();
  local_.Close(deadline);
}

}  // namespace switchyard::rpc
