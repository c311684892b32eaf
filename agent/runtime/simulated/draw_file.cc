#include "agent/runtime/simulated/draw_file.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <iterator>
#include <unistd.h>
#include <utility>

#include "common/platform/logging.h"
#include "fmt/format.h"

namespace switchyard::agent::simulated {

absl::StatusOr<std::unique_ptr<DrawFile>> DrawFile::Open(const std::string& path, const std::string& subject) {
  const int descriptor = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (descriptor < 0)
    return absl::InternalError(fmt::format("draw file \"{}\": {}; name a writable path", path, std::strerror(errno)));
  std::unique_ptr<DrawFile> file(new DrawFile(path, descriptor));
  // A program that was killed may have left half a line: it must not run into the next one.
  const bool empty = lseek(descriptor, 0, SEEK_END) == 0;
  file->lines_ = fmt::format("{}# t_utc_ms node {} milliwatts\n", empty ? "" : "\n", subject);
  return file;
}

DrawFile::DrawFile(std::string path, int descriptor)
    : path_(std::move(path)), descriptor_(descriptor), writer_([this] { Write(); }) {}

DrawFile::~DrawFile() {
  Flush();
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  ready_.notify_one();
  writer_.join();
  close(descriptor_);
}

void DrawFile::Append(UtcTime time, const std::string& node, const std::string& what, Power draw) {
  fmt::format_to(std::back_inserter(lines_), "{} {} {} {}\n", time.milliseconds(), node, what, draw.count());
}

void DrawFile::Flush() {
  if (lines_.empty()) return;
  {
    const std::lock_guard lock(mutex_);
    handed_ += lines_;
  }
  lines_.clear();
  ready_.notify_one();
}

void DrawFile::Write() {
  while (true) {
    std::string text;
    {
      std::unique_lock lock(mutex_);
      ready_.wait(lock, [this] { return ended_ || !handed_.empty(); });
      if (handed_.empty()) return;
      text.swap(handed_);
    }
    for (size_t done = 0; done < text.size();) {
      const ssize_t n = write(descriptor_, text.data() + done, text.size() - done);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) {
        platform::Log(platform::LogLevel::kError, "draw-file-lost",
                      {{"path", path_}, {"reason", std::strerror(errno)}});
        break;
      }
      done += static_cast<size_t>(n);
    }
  }
}

}  // namespace switchyard::agent::simulated
