#include "agent/runtime/simulated/control_socket.h"

#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <poll.h>
#include <sstream>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>

#include "fmt/format.h"

namespace switchyard::agent::simulated {
namespace {

constexpr size_t kLineMost = 512;
constexpr int kLineWaitMs = 100;
constexpr int kBacklog = 16;

std::string NoNode(const std::string& node) { return fmt::format("error: node \"{}\": is not of this agent", node); }

std::optional<Defect> DefectOf(const std::string& verb) {
  if (verb == "lie") return Defect::kLiar;
  if (verb == "stick") return Defect::kStuck;
  if (verb == "slow") return Defect::kSlow;
  if (verb == "mend") return Defect::kNone;
  return std::nullopt;
}

std::string ListDevices(const Node& node) {
  std::string answer = "ok";
  for (const Group& group : node.groups()) {
    for (const Device& device : group.devices) answer += " " + device.id();
  }
  return answer;
}

std::string Silence(const std::string& node, const std::string& text, const ControlHooks& hooks) {
  int seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc() || end != text.data() + text.size() || seconds < 0) {
    return fmt::format("error: \"{}\" is no number of seconds", text);
  }
  return hooks.silence(node, Seconds(seconds)) ? "ok" : NoNode(node);
}

}  // namespace

std::string RunControlCommand(const std::string& line, Fleet* fleet, const ControlHooks& hooks) {
  std::istringstream in(line);
  std::string verb, subject, argument;
  in >> verb >> subject >> argument;
  if (verb == "crash") {
    hooks.crash();
    return "ok";
  }
  if (const std::optional<Defect> defect = DefectOf(verb)) {
    const std::string node = fleet->SetDefect(subject, *defect);
    if (node.empty())
      return fmt::format("error: device \"{}\": no node of this agent has it; `devices NODE` names them", subject);
    hooks.wake(node);
    return "ok " + node;
  }
  Node* node = fleet->Find(subject);
  if (verb == "silence") return Silence(subject, argument, hooks);
  if (verb != "reboot" && verb != "wipe" && verb != "clone" && verb != "devices") {
    return fmt::format(
        "error: \"{}\" is no command; reboot, wipe, clone, silence, lie, stick, slow, mend, devices and crash are",
        verb);
  }
  if (node == nullptr) return NoNode(subject);
  if (verb == "devices") return ListDevices(*node);
  if (verb == "clone") {
    const absl::Status cloned = hooks.clone(subject);
    return cloned.ok() ? "ok" : "error: " + std::string(cloned.message());
  }
  if (verb == "reboot")
    node->Reboot();
  else
    node->Wipe();
  return hooks.restart(subject) ? "ok" : NoNode(subject);
}

absl::StatusOr<std::unique_ptr<ControlSocket>> ControlSocket::Listen(const std::string& path, Fleet* fleet,
                                                                     ControlHooks hooks) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return absl::InvalidArgumentError(
        fmt::format("control socket \"{}\": has {} bytes, at most {} are allowed; choose a shorter path", path,
                    path.size(), sizeof(address.sun_path) - 1));
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (descriptor < 0) return absl::InternalError(fmt::format("control socket: {}", std::strerror(errno)));
  std::unique_ptr<ControlSocket> control(new ControlSocket(path, descriptor, fleet, std::move(hooks)));
  unlink(path.c_str());  // of an agent that was killed; two agents on one state directory are refused before this
  const mode_t mask = umask(0077);
  const bool bound = bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  umask(mask);
  if (!bound || listen(descriptor, kBacklog) != 0) {
    return absl::InternalError(fmt::format("control socket \"{}\": {}", path, std::strerror(errno)));
  }
  return control;
}

ControlSocket::~ControlSocket() {
  close(descriptor_);
  unlink(path_.c_str());
}

void ControlSocket::Serve() {
  const int peer = accept4(descriptor_, nullptr, nullptr, SOCK_CLOEXEC);
  if (peer < 0) return;
  std::string line;
  while (line.size() < kLineMost && line.find('\n') == std::string::npos) {
    pollfd readable{peer, POLLIN, 0};
    char bytes[kLineMost];
    if (poll(&readable, 1, kLineWaitMs) <= 0) break;
    const ssize_t n = read(peer, bytes, sizeof(bytes));
    if (n <= 0) break;
    line.append(bytes, static_cast<size_t>(n));
  }
  const std::string answer = RunControlCommand(line.substr(0, line.find('\n')), fleet_, hooks_) + "\n";
  // A peer that does not read its answer loses it.
  [[maybe_unused]] const ssize_t written = send(peer, answer.data(), answer.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  close(peer);
}

}  // namespace switchyard::agent::simulated
