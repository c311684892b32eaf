// switchyardd's command line.
#ifndef SWITCHYARD_SCHEDULER_DAEMON_OPTIONS_H_
#define SWITCHYARD_SCHEDULER_DAEMON_OPTIONS_H_

#include <optional>
#include <string>
#include <vector>

#include "common/platform/logging.h"
#include "common/platform/tls.h"

namespace switchyard::daemon {

inline constexpr char kDefaultSocket[] = "unix:/run/switchyard/switchyard.sock";
inline constexpr char kDefaultStore[] = "/var/lib/switchyard";

struct Options {
  // What to do; none of them: serve.
  std::string make_ca;  // a directory
  std::string backup;   // a directory
  std::string replay;   // a file
  bool dump = false;
  bool dev = false;

  std::string config;   // empty: the configuration that the store holds
  std::string store = kDefaultStore;
  bool store_given = false;
  std::vector<std::string> listen = {kDefaultSocket};
  bool insecure_loopback = false;
  platform::TlsFiles tls;
  std::string ca_dir;   // where enrolment finds ca.pem and ca.key
  std::vector<std::string> hosts;  // further names in the scheduler's certificate, for make_ca
  std::string http;
  std::string port_file;
  std::string record;
  platform::LogLevel log_level = platform::LogLevel::kInfo;
};

// Parses; prints help, version or the usage error itself. Nothing: the program ends with *exit_code (0, or 2 for a usage error).
std::optional<Options> ParseOptions(int argc, char** argv, int* exit_code);

}  // namespace switchyard::daemon

#endif  // SWITCHYARD_SCHEDULER_DAEMON_OPTIONS_H_
