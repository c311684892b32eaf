#include "agent/mining/pool_client.h"

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <utility>

#include "agent/mining/log.h"
#include "common/check.h"

namespace switchyard::agent::mining {
namespace {

// Finds that wait for a session; beyond it the oldest are void anyway, for without a session there is no valid job.
constexpr size_t kFoundMax = 4096;
// Bytes that may wait for a pool that does not read.
constexpr size_t kUnsentBytesMax = 1 << 20;
constexpr int64_t kProbeConnectMs = 1000;

int64_t NowMs() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd() {
    if (fd_ >= 0) close(fd_);
  }
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

absl::Status PoolError(const PoolAddress& address, std::string_view found) {
  return absl::UnavailableError(fmt::format("pool \"{}\": {}; it is tried again", address.Text(), found));
}

// Waits until the started connect of `fd` is decided; 0 or an errno. `wake_fd` (or -1) ends the wait with ECANCELED
// once stop is requested.
int AwaitConnect(int fd, int wake_fd, int64_t deadline_ms, const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const int64_t left = deadline_ms - NowMs();
    if (left <= 0) return ETIMEDOUT;
    pollfd fds[2] = {{fd, POLLOUT, 0}, {wake_fd, POLLIN, 0}};
    if (poll(fds, 2, static_cast<int>(left)) < 0 && errno != EINTR) return errno;
    if (fds[0].revents != 0) {
      int error = 0;
      socklen_t size = sizeof(error);
      getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
      return error;
    }
    if (fds[1].revents != 0) {
      uint64_t drained;
      if (read(wake_fd, &drained, sizeof(drained)) < 0) continue;
    }
  }
  return ECANCELED;
}

// Connects to the first of the host's addresses that answers. The look-up blocks for as long as the resolver is set to.
absl::StatusOr<Fd> Connect(const PoolAddress& address, int wake_fd, int64_t timeout_ms, const std::stop_token& stop) {
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int error = getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &found);
      error != 0) {
    return PoolError(address, fmt::format("its name is not resolved ({}), an address is needed", gai_strerror(error)));
  }
  int last_error = EHOSTUNREACH;
  const int64_t deadline = NowMs() + timeout_ms;
  for (const addrinfo* a = found; a != nullptr && last_error != 0; a = a->ai_next) {
    Fd fd(socket(a->ai_family, a->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, a->ai_protocol));
    if (fd.get() < 0) {
      last_error = errno;
      continue;
    }
    last_error = connect(fd.get(), a->ai_addr, a->ai_addrlen) == 0 ? 0 : errno;
    if (last_error == EINPROGRESS) last_error = AwaitConnect(fd.get(), wake_fd, deadline, stop);
    if (last_error == 0) {
      const int on = 1;  // shares are small and urgent
      setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
      setsockopt(fd.get(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
      freeaddrinfo(found);
      return fd;
    }
  }
  freeaddrinfo(found);
  return PoolError(address, fmt::format("is not reached ({}), a listening pool is needed", std::strerror(last_error)));
}

}  // namespace

absl::StatusOr<PoolAddress> PoolAddress::Parse(std::string_view text) {
  std::string_view rest = text;
  constexpr std::string_view kScheme = "stratum+tcp://";
  if (rest.starts_with(kScheme)) rest.remove_prefix(kScheme.size());
  const size_t colon = rest.rfind(':');
  PoolAddress address;
  if (colon != std::string_view::npos) {
    address.host = std::string(rest.substr(0, colon));
    const std::string_view port = rest.substr(colon + 1);
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
    if (error != std::errc() || end != port.data() + port.size()) address.port = 0;
  }
  const bool bracketed = address.host.size() > 2 && address.host.front() == '[' && address.host.back() == ']';
  if (bracketed) address.host = address.host.substr(1, address.host.size() - 2);
  if (address.host.empty() || address.port < 1 || address.port > 65535) {
    return absl::InvalidArgumentError(fmt::format(
        "pool \"{}\": is no address, host:port with a port of 1 to 65535 is allowed; write for example 127.0.0.1:3333",
        text));
  }
  return address;
}

std::string PoolAddress::Text() const {
  return host.find(':') == std::string::npos ? fmt::format("{}:{}", host, port) : fmt::format("[{}]:{}", host, port);
}

