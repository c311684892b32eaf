#include "scheduler/rpc/unix_listener.h"

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>

#include "common/platform/logging.h"
#include "fmt/format.h"
#include "scheduler/rpc/listen_address.h"

namespace switchyard::rpc {
namespace {

constexpr int kBacklog = 1024;          // a whole site's agents that come back at once
constexpr int kExhaustedPauseMs = 100;  // no descriptor is free: others must close theirs first

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  int Release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

absl::Status SystemError(const std::string& path, const char* what) {
  return absl::UnavailableError(fmt::format("socket \"{}\": {} failed, {}; check the directory and its rights", path,
                                            what, std::strerror(errno)));
}

sockaddr_un AddressOf(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

// Removes a socket that nobody listens on.
absl::Status ClearStale(const std::string& path) {
  struct stat found {};
  if (lstat(path.c_str(), &found) != 0) return absl::OkStatus();
  if (!S_ISSOCK(found.st_mode)) {
    return absl::AlreadyExistsError(
        fmt::format("socket \"{}\": something that is no socket is there; choose another path", path));
  }
  const Descriptor probe(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_un address = AddressOf(path);
  if (connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) {
    return absl::AlreadyExistsError(
        fmt::format("socket \"{}\": another scheduler listens on it; stop that one or choose another path", path));
  }
  if (unlink(path.c_str()) != 0 && errno != ENOENT) return SystemError(path, "removing the old socket");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<UnixListener>> UnixListener::Open(const std::string& path, Accepted accepted) {
  if (const auto parsed = ParseListenAddress("unix:" + path); !parsed.ok()) return parsed.status();  // its length
  if (absl::Status cleared = ClearStale(path); !cleared.ok()) return cleared;
  Descriptor listening(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (listening.get() < 0) return SystemError(path, "socket");
  const sockaddr_un address = AddressOf(path);
  if (bind(listening.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
    return SystemError(path, "bind");
  if (chmod(path.c_str(), 0666) != 0) return SystemError(path, "chmod");
  if (listen(listening.get(), kBacklog) != 0) return SystemError(path, "listen");
  Descriptor stop(eventfd(0, EFD_CLOEXEC));
  if (stop.get() < 0) return SystemError(path, "eventfd");
  return std::unique_ptr<UnixListener>(
      new UnixListener(path, listening.Release(), stop.Release(), std::move(accepted)));
}

UnixListener::UnixListener(std::string path, int socket, int stop, Accepted accepted)
    : path_(std::move(path)), socket_(socket), stop_(stop), accepted_(std::move(accepted)), thread_([this] {
        Run();
      }) {}

UnixListener::~UnixListener() {
  const uint64_t one = 1;
  (void)!write(stop_, &one, sizeof(one));  // an eventfd at zero takes a one
  thread_.join();
  close(socket_);
  close(stop_);
  unlink(path_.c_str());
}

void UnixListener::Run() {
  for (;;) {
    pollfd watched[2] = {{.fd = stop_, .events = POLLIN, .revents = 0},
                         {.fd = socket_, .events = POLLIN, .revents = 0}};
    if (poll(watched, 2, -1) < 0) continue;
    if (watched[0].revents != 0) return;
    Accept();
  }
}

void UnixListener::Accept() {
  const int fd = accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) {
    if (errno != EMFILE && errno != ENFILE && errno != ENOMEM) return;  // the peer went away again
    platform::Log(platform::LogLevel::kError, "accept-failed", {{"socket", path_}, {"error", std::strerror(errno)}});
    pollfd stop{.fd = stop_, .events = POLLIN, .revents = 0};
    poll(&stop, 1, kExhaustedPauseMs);
    return;
  }
  ucred peer{};
  socklen_t length = sizeof(peer);
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) {
    close(fd);
    return;
  }
  accepted_(fd, peer.uid);
}

}  // namespace switchyard::rpc
