// What must survive an agent's process: who it is, and the highest scheduler that it has followed (docs/protocol.md,
// "Session").
#ifndef SWITCHYARD_AGENT_SESSION_STATE_DIRECTORY_H_
#define SWITCHYARD_AGENT_SESSION_STATE_DIRECTORY_H_

#include <compare>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace switchyard::agent::session {

struct Sender {
  std::string cluster_id;  // empty: none was ever followed
  uint64_t store_incarnation = 0;
  uint64_t term = 0;
  auto operator<=>(const Sender&) const = default;
};

class StateDirectory {
 public:
  // Makes the directory (0700) and the incarnation where missing, and locks it: FAILED_PRECONDITION when another agent
  // runs on it.
  static absl::StatusOr<StateDirectory> Open(const std::string& path);
  ~StateDirectory();
  StateDirectory(StateDirectory&& other) noexcept;
  StateDirectory& operator=(StateDirectory&&) = delete;

  const std::string& path() const { return path_; }
  // Random, made once; it outlives the process and an upgrade, and a wiped directory gets another.
  const std::string& incarnation() const { return incarnation_; }

  const Sender& sender() const { return sender_; }
  // Durable when OK is returned: nothing of a new sender may be acted on before.
  absl::Status SetSender(const Sender& sender);

 private:
  explicit StateDirectory(std::string path) : path_(std::move(path)) {}

  std::string path_;
  std::string incarnation_;
  Sender sender_;
  int lock_ = -1;
};

}  // namespace switchyard::agent::session

#endif  // SWITCHYARD_AGENT_SESSION_STATE_DIRECTORY_H_