const char* StateName(PoolStatus::State state) {
  switch (state) {
    case PoolStatus::State::kConnecting:
      return "connecting";
    case PoolStatus::State::kWaiting:
      return "waiting";
    case PoolStatus::State::kHandshaking:
      return "handshaking";
    case PoolStatus::State::kReady:
      return "ready";
  }
  return "unknown";
}

PoolClient::PoolClient(PoolClientOptions options, WorkBoard* board)
    : options_(std::move(options)), board_(board), wake_fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  SWITCHYARD_CHECK(!options_.pools.empty());
  SWITCHYARD_CHECK(wake_fd_ >= 0) << std::strerror(errno);
}

PoolClient::~PoolClient() { close(wake_fd_); }

void PoolClient::Submit(Share share) {
  {
    std::lock_guard lock(mutex_);
    if (found_.size() < kFoundMax) {
      found_.push_back(std::move(share));
    } else {
      ++ended_overflow_;
    }
  }
  eventfd_write(wake_fd_, 1);
}

PoolStatus PoolClient::Status() const {
  std::lock_guard lock(mutex_);
  return status_;
}

void PoolClient::SetState(PoolStatus::State state, const PoolAddress& address, std::string_view reason) {
  std::lock_guard lock(mutex_);
  status_.state = state;
  status_.address = address.Text();
  if (!reason.empty()) status_.reason = std::string(reason);
}

void PoolClient::PublishStatus(const StratumSession& session) {
  if (session.work() != posted_) {
    posted_ = session.work();
    board_->Post(posted_);
  }
  ShareCounts shares = ended_sessions_;
  shares += session.counts();
  std::lock_guard lock(mutex_);
  status_.shares = std::move(shares);
  status_.difficulty = posted_ == nullptr ? "" : posted_->difficulty.Text();
}

void PoolClient::RestFor(int64_t ms, std::stop_token stop) {
  const int64_t until = NowMs() + ms;
  while (!stop.stop_requested()) {
    const int64_t left = until - NowMs();
    if (left <= 0) return;
    pollfd wake = {wake_fd_, POLLIN, 0};
    uint64_t drained;
    if (poll(&wake, 1, static_cast<int>(left)) > 0 && read(wake_fd_, &drained, sizeof(drained)) < 0) continue;
  }
}

bool PoolClient::PrimaryAnswers() const {
  return Connect(options_.pools[0], -1, kProbeConnectMs, std::stop_token()).ok();
}

void PoolClient::Run(std::stop_token stop) {
  std::stop_callback wake(stop, [this] { eventfd_write(wake_fd_, 1); });
  Backoff backoff(options_.first_backoff_ms, options_.max_backoff_ms, options_.jitter_seed);
  int failures = 0;
  std::optional<int> other_port;  // where client.reconnect asked us to go
  while (!stop.stop_requested()) {
    PoolAddress address = options_.pools[pool_index_];
    address.port = std::exchange(other_port, std::nullopt).value_or(address.port);
    SetState(PoolStatus::State::kConnecting, address, "");
    bool was_ready = false;
    StratumSession::Reconnect reconnect;
    const absl::Status ended = Serve(address, stop, &was_ready, &reconnect);
    if (stop.stop_requested()) return;
    LogInfo("pool session ended: {}", std::string(ended.message()));
    if (was_ready) {
      backoff.Reset();
      failures = 0;
    } else if (++failures >= options_.failures_before_next && options_.pools.size() > 1) {
      pool_index_ = (pool_index_ + 1) % options_.pools.size();
      failures = 0;
    }
    other_port = reconnect.port;
    SetState(PoolStatus::State::kWaiting, address, std::string(ended.message()));
    RestFor(std::max<int64_t>(backoff.NextMs(), int64_t{reconnect.wait_s} * 1000), stop);
  }
}

