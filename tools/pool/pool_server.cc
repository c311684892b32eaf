#include "tools/pool/pool_server.h"

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "agent/mining/log.h"
#include "agent/mining/work.h"

namespace switchyard::tools::pool {
namespace {

using agent::mining::LogInfo;
using agent::mining::StratumJob;

constexpr size_t kUnsentBytesMax = 1 << 20;     // of a miner that does not read
constexpr int64_t kSubscribeWithinMs = 60'000;  // a connection that says nothing is closed

int64_t SteadyMs() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

int64_t UtcMs() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

uint32_t UtcSeconds() { return static_cast<uint32_t>(UtcMs() / 1000); }

absl::Status ListenError(const PoolServerOptions& options, std::string_view found) {
  return absl::UnavailableError(fmt::format("address \"{}:{}\": {}, a free local address is needed; choose another",
                                            options.host, options.port, found));
}

bool IsLoopback(const sockaddr* address) {
  if (address->sa_family == AF_INET) {
    return ntohl(reinterpret_cast<const sockaddr_in*>(address)->sin_addr.s_addr) >> 24 == 127;
  }
  return address->sa_family == AF_INET6 &&
         IN6_IS_ADDR_LOOPBACK(&reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr);
}

}  // namespace

struct PoolServer::Connection {
  Connection(int fd_in, int64_t now_ms, MinerSession session_in)
      : fd(fd_in), since_ms(now_ms), session(std::move(session_in)) {}
  ~Connection() { close(fd); }

