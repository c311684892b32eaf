#include "agent/supervisor/text_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace switchyard::agent::supervisor {
namespace {

absl::Status WriteAll(int descriptor, const std::string& content, const std::string& path) {
  size_t done = 0;
  while (done < content.size()) {
    const ssize_t wrote = write(descriptor, content.data() + done, content.size() - done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return SystemError("cannot write", path, errno);
    done += static_cast<size_t>(wrote);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status SystemError(const std::string& what, const std::string& path, int error) {
  const std::string text = what + " \"" + path + "\": " + std::strerror(error);
  switch (error) {
    case ENOENT: return absl::NotFoundError(text);
    case EACCES:
    case EPERM:
    case EROFS: return absl::PermissionDeniedError(text);
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE: return absl::ResourceExhaustedError(text);
    default: return absl::UnavailableError(text);
  }
}

absl::StatusOr<std::string> ReadText(const std::string& path) {
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return SystemError("cannot open", path, errno);
  std::string content;
  char buffer[16384];
  absl::Status status;
  while (true) {
    const ssize_t got = read(descriptor, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) status = SystemError("cannot read", path, errno);
    if (got <= 0) break;
    content.append(buffer, static_cast<size_t>(got));
    if (content.size() > kTextBytesMax) {
      status = absl::OutOfRangeError("file \"" + path + "\": is larger than " + std::to_string(kTextBytesMax) + " bytes");
      break;
    }
  }
  close(descriptor);
  if (!status.ok()) return status;
  return content;
}

absl::Status ReplaceText(const std::string& path, const std::string& content, mode_t mode) {
  const std::string neighbour = path + ".new";
  const int descriptor = open(neighbour.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
  if (descriptor < 0) return SystemError("cannot create", neighbour, errno);
  absl::Status status = WriteAll(descriptor, content, neighbour);
  if (close(descriptor) != 0 && status.ok()) status = SystemError("cannot write", neighbour, errno);
  if (status.ok() && rename(neighbour.c_str(), path.c_str()) != 0) status = SystemError("cannot replace", path, errno);
  if (!status.ok()) unlink(neighbour.c_str());
  return status;
}

absl::Status WriteControl(const std::string& path, const std::string& value) {
  const int descriptor = open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (descriptor < 0) return SystemError("cannot open", path, errno);
  const absl::Status status = WriteAll(descriptor, value, path);
  close(descriptor);
  return status;
}

}  // namespace switchyard::agent::supervisor
