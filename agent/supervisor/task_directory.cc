#include "agent/supervisor/task_directory.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "agent/supervisor/text_file.h"

namespace switchyard::agent::supervisor {
namespace {

struct flock WholeFile() {
  struct flock lock = {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return lock;
}

}  // namespace

absl::StatusOr<int> TakeTaskLock(const std::string& task_directory) {
  const std::string path = task_directory + "/" + kLockFile;
  const int descriptor = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) return SystemError("cannot open", path, errno);
  struct flock lock = WholeFile();
  struct stat held = {}, named = {};
  const bool taken = fcntl(descriptor, F_SETLK, &lock) == 0;
  // A lock on a file that has been removed since it was opened guards nothing.
  if (!taken || fstat(descriptor, &held) != 0 || stat(path.c_str(), &named) != 0 || held.st_ino != named.st_ino) {
    close(descriptor);
    return absl::FailedPreconditionError("task \"" + task_directory + "\": " +
                                         (taken ? "its directory was removed" : "another process holds its lock"));
  }
  return descriptor;
}

absl::StatusOr<pid_t> TaskLockHolder(const std::string& task_directory) {
  const std::string path = task_directory + "/" + kLockFile;
  const int descriptor = open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (descriptor < 0 && errno == ENOENT) return 0;
  if (descriptor < 0) return SystemError("cannot open", path, errno);
  struct flock lock = WholeFile();
  const int result = fcntl(descriptor, F_GETLK, &lock);
  const int error = errno;
  close(descriptor);
  if (result != 0) return SystemError("cannot test the lock of", path, error);
  return lock.l_type == F_UNLCK ? 0 : lock.l_pid;
}

absl::Status SendCommand(const std::string& task_directory, const std::string& command) {
  const std::string path = task_directory + "/" + kControlFile;
  const int descriptor = open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
  if (descriptor < 0 && (errno == ENXIO || errno == ENOENT)) {
    return absl::NotFoundError("task \"" + task_directory + "\": no supervisor listens");
  }
  if (descriptor < 0) return SystemError("cannot open", path, errno);
  const std::string line = command + "\n";
  const ssize_t wrote = write(descriptor, line.data(), line.size());
  const int error = errno;
  close(descriptor);
  if (wrote != static_cast<ssize_t>(line.size())) return SystemError("cannot write", path, error);
  return absl::OkStatus();
}

absl::StatusOr<int> OpenControl(const std::string& task_directory) {
  const std::string path = task_directory + "/" + kControlFile;
  if (mkfifo(path.c_str(), 0600) != 0 && errno != EEXIST) return SystemError("cannot create", path, errno);
  const int descriptor = open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (descriptor < 0) return SystemError("cannot open", path, errno);
  return descriptor;
}

int64_t ProcessStartTicks(pid_t pid) {
  if (pid <= 0) return 0;
  const absl::StatusOr<std::string> stat = ReadText("/proc/" + std::to_string(pid) + "/stat");
  if (!stat.ok()) return 0;
  // The name, in parentheses, may hold blanks and parentheses; the start time is the 20th word after it.
  size_t position = stat->rfind(')');
  if (position == std::string::npos || position + 2 >= stat->size()) return 0;
  const char state = (*stat)[position + 2];
  if (state == 'Z' || state == 'X') return 0;
  for (int word = 0; word < 20 && position != std::string::npos; ++word) position = stat->find(' ', position + 1);
  return position == std::string::npos ? 0 : std::strtoll(stat->c_str() + position, nullptr, 10);
}

int64_t BootMilliseconds() {
  timespec now = {};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1'000'000;
}

}  // namespace switchyard::agent::supervisor
