#include "client/connection.h"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <sstream>

#include "fmt/format.h"

namespace switchyard::client {
namespace {

// Replies are bounded by the scheduler's pages; a page of jobs with a gang of 1,024 tasks each is the largest.
constexpr int kReplyBytesMax = 64 * 1024 * 1024;
// A TCP peer that vanished without a word is noticed within the sum of both: sooner than an operator asks what is
// wrong, and well above the pace at which the scheduler takes pings for abuse.
constexpr int kKeepaliveMilliseconds = 20'000;
constexpr int kKeepaliveTimeoutMilliseconds = 10'000;
// Within this a wait for the line notices that the program is to stop: less than a person does.
constexpr std::chrono::milliseconds kStopLatency(50);

absl::StatusOr<std::string> ReadPem(const std::string& what, const std::string& path) {
  if (path.empty()) return std::string();
  std::ifstream stream(path, std::ios::binary);
  if (!stream.is_open()) {
    return absl::NotFoundError(fmt::format("{} \"{}\": cannot be read; check the path and its rights", what, path));
  }
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> Credentials(const ClientOptions& options, bool is_unix) {
  if (is_unix || options.ca_file.empty()) return grpc::InsecureChannelCredentials();
  absl::StatusOr<std::string> ca = ReadPem("CA certificate", options.ca_file);
  if (!ca.ok()) return ca.status();
  absl::StatusOr<std::string> certificate = ReadPem("certificate", options.certificate_file);
  if (!certificate.ok()) return certificate.status();
  absl::StatusOr<std::string> key = ReadPem("private key", options.key_file);
  if (!key.ok()) return key.status();
  grpc::SslCredentialsOptions ssl;
  ssl.pem_root_certs = *std::move(ca);
  ssl.pem_cert_chain = *std::move(certificate);
  ssl.pem_private_key = *std::move(key);
  return grpc::SslCredentials(ssl);
}

}  // namespace

absl::Status FromGrpc(const grpc::Status& status) {
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
}

SteadyTime After(Duration span) {
  if (span == Duration::Max()) return SteadyTime::max();
  return std::chrono::steady_clock::now() + std::chrono::milliseconds(span.count());
}

CallContext::CallContext(const ClientOptions& options, SteadyTime deadline)
    : on_stop_(options.stop, [this] { context_.TryCancel(); }) {
  if (deadline == SteadyTime::max()) return;
  const auto left = std::max(deadline - std::chrono::steady_clock::now(), SteadyTime::duration::zero());
  context_.set_deadline(std::chrono::system_clock::now() +
                        std::chrono::duration_cast<std::chrono::system_clock::duration>(left));
}

Retry::Retry(const Connection& connection, SteadyTime deadline)
    : connection_(connection),
      deadline_(deadline),
      backoff_(connection.options().backoff_initial, connection.options().backoff_max) {}

bool Retry::Again(const absl::Status& failure) {
  const ClientOptions& options = connection_.options();
  if (failure.code() != absl::StatusCode::kUnavailable || options.stop.stop_requested()) return false;
  const Duration back_off = backoff_.Next();
  if (deadline_ != SteadyTime::max() && After(back_off) >= deadline_) return false;
  if (options.on_retry) options.on_retry(failure, back_off);
  return connection_.Pause(back_off);
}

Connection::Connection(ClientOptions options, std::shared_ptr<grpc::Channel> channel)
    : options_(std::move(options)),
      channel_(channel),
      jobs_(v1::JobService::NewStub(channel)),
      cluster_(v1::ClusterService::NewStub(channel)) {}

absl::StatusOr<std::unique_ptr<Connection>> Connection::Open(const ClientOptions& options) {
  const std::string target = ServerTarget(options.server);
  const bool is_unix = target.rfind("unix:", 0) == 0;
  absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> credentials = Credentials(options, is_unix);
  if (!credentials.ok()) return credentials.status();

  grpc::ChannelArguments arguments;
  // The channel's own pace of reconnecting must not be slower than our retries, which would else only repeat its last
  // failure.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 50);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 1'000);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1'000);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);  // a proxy for the web is none for a scheduler
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);     // retries are ours, with a key and a bound
  arguments.SetMaxReceiveMessageSize(kReplyBytesMax);
  if (!is_unix) {
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMilliseconds);
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMilliseconds);
  }
  if (!options.server_name.empty()) arguments.SetSslTargetNameOverride(options.server_name);
  return std::unique_ptr<Connection>(
      new Connection(options, grpc::CreateCustomChannel(target, *credentials, arguments)));
}

bool Connection::Pause(Duration back_off) const {
  // A scheduler that answered "not now" is given its time.
  if (channel_->GetState(false) == GRPC_CHANNEL_READY) return SleepFor(back_off, options_.stop);
  // A line that is down is watched: between calls nobody else drives the channel, whose attempts to connect would
  // expire unread.
  const SteadyTime until = After(back_off);
  while (!options_.stop.stop_requested() && std::chrono::steady_clock::now() < until) {
    const auto slice = std::min<SteadyTime::duration>(until - std::chrono::steady_clock::now(), kStopLatency);
    const auto end =
        std::chrono::system_clock::now() + std::chrono::duration_cast<std::chrono::system_clock::duration>(slice);
    if (channel_->WaitForConnected(end)) break;
  }
  return !options_.stop.stop_requested();
}

absl::Status Connection::Explained(const absl::Status& failure) const {
  const std::string message(failure.message());
  if (failure.code() == absl::StatusCode::kUnavailable) {
    return absl::UnavailableError(
        fmt::format("server \"{}\": unavailable ({}); is switchyardd running there?", options_.server, message));
  }
  if (failure.code() == absl::StatusCode::kDeadlineExceeded) {
    return absl::DeadlineExceededError(
        fmt::format("server \"{}\": no answer ({}); try again or allow more time", options_.server, message));
  }
  if (failure.code() == absl::StatusCode::kCancelled && options_.stop.stop_requested()) {
    return absl::CancelledError("interrupted");
  }
  return failure;
}

}  // namespace switchyard::client
