#include "bench/child_process.h"

#include <arpa/inet.h>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <netinet/in.h>
#include <signal.h>
#include <sstream>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "common/platform/files.h"
#include "fmt/format.h"

namespace switchyard::bench {

absl::StatusOr<ChildProcess> ChildProcess::Start(const std::vector<std::string>& arguments) {
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const pid_t pid = fork();
  if (pid < 0) return absl::UnavailableError(fmt::format("program \"{}\": it could not be started", arguments[0]));
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execv(argv[0], argv.data());
    _exit(127);
  }
  return ChildProcess(pid);
}

void ChildProcess::Stop() {
  if (pid_ < 0) return;
  kill(pid_, SIGTERM);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

absl::StatusOr<std::string> ChildProcess::AwaitFile(const std::string& path) {
  constexpr auto kPatience = std::chrono::minutes(1);
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!platform::FileExists(path)) {
    if (waitpid(pid_, nullptr, WNOHANG) == pid_) {
      pid_ = -1;
      return absl::UnavailableError(
          fmt::format("file \"{}\": the program ended without writing it; its own words stand above", path));
    }
    if (std::chrono::steady_clock::now() > end) {
      return absl::UnavailableError(fmt::format("file \"{}\": it was not written within a minute", path));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return platform::ReadFile(path);
}

std::string ProgramDirectory() { return std::filesystem::read_symlink("/proc/self/exe").parent_path(); }

absl::StatusOr<std::map<std::string, double>> ReadMetrics(const std::string& address) {
  const size_t colon = address.rfind(':');
  sockaddr_in peer = {};
  peer.sin_family = AF_INET;
  peer.sin_port = htons(static_cast<uint16_t>(std::atoi(address.c_str() + colon + 1)));
  inet_pton(AF_INET, address.substr(0, colon).c_str(), &peer.sin_addr);
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  std::string page;
  const std::string request = "GET /metrics HTTP/1.0\r\n\r\n";
  const bool sent = connect(fd, reinterpret_cast<const sockaddr*>(&peer), sizeof(peer)) == 0 &&
                    write(fd, request.data(), request.size()) == static_cast<ssize_t>(request.size());
  char buffer[4096];
  for (ssize_t got = 0; sent && (got = read(fd, buffer, sizeof(buffer))) > 0;)
    page.append(buffer, static_cast<size_t>(got));
  close(fd);

  std::map<std::string, double> values;
  std::istringstream lines(page);
  for (std::string name, line; std::getline(lines, line);) {
    std::istringstream words(line);
    if (double value = 0; words >> name && name.rfind("switchyard_", 0) == 0 && words >> value) values[name] = value;
  }
  if (values.empty()) return absl::UnavailableError(fmt::format("metrics \"{}\": the page has no values", address));
  return values;
}

}  // namespace switchyard::bench