  const int fd;
  const int64_t since_ms;
  MinerSession session;
  std::string unsent;
};

PoolServer::PoolServer(PoolServerOptions options, ShareRecord* record)
    : options_(std::move(options)),
      record_(record),
      maker_(options_.salt),
      next_extranonce1_(static_cast<uint32_t>(options_.salt) | 1) {
  job_ = maker_.NextBlock(UtcSeconds());
  judge_.AddJob(job_);
}

PoolServer::~PoolServer() {
  if (listen_fd_ >= 0) close(listen_fd_);
}

absl::Status PoolServer::Listen() {
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  if (const int error = getaddrinfo(options_.host.c_str(), std::to_string(options_.port).c_str(), &hints, &found);
      error != 0) {
    return ListenError(options_, fmt::format("is not resolved ({})", gai_strerror(error)));
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, freeaddrinfo);
  if (!IsLoopback(found->ai_addr) && !options_.allow_remote) {
    return absl::InvalidArgumentError(
        fmt::format("address \"{}\": is not loopback, only loopback is allowed for a protocol in plain text; use "
                    "127.0.0.1 or give --allow-remote",
                    options_.host));
  }
  listen_fd_ = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (listen_fd_ < 0) return ListenError(options_, std::strerror(errno));
  const int on = 1;  // a pool that is restarted shall get its port back at once
  setsockopt(listen_fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (bind(listen_fd_, found->ai_addr, found->ai_addrlen) != 0 || listen(listen_fd_, SOMAXCONN) != 0) {
    return ListenError(options_, std::strerror(errno));
  }
  sockaddr_storage bound = {};
  socklen_t size = sizeof(bound);
  getsockname(listen_fd_, reinterpret_cast<sockaddr*>(&bound), &size);
  port_ = ntohs(bound.ss_family == AF_INET ? reinterpret_cast<sockaddr_in*>(&bound)->sin_port
                                           : reinterpret_cast<sockaddr_in6*>(&bound)->sin6_port);
  return absl::OkStatus();
}

absl::Status PoolServer::Serve(int end_fd) {
  next_block_ms_ = SteadyMs() + options_.block_interval_ms;
  next_notify_ms_ = SteadyMs() + options_.notify_interval_ms;
  while (record_->health().ok()) {
    std::vector<pollfd> fds = {{end_fd, POLLIN, 0}, {listen_fd_, POLLIN, 0}};
    for (const auto& connection : connections_) {
      fds.push_back({connection->fd, static_cast<short>(POLLIN | (connection->unsent.empty() ? 0 : POLLOUT)), 0});
    }
    const int64_t wait = std::clamp<int64_t>(std::min(next_block_ms_, next_notify_ms_) - SteadyMs(), 0, 1000);
    if (poll(fds.data(), fds.size(), static_cast<int>(wait)) < 0 && errno != EINTR) {
      return absl::InternalError(fmt::format("poll: fails ({}), it must not; check the system", std::strerror(errno)));
    }
    if (fds[0].revents != 0) return absl::OkStatus();
    const int64_t now = SteadyMs();
    for (size_t i = 0; i < connections_.size(); ++i) {
      std::unique_ptr<Connection>& connection = connections_[i];
      const bool readable = (fds[i + 2].revents & (POLLIN | POLLHUP | POLLERR)) != 0;
      const bool silent = !connection->session.subscribed() && now - connection->since_ms > kSubscribeWithinMs;
      if (silent || (readable && !ReadFrom(*connection, now))) connection.reset();
    }
    std::erase(connections_, nullptr);
    if (fds[1].revents != 0) Accept(now);
    RunSchedule(now);
    std::erase_if(connections_, [this](const auto& connection) { return !WriteTo(*connection); });
  }
  return record_->health();
}

void PoolServer::Accept(int64_t now_ms) {
  while (true) {
    const int fd = accept4(listen_fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    if (connections_.size() >= options_.connections_max) {
      LogInfo("connection refused: {} are open, {} are allowed", connections_.size(), options_.connections_max);
      close(fd);
      continue;
    }
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    record_->AddConnection();
    MinerSession session(options_.terms, agent::mining::Extranonce2Bytes(next_extranonce1_++, kExtranonce1Bytes),
                         &judge_, record_);
    connections_.push_back(std::make_unique<Connection>(fd, now_ms, std::move(session)));
  }
}

bool PoolServer::ReadFrom(Connection& connection, int64_t now_ms) {
  char buffer[16384];
  const ssize_t got = recv(connection.fd, buffer, sizeof(buffer), 0);
  if (got < 0) return errno == EAGAIN || errno == EINTR;
  if (got == 0) return false;
  const absl::Status status = connection.session.Receive({buffer, static_cast<size_t>(got)}, job_, UtcMs());
  if (connection.session.TakeBlockFound()) next_block_ms_ = now_ms;  // the next block builds on it
  if (!status.ok()) LogInfo("connection closed: {}", std::string(status.message()));
  return status.ok();
}

bool PoolServer::WriteTo(Connection& connection) {
  connection.unsent += connection.session.TakeOutput();
  if (connection.unsent.empty()) return true;
  const ssize_t sent = send(connection.fd, connection.unsent.data(), connection.unsent.size(), MSG_NOSIGNAL);
  if (sent < 0 && errno != EAGAIN && errno != EINTR) return false;
  if (sent > 0) connection.unsent.erase(0, static_cast<size_t>(sent));
  return connection.unsent.size() <= kUnsentBytesMax;
}

void PoolServer::RunSchedule(int64_t now_ms) {
  if (now_ms >= next_block_ms_) {
    next_block_ms_ = now_ms + options_.block_interval_ms;
    next_notify_ms_ = now_ms + options_.notify_interval_ms;
    Announce(maker_.NextBlock(UtcSeconds()));
  } else if (now_ms >= next_notify_ms_) {
    next_notify_ms_ = now_ms + options_.notify_interval_ms;
    Announce(maker_.NextJob(UtcSeconds()));
  }
}

void PoolServer::Announce(const StratumJob& job) {
  job_ = job;
  judge_.AddJob(job_);
  for (const auto& connection : connections_) {
    if (connection->session.subscribed()) connection->session.Notify(job_);
  }
}

}  // namespace switchyard::tools::pool
