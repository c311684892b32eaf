#include "agent/mining/small_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>

namespace switchyard::agent::mining {
namespace {

absl::Status FileError(const std::string& path, std::string_view what) {
  return absl::UnavailableError(fmt::format(
      "file \"{}\": {} fails ({}), it must succeed; check the path and its rights", path, what, std::strerror(errno)));
}

bool WriteAll(int fd, std::string_view content) {
  while (!content.empty()) {
    const ssize_t written = write(fd, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    content.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

}  // namespace

absl::StatusOr<std::string> ReadSmallFile(const std::string& path, size_t bytes_max) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return FileError(path, "opening");
  std::string content(bytes_max + 1, '\0');
  size_t size = 0;
  ssize_t got = 0;
  while (size < content.size() && (got = read(fd, content.data() + size, content.size() - size)) != 0) {
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) break;
    size += static_cast<size_t>(got);
  }
  const int error = errno;
  close(fd);
  errno = error;
  if (got < 0) return FileError(path, "reading");
  if (size > bytes_max) {
    return absl::ResourceExhaustedError(
        fmt::format("file \"{}\": is longer than {} bytes, at most that is allowed; check the path", path, bytes_max));
  }
  content.resize(size);
  return content;
}

absl::Status ReplaceFile(const std::string& path, std::string_view content) {
  const std::string temporary = fmt::format("{}.{}.tmp", path, getpid());
  const int fd = open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return FileError(temporary, "opening");
  const bool written = WriteAll(fd, content);
  if (close(fd) != 0 || !written) {
    const absl::Status status = FileError(temporary, "writing");
    unlink(temporary.c_str());
    return status;
  }
  if (rename(temporary.c_str(), path.c_str()) != 0) return FileError(path, "replacing");
  return absl::OkStatus();
}

std::optional<int> ParseDuty(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return std::nullopt;
  text = text.substr(first, text.find_last_not_of(kSpace) - first + 1);
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0 || value > 1000) return std::nullopt;
  return value;
}

}  // namespace switchyard::agent::mining
