#include "scheduler/rpc/listen_address.h"

#include <algorithm>
#include <arpa/inet.h>
#include <sys/un.h>

#include "fmt/format.h"

namespace switchyard::rpc {
namespace {

constexpr char kUnixPrefix[] = "unix:";
// What a unix socket's address holds, with its closing zero.
constexpr size_t kPathMax = sizeof(sockaddr_un::sun_path) - 1;

// A name other than localhost is not trusted: who resolves it decides where it points.
bool IsLoopback(const std::string& host) {
  if (host == "localhost" || host == "[::1]") return true;
  in_addr v4{};
  return inet_pton(AF_INET, host.c_str(), &v4) == 1 && (ntohl(v4.s_addr) >> 24) == 127;
}

}  // namespace

absl::StatusOr<ListenAddress> ParseListenAddress(const std::string& text) {
  ListenAddress address;
  if (text.compare(0, sizeof(kUnixPrefix) - 1, kUnixPrefix) == 0) {
    address.kind = ListenAddress::Kind::kUnix;
    address.path = text.substr(sizeof(kUnixPrefix) - 1);
    if (address.path.empty() || address.path.size() > kPathMax) {
      return absl::InvalidArgumentError(
          fmt::format("address \"{}\": its path has {} bytes, 1 to {} are allowed; use a shorter path", text,
                      address.path.size(), kPathMax));
    }
    return address;
  }
  const size_t colon = text.rfind(':');
  const std::string port = colon == std::string::npos ? "" : text.substr(colon + 1);
  const bool digits = !port.empty() && port.size() <= 5 &&
                      std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (colon == 0 || !digits || std::stoi(port) > 65535) {
    return absl::InvalidArgumentError(
        fmt::format("address \"{}\": neither unix:PATH nor HOST:PORT; write for example 127.0.0.1:7070", text));
  }
  address.host = text.substr(0, colon);
  address.port = std::stoi(port);
  address.loopback = IsLoopback(address.host);
  if (address.host.find(':') != std::string::npos && address.host.front() != '[') {
    return absl::InvalidArgumentError(
        fmt::format("address \"{}\": an IPv6 address stands in brackets; write [{}]:{}", text, address.host, port));
  }
  return address;
}

}  // namespace switchyard::rpc
