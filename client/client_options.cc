#include "client/client_options.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <vector>

#include "common/quantity_text.h"
#include "fmt/format.h"
#include <yaml-cpp/yaml.h>

namespace switchyard::client {
namespace {

// A handful of addresses and paths; anything longer is not a client's file.
constexpr size_t kClientFileBytesMax = 64 * 1024;
constexpr const char* kKnownKeys =
    "server, ca_file, certificate_file, key_file, server_name, insecure_loopback, call_timeout and reconnect_for";

std::string EnvironmentValue(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// One pass over the file's mapping, collecting every error before anything is refused.
class ClientFileReader {
 public:
  ClientFileReader(std::string file, ClientOptions* options) : file_(std::move(file)), options_(options) {}

  absl::Status Read(const std::string& text) {
    YAML::Node root;
    try {
      root = YAML::Load(text);
    } catch (const YAML::Exception& error) {
      Report(error.mark, error.msg + "; correct the YAML");
      return Result();
    }
    if (root.IsNull()) return absl::OkStatus();
    if (!root.IsMap()) {
      Report(root.Mark(), "not a mapping; write \"server: ADDRESS\"");
      return Result();
    }
    std::set<std::string> seen;
    for (const auto& entry : root) {
      if (!entry.first.IsScalar() || !entry.second.IsScalar()) {
        Report(entry.first.Mark(), "not a plain \"key: value\"");
        continue;
      }
      const std::string key = entry.first.Scalar();
      if (!seen.insert(key).second) Report(entry.first.Mark(), fmt::format("key \"{}\": given twice; keep one", key));
      Take(key, entry.second.Scalar(), entry.first.Mark(), entry.second.Mark());
    }
    return Result();
  }

 private:
  void Take(const std::string& key, const std::string& value, const YAML::Mark& key_mark, const YAML::Mark& mark) {
    if (key == "server") {
      options_->server = value;
    } else if (key == "ca_file") {
      options_->ca_file = Resolve(value);
    } else if (key == "certificate_file") {
      options_->certificate_file = Resolve(value);
    } else if (key == "key_file") {
      options_->key_file = Resolve(value);
    } else if (key == "server_name") {
      options_->server_name = value;
    } else if (key == "insecure_loopback") {
      if (value != "true" && value != "false") {
        Report(mark, fmt::format("insecure_loopback \"{}\": neither true nor false; write one of them", value));
      }
      options_->insecure_loopback = value == "true";
    } else if (key == "call_timeout") {
      TakeDuration(value, mark, &options_->call_timeout);
    } else if (key == "reconnect_for") {
      TakeDuration(value, mark, &options_->reconnect_for);
    } else {
      Report(key_mark, fmt::format("key \"{}\": unknown, known are {}; correct or remove it", key, kKnownKeys));
    }
  }

  void TakeDuration(const std::string& value, const YAML::Mark& mark, Duration* out) {
    const absl::StatusOr<Duration> duration = ParseDuration(value);
    if (!duration.ok()) {
      Report(mark, std::string(duration.status().message()));
    } else if (duration->count() <= 0) {
      Report(mark, fmt::format("duration \"{}\": not above zero; write for example 30s", value));
    } else {
      *out = *duration;
    }
  }

  // A certificate beside the file is named by its bare name, wherever the program was started.
  std::string Resolve(const std::string& path) const {
    return (std::filesystem::path(file_).parent_path() / path).lexically_normal().string();
  }

  void Report(const YAML::Mark& mark, const std::string& message) {
    errors_.push_back(fmt::format("{}:{}:{}: {}", file_, mark.line + 1, mark.column + 1, message));
  }
  absl::Status Result() const {
    if (errors_.empty()) return absl::OkStatus();
    return absl::InvalidArgumentError(fmt::format("{}", fmt::join(errors_, "\n")));
  }

  const std::string file_;
  ClientOptions* const options_;
  std::vector<std::string> errors_;
};

bool IsLoopbackHost(const std::string& host) {
  return host == "localhost" || host == "::1" || host == "[::1]" || host.rfind("127.", 0) == 0;
}

}  // namespace

std::string DefaultClientFile() {
  std::string folder = EnvironmentValue("XDG_CONFIG_HOME");
  if (folder.empty()) {
    const std::string home = EnvironmentValue("HOME");
    if (home.empty()) return "";
    folder = home + "/.config";
  }
  return folder + "/switchyard/client.yaml";
}

absl::StatusOr<ClientOptions> ReadClientFile(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  std::string text(kClientFileBytesMax + 1, '\0');
  if (stream.is_open()) stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!stream.is_open() || stream.bad()) {
    return absl::NotFoundError(fmt::format("client file \"{}\": cannot be read; name a readable file", file));
  }
  text.resize(static_cast<size_t>(stream.gcount()));
  if (text.size() > kClientFileBytesMax) {
    return absl::InvalidArgumentError(
        fmt::format("client file \"{}\": longer than {}, the most allowed; is it the right file?", file,
                    FormatBytes(kClientFileBytesMax)));
  }
  ClientOptions options;
  const absl::Status read = ClientFileReader(file, &options).Read(text);
  if (!read.ok()) return read;
  return options;
}

absl::StatusOr<ClientOptions> LoadClientOptions(const std::string& file) {
  absl::StatusOr<ClientOptions> options = ReadClientFile(file.empty() ? DefaultClientFile() : file);
  if (file.empty() && options.status().code() == absl::StatusCode::kNotFound) options = ClientOptions();
  const std::string server = EnvironmentValue("SWITCHYARD_SERVER");
  if (options.ok() && !server.empty()) options->server = server;
  return options;
}

std::string ServerTarget(const std::string& server) {
  return !server.empty() && server.front() == '/' ? "unix:" + server : server;
}

absl::Status ValidateClientOptions(const ClientOptions& options) {
  const std::string target = ServerTarget(options.server);
  if (target.rfind("unix:", 0) == 0 && target.size() > 5) return absl::OkStatus();
  const size_t colon = target.rfind(':');
  const std::string host = colon == std::string::npos ? "" : target.substr(0, colon);
  const std::string port = colon == std::string::npos ? "" : target.substr(colon + 1);
  const bool port_valid = !port.empty() && port.size() <= 5 &&
                          port.find_first_not_of("0123456789") == std::string::npos && std::stoi(port) >= 1 &&
                          std::stoi(port) <= 65535;
  if (host.empty() || !port_valid) {
    return absl::InvalidArgumentError(fmt::format(
        "server \"{}\": not an address, allowed are unix:PATH and HOST:PORT; correct --server or SWITCHYARD_SERVER",
        options.server));
  }
  if (options.certificate_file.empty() != options.key_file.empty()) {
    return absl::InvalidArgumentError(
        fmt::format("server \"{}\": a certificate and its key belong together; set both certificate_file and key_file",
                    options.server));
  }
  if (!options.ca_file.empty()) return absl::OkStatus();
  if (!options.insecure_loopback) {
    return absl::InvalidArgumentError(
        fmt::format("server \"{}\": TCP without TLS; set ca_file, certificate_file and key_file, or "
                    "--insecure-loopback on this machine",
                    options.server));
  }
  if (!IsLoopbackHost(host)) {
    return absl::InvalidArgumentError(fmt::format(
        "server \"{}\": plain TCP leaves this machine, allowed are 127.0.0.1, [::1] and localhost; set ca_file for TLS",
        options.server));
  }
  return absl::OkStatus();
}

}  // namespace switchyard::client
