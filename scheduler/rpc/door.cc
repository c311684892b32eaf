#include "scheduler/rpc/door.h"

#include <grpc/grpc.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/server_posix.h>
#include <unistd.h>

#include "common/platform/logging.h"
#include "fmt/format.h"
#include "scheduler/rpc/bounds/limits.h"

namespace switchyard::rpc {
namespace {

// Both plug-ins are the process's, and join every server that is built after them.
void EnablePlugins() {
  static const bool kOnce = [] {
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    return true;
  }();
  (void)kOnce;
}

void Bound(grpc::ServerBuilder* builder) {
  builder->SetMaxReceiveMessageSize(kMessageBytesMax);
  builder->SetMaxSendMessageSize(-1);  // a node's full set may be larger than a request; people's answers are paged
  builder->AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kConcurrentStreamsPerConnection);
  // Two schedulers on one port would each get half of the agents.
  builder->AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  // A peer that is gone without a word is noticed within a lease; one that pings faster than this wastes our time.
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 20'000);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder->AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 5'000);
  // Only reflection is served by gRPC's own threads: one waits, a few may work.
  builder->SetSyncServerOption(grpc::ServerBuilder::SyncServerOption::NUM_CQS, 1);
  builder->SetSyncServerOption(grpc::ServerBuilder::SyncServerOption::MIN_POLLERS, 1);
  builder->SetSyncServerOption(grpc::ServerBuilder::SyncServerOption::MAX_POLLERS, 2);
}

}  // namespace

Door::Door(Gate* gate, std::unique_ptr<Authenticator> authenticator)
    : authenticator_(std::move(authenticator)),
      jobs_(gate, authenticator_.get()),
      cluster_(gate, authenticator_.get()),
      agents_(gate, authenticator_.get()) {}

absl::StatusOr<std::unique_ptr<Door>> Door::Open(Gate* gate, std::unique_ptr<Authenticator> authenticator,
                                                 const std::vector<Port>& ports, std::vector<int>* bound) {
  EnablePlugins();
  std::unique_ptr<Door> door(new Door(gate, std::move(authenticator)));
  grpc::ServerBuilder builder;
  Bound(&builder);
  std::vector<int> got(ports.size(), 0);
  for (size_t i = 0; i < ports.size(); ++i) builder.AddListeningPort(ports[i].address, ports[i].credentials, &got[i]);
  builder.RegisterService(&door->jobs_);
  builder.RegisterService(&door->cluster_);
  builder.RegisterService(&door->agents_);
  door->server_ = builder.BuildAndStart();
  for (size_t i = 0; i < ports.size(); ++i) {
    if (door->server_ != nullptr && got[i] > 0) continue;
    return absl::UnavailableError(fmt::format(
        "address \"{}\": cannot listen on it, it is taken or not this machine's; choose another", ports[i].address));
  }
  if (door->server_ == nullptr) return absl::InternalError("gRPC server: it did not start; see the log above");
  if (bound != nullptr) *bound = std::move(got);
  return door;
}

void Door::Serve(int fd) { grpc::AddInsecureChannelFromFd(server_.get(), fd); }

absl::StatusOr<Principal> TlsAuthenticator::Identify(const grpc::CallbackServerContext& context) const {
  const std::shared_ptr<const grpc::AuthContext> peer = context.auth_context();
  return peer == nullptr ? Nobody() : PrincipalOfTls(*peer);
}

void LocalDoors::Serve(int fd, uid_t uid) {
  std::lock_guard lock(mutex_);
  auto found = doors_.find(uid);
  if (found == doors_.end() && !closed_ && doors_.size() < kLocalUsersMax) {
    auto door = Door::Open(&gate_, std::make_unique<FixedAuthenticator>(PrincipalOfUid(uid, getuid())), {}, nullptr);
    if (door.ok()) {
      found = doors_.emplace(uid, *std::move(door)).first;
    } else {
      platform::Log(platform::LogLevel::kError, "door-failed", {{"uid", uid}, {"error", door.status()}});
    }
  }
  if (closed_ || found == doors_.end()) {
    if (!closed_)
      platform::Log(platform::LogLevel::kWarning, "local-user-refused", {{"uid", uid}, {"users_max", kLocalUsersMax}});
    close(fd);
    return;
  }
  found->second->Serve(fd);
}

void LocalDoors::Close(std::chrono::system_clock::time_point deadline) {
  std::map<uid_t, std::unique_ptr<Door>> doors;
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
    doors.swap(doors_);
  }
  for (auto& [uid, door] : doors) door->Close(deadline);
}

}  // namespace switchyard::rpc
