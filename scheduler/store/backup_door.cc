#include "scheduler/store/backup_door.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <utility>

#include "common/check.h"
#include "fmt/format.h"
#include "scheduler/store/rocks_store.h"

namespace switchyard::store {
namespace {

constexpr char kSocket[] = "backup.sock";
constexpr size_t kMaxLine = 8192;     // above every path that the system takes
constexpr int kRequestWaitMs = 5000;  // the asker writes its line at once; a silent one must not keep others out

// A descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

// The socket's address by way of the open directory, for a store's path may be longer than the 107 bytes of a socket's.
sockaddr_un AddressIn(int directory_fd) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  const std::string path = fmt::format("/proc/self/fd/{}/{}", directory_fd, kSocket);
  SWITCHYARD_CHECK(path.size() < sizeof(address.sun_path)) << path;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

// Reads up to a newline or the end; false if nobody writes for `wait_ms` (negative: wait for ever).
bool ReadLine(int fd, int wait_ms, std::string* line) {
  char buffer[512];
  while (line->size() < kMaxLine && line->find('\n') == std::string::npos) {
    pollfd ready = {fd, POLLIN, 0};
    if (::poll(&ready, 1, wait_ms) <= 0) return false;
    const ssize_t count = ::read(fd, buffer, sizeof(buffer));
    if (count <= 0) break;
    line->append(buffer, static_cast<size_t>(count));
  }
  const size_t end = line->find('\n');
  if (end == std::string::npos) return false;
  line->resize(end);
  return true;
}

void WriteAll(int fd, const std::string& text) {
  size_t done = 0;
  while (done < text.size()) {
    const ssize_t count = ::send(fd, text.data() + done, text.size() - done, MSG_NOSIGNAL);
    if (count <= 0) return;  // the asker is gone; the backup stands
    done += static_cast<size_t>(count);
  }
}

absl::Status SystemError(const std::string& what) {
  return absl::InternalError(fmt::format("backup socket: {} failed ({})", what, std::strerror(errno)));
}

// What the running scheduler answers. UNAVAILABLE: none runs.
absl::Status AskThroughDoor(const std::string& directory, const std::string& target) {
  const Descriptor folder(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() < 0) {
    return absl::NotFoundError(fmt::format("store \"{}\": the directory cannot be opened ({}); name the --store of a switchyardd",
                                           directory, std::strerror(errno)));
  }
  const Descriptor connection(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_un address = AddressIn(folder.get());
  if (::connect(connection.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    if (errno == ENOENT || errno == ECONNREFUSED) return absl::UnavailableError("no scheduler has the store open");
    return SystemError("connecting");
  }
  WriteAll(connection.get(), target + "\n");
  std::string answer;
  if (!ReadLine(connection.get(), -1, &answer)) {
    return absl::AbortedError(fmt::format("backup \"{}\": the scheduler ended before it answered; remove what is there and ask "
                                          "again", target));
  }
  if (answer == "ok") return absl::OkStatus();
  int code = static_cast<int>(absl::StatusCode::kUnknown);
  const size_t blank = std::min(answer.find(' '), answer.size());
  std::from_chars(answer.data(), answer.data() + blank, code);
  return absl::Status(static_cast<absl::StatusCode>(code), answer.substr(std::min(blank + 1, answer.size())));
}

}  // namespace

absl::StatusOr<std::unique_ptr<BackupDoor>> BackupDoor::Open(Store* store, const std::string& directory) {
  const Descriptor folder(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() < 0) return SystemError("opening the store's directory");
  Descriptor listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (listener.get() < 0) return SystemError("making it");
  const sockaddr_un address = AddressIn(folder.get());
  // What an earlier term left behind. The store's lock says that nobody serves it any more.
  ::unlinkat(folder.get(), kSocket, 0);
  if (::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) return SystemError("binding");
  if (::fchmodat(folder.get(), kSocket, 0600, 0) != 0) return SystemError("restricting it to the store's owner");
  if (::listen(listener.get(), 8) != 0) return SystemError("listening");
  const int stop = ::eventfd(0, EFD_CLOEXEC);
  if (stop < 0) return SystemError("making an eventfd");
  std::unique_ptr<BackupDoor> door(new BackupDoor(store, listener.release(), stop));
  door->thread_ = std::thread(&BackupDoor::Serve, door.get());
  return door;
}

BackupDoor::~BackupDoor() {
  const uint64_t one = 1;
  SWITCHYARD_CHECK(::write(stop_, &one, sizeof(one)) == sizeof(one)) << std::strerror(errno);
  thread_.join();
  ::close(listener_);
  ::close(stop_);
}

void BackupDoor::Serve() {
  for (;;) {
    pollfd ready[2] = {{listener_, POLLIN, 0}, {stop_, POLLIN, 0}};
    if (::poll(ready, 2, -1) < 0 && errno != EINTR) return;
    if (ready[1].revents != 0) return;
    if (ready[0].revents == 0) continue;
    const Descriptor connection(::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC));
    if (connection.get() >= 0) Answer(connection.get());
  }
}

void BackupDoor::Answer(int connection) {
  std::string target;
  if (!ReadLine(connection, kRequestWaitMs, &target)) return;
  absl::Status status = absl::InvalidArgumentError(
      fmt::format("backup \"{}\": the path is relative, the scheduler needs an absolute one", target));
  if (std::filesystem::path(target).is_absolute()) status = store_->Backup(target);
  WriteAll(connection, status.ok() ? "ok\n"
                                   : fmt::format("{} {}\n", static_cast<int>(status.code()), std::string(status.message())));
}

absl::Status BackupStore(const std::string& directory, const std::string& target) {
  const std::string absolute = std::filesystem::absolute(target).string();
  const absl::Status asked = AskThroughDoor(directory, absolute);
  if (!absl::IsUnavailable(asked)) return asked;
  if (!std::filesystem::exists(directory + "/CURRENT")) {
    return absl::NotFoundError(
        fmt::format("store \"{}\": there is none in this directory; name the --store of a switchyardd", directory));
  }
  absl::StatusOr<std::unique_ptr<RocksStore>> store = RocksStore::Open({.directory = directory, .ballast_bytes = 0});
  if (!store.ok()) return store.status();
  return (*store)->Backup(absolute);
}

}  // namespace switchyard::store