absl::Status PoolClient::Serve(const PoolAddress& address, std::stop_token stop, bool* was_ready,
                               StratumSession::Reconnect* reconnect) {
  absl::StatusOr<Fd> fd = Connect(address, wake_fd_, options_.connect_timeout_ms, stop);
  if (!fd.ok()) return fd.status();
  SetState(PoolStatus::State::kHandshaking, address, "");
  {
    std::lock_guard lock(mutex_);
    ++status_.connections;
  }
  SessionOptions session_options = options_.session;
  session_options.host = address.host;
  StratumSession session(std::move(session_options));
  session.Open();
  const absl::Status ended = ServeSession(fd->get(), session, stop, was_ready);
  if (session.reconnect()) *reconnect = *session.reconnect();

  // All jobs of an ended session are void: the threads stop hashing them now, and finds on their way are stale.
  posted_ = nullptr;
  board_->Post(nullptr);
  ended_sessions_ += session.CountsAtEnd();
  std::lock_guard lock(mutex_);
  ended_sessions_.stale += found_.size() + std::exchange(ended_overflow_, 0);
  found_.clear();
  status_.shares = ended_sessions_;
  status_.difficulty.clear();
  return ended;
}

absl::Status PoolClient::ServeSession(int fd, StratumSession& session, std::stop_token stop, bool* was_ready) {
  const PoolAddress address = options_.pools[pool_index_];
  const int64_t start = NowMs();
  int64_t last_heard = start, last_probe = start;
  std::string unsent;
  while (!stop.stop_requested()) {
    std::vector<Share> found;
    {
      std::lock_guard lock(mutex_);
      found.swap(found_);
    }
    for (const Share& share : found) session.Submit(share);
    PublishStatus(session);
    for (const std::string& remark : session.TakeRemarks()) LogInfo("{}: {}", address.Text(), remark);
    if (session.reconnect()) return PoolError(address, "asks to reconnect");
    if (session.state() == StratumSession::State::kReady && !*was_ready) {
      *was_ready = true;
      SetState(PoolStatus::State::kReady, address, "");
      LogInfo("pool session ready: {} as {}", address.Text(), options_.session.user);
    }

    unsent += session.TakeOutput();
    if (!unsent.empty()) {
      const ssize_t sent = send(fd, unsent.data(), unsent.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno != EAGAIN && errno != EINTR) {
        return PoolError(address, fmt::format("the connection broke ({})", std::strerror(errno)));
      }
      if (sent > 0) unsent.erase(0, static_cast<size_t>(sent));
    }
    if (unsent.size() > kUnsentBytesMax) return PoolError(address, "reads nothing of what is sent");

    pollfd fds[2] = {{fd, static_cast<short>(POLLIN | (unsent.empty() ? 0 : POLLOUT)), 0}, {wake_fd_, POLLIN, 0}};
    if (poll(fds, 2, 1000) < 0 && errno != EINTR)
      return PoolError(address, fmt::format("poll fails ({})", std::strerror(errno)));
    if (fds[1].revents != 0) {
      uint64_t drained;
      if (read(wake_fd_, &drained, sizeof(drained)) < 0 && errno != EAGAIN) return PoolError(address, "eventfd fails");
    }
    const int64_t now = NowMs();
    if ((fds[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
      char buffer[16384];
      const ssize_t got = recv(fd, buffer, sizeof(buffer), 0);
      if (got == 0) return PoolError(address, "closed the connection");
      if (got < 0 && errno != EAGAIN && errno != EINTR) {
        return PoolError(address, fmt::format("the connection broke ({})", std::strerror(errno)));
      }
      if (got > 0) {
        last_heard = now;
        const absl::Status status = session.Receive({buffer, static_cast<size_t>(got)});
        if (!status.ok()) return status;
      }
    }
    if (!*was_ready && session.state() != StratumSession::State::kReady &&
        now - start > options_.handshake_timeout_ms) {
      return PoolError(address,
                       fmt::format("does not finish the handshake, {} ms are allowed", options_.handshake_timeout_ms));
    }
    if (now - last_heard > options_.silence_timeout_ms) {
      return PoolError(address, fmt::format("is silent, {} ms are allowed", options_.silence_timeout_ms));
    }
    if (pool_index_ != 0 && now - last_probe > options_.primary_probe_ms) {
      last_probe = now;
      if (PrimaryAnswers()) {
        pool_index_ = 0;
        return PoolError(address, "is left, the first pool answers again");
      }
    }
  }
  return absl::CancelledError("stopped");
}

}  // namespace switchyard::agent::mining
