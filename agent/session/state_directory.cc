#include "agent/session/state_directory.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sstream>
#include <sys/file.h>
#include <unistd.h>
#include <utility>

#include "common/platform/files.h"
#include "common/platform/tls.h"
#include "fmt/format.h"

namespace switchyard::agent::session {
namespace {

constexpr int64_t kSmallFile = 4096;
constexpr size_t kIncarnationBytes = 16;

std::string SenderPath(const std::string& directory) { return platform::JoinPath(directory, "sender"); }

// "cluster incarnation term\n": a cluster id has no blanks.
absl::StatusOr<Sender> ParseSender(const std::string& path, const std::string& text) {
  std::istringstream in(text);
  Sender sender;
  if (in >> sender.cluster_id >> sender.store_incarnation >> sender.term) return sender;
  return absl::DataLossError(
      fmt::format("file \"{}\": does not name cluster, incarnation and term; if this node's watts are known "
                  "to be safe, remove it and start again",
                  path));
}

}  // namespace

absl::StatusOr<StateDirectory> StateDirectory::Open(const std::string& path) {
  if (absl::Status made = platform::MakeDirectories(path, 0700); !made.ok()) return made;
  StateDirectory directory(path);
  const std::string lock_path = platform::JoinPath(path, "lock");
  directory.lock_ = open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (directory.lock_ < 0) return absl::InternalError(fmt::format("file \"{}\": {}", lock_path, std::strerror(errno)));
  if (flock(directory.lock_, LOCK_EX | LOCK_NB) != 0) {
    return absl::FailedPreconditionError(fmt::format(
        "state directory \"{}\": another agent runs on it, one is allowed; stop it or name another --state-dir", path));
  }
  const std::string incarnation_path = platform::JoinPath(path, "incarnation");
  if (!platform::FileExists(incarnation_path)) {
    absl::Status written =
        platform::WriteFileAtomically(incarnation_path, platform::RandomHex(kIncarnationBytes) + "\n", 0600);
    if (!written.ok()) return written;
  }
  absl::StatusOr<std::string> incarnation = platform::ReadFile(incarnation_path, kSmallFile);
  if (!incarnation.ok()) return incarnation.status();
  directory.incarnation_ = incarnation->substr(0, incarnation->find('\n'));
  if (directory.incarnation_.empty()) {
    return absl::DataLossError(fmt::format(
        "file \"{}\": is no incarnation; remove it, the node will be scanned as a new one", incarnation_path));
  }
  const std::string sender_path = SenderPath(path);
  if (!platform::FileExists(sender_path)) return directory;
  absl::StatusOr<std::string> text = platform::ReadFile(sender_path, kSmallFile);
  if (!text.ok()) return text.status();
  absl::StatusOr<Sender> sender = ParseSender(sender_path, *text);
  if (!sender.ok()) return sender.status();
  directory.sender_ = *std::move(sender);
  return directory;
}

StateDirectory::~StateDirectory() {
  if (lock_ >= 0) close(lock_);
}

StateDirectory::StateDirectory(StateDirectory&& other) noexcept
    : path_(std::move(other.path_)),
      incarnation_(std::move(other.incarnation_)),
      sender_(std::move(other.sender_)),
      lock_(std::exchange(other.lock_, -1)) {}

absl::Status StateDirectory::SetSender(const Sender& sender) {
  if (sender == sender_) return absl::OkStatus();
  absl::Status written = platform::WriteFileAtomically(
      SenderPath(path_), fmt::format("{} {} {}\n", sender.cluster_id, sender.store_incarnation, sender.term), 0600);
  if (written.ok()) sender_ = sender;
  return written;
}

}  // namespace switchyard::agent::session
