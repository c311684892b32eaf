#include "common/platform/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "fmt/format.h"

namespace switchyard::platform {
namespace {

// The status code says who must act: the caller's name, the file's rights, or the machine.
absl::Status SystemError(const char* verb, const std::string& path, int error) {
  const std::string message = fmt::format("file \"{}\": cannot {}: {}", path, verb, std::strerror(error));
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return absl::NotFoundError(message);
    case EACCES:
    case EPERM:
    case EROFS:
      return absl::PermissionDeniedError(message);
    case ENOSPC:
    case EDQUOT:
      return absl::ResourceExhaustedError(message);
    case EEXIST:
      return absl::AlreadyExistsError(message);
    default:
      return absl::UnavailableError(message);
  }
}

// An open descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ > STDIN_FILENO) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

absl::Status WriteAll(int fd, const std::string& content, const std::string& path) {
  size_t written = 0;
  while (written < content.size()) {
    const ssize_t n = write(fd, content.data() + written, content.size() - written);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return SystemError("write", path, errno);
    written += static_cast<size_t>(n);
  }
  if (fsync(fd) != 0) return SystemError("sync", path, errno);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> ReadFile(const std::string& path, int64_t max_bytes) {
  const Descriptor file(path == "-" ? STDIN_FILENO : open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return SystemError("open", path, errno);
  std::string content;
  char buffer[64 << 10];
  while (true) {
    const ssize_t n = read(file.get(), buffer, sizeof(buffer));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return SystemError("read", path, errno);
    if (n == 0) return content;
    content.append(buffer, static_cast<size_t>(n));
    if (static_cast<int64_t>(content.size()) > max_bytes) {
      return absl::OutOfRangeError(fmt::format("file \"{}\": larger than {} bytes, the most that is read; is it the right file?",
                                               path, max_bytes));
    }
  }
}

absl::Status WriteFileAtomically(const std::string& path, const std::string& content, uint32_t mode) {
  std::string neighbour = path + ".XXXXXX";
  const Descriptor file(mkostemp(neighbour.data(), O_CLOEXEC));
  if (file.get() < 0) return SystemError("make a neighbour of", path, errno);
  absl::Status status = WriteAll(file.get(), content, neighbour);
  if (status.ok() && fchmod(file.get(), mode) != 0) status = SystemError("set the mode of", neighbour, errno);
  if (status.ok() && rename(neighbour.c_str(), path.c_str()) != 0) status = SystemError("replace", path, errno);
  if (!status.ok()) {
    unlink(neighbour.c_str());
    return status;
  }
  return SyncDirectory(DirectoryOf(path));
}

absl::Status MakeDirectories(const std::string& path, uint32_t mode) {
  struct stat facts {};
  if (stat(path.c_str(), &facts) == 0) {
    return S_ISDIR(facts.st_mode) ? absl::OkStatus() : SystemError("make a directory at", path, EEXIST);
  }
  const std::string parent = DirectoryOf(path);
  if (parent != path && parent != "." && parent != "/") {
    if (absl::Status status = MakeDirectories(parent, 0755); !status.ok()) return status;
  }
  // Another process may have made it meanwhile: that is what was wanted.
  if (mkdir(path.c_str(), mode) != 0 && errno != EEXIST) return SystemError("make the directory", path, errno);
  return absl::OkStatus();
}

absl::Status SyncDirectory(const std::string& path) {
  const Descriptor directory(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() < 0) return SystemError("open the directory", path, errno);
  if (fsync(directory.get()) != 0) return SystemError("sync the directory", path, errno);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> ListDirectory(const std::string& path) {
  std::error_code error;
  std::vector<std::string> names;
  std::filesystem::directory_iterator entry(path, error);
  while (!error && entry != std::filesystem::directory_iterator()) {
    names.push_back(entry->path().filename().string());
    entry.increment(error);
  }
  if (error) return SystemError("list", path, error.value());
  std::sort(names.begin(), names.end());
  return names;
}

absl::StatusOr<int64_t> FreeBytes(const std::string& path) {
  struct statvfs facts {};
  if (statvfs(path.c_str(), &facts) != 0) return SystemError("ask the free space of", path, errno);
  return static_cast<int64_t>(facts.f_bavail) * static_cast<int64_t>(facts.f_frsize);
}

bool FileExists(const std::string& path) { return access(path.c_str(), F_OK) == 0; }

std::string DirectoryOf(const std::string& path) {
  const size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string JoinPath(const std::string& directory, const std::string& name) {
  if (!name.empty() && name.front() == '/') return name;
  if (directory == "." || directory.empty()) return name;
  return directory.back() == '/' ? directory + name : directory + "/" + name;
}

}  // namespace switchyard::platform
