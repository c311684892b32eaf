// Where the scheduler is and how to speak to it, from (in rising order) the defaults, the user's file, the environment
// and the program itself. Reading options opens no connection.
#ifndef SWITCHYARD_CLIENT_CLIENT_OPTIONS_H_
#define SWITCHYARD_CLIENT_CLIENT_OPTIONS_H_

#include <functional>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/units.h"

namespace switchyard::client {

// The local scheduler's socket: the kernel tells the scheduler who calls, so that nothing needs to be configured.
inline constexpr const char* kDefaultServer = "unix:/run/switchyard/switchyard.sock";

struct ClientOptions {
  std::string server = kDefaultServer;  // "unix:PATH", "/PATH" or "HOST:PORT"; TCP needs TLS or insecure_loopback

  // TLS: used as soon as ca_file is set. The certificate and its key name the caller ("cn:<CN>").
  std::string ca_file;
  std::string certificate_file;
  std::string key_file;
  std::string server_name;         // expected in the server's certificate; default: the host of `server`
  bool insecure_loopback = false;  // plain TCP, to this machine only; the scheduler must allow it too

  Duration call_timeout = Seconds(30);  // of one call with all its retries; > 0
  Duration reconnect_for = Minutes(5);  // how long a watch, a wait or an event stream outlives an absent scheduler
  Duration backoff_initial = Milliseconds(100);
  Duration backoff_max = Seconds(5);  // doubling from initial to max, each drawn from its upper half

  // Ends every call in flight with CANCELLED and refuses later ones.
  std::stop_token stop;
  // Told before each retry, on the calling thread; may be empty.
  std::function<void(const absl::Status& failure, Duration back_off)> on_retry;
};

// The file that LoadClientOptions reads when none is named: $XDG_CONFIG_HOME/switchyard/client.yaml, else
// ~/.config/switchyard/client.yaml. Empty where there is no home.
std::string DefaultClientFile();

// Defaults, then `file` (empty: DefaultClientFile(), which need not exist), then SWITCHYARD_SERVER. Keys of the file:
// server, ca_file, certificate_file, key_file, server_name, insecure_loopback, call_timeout, reconnect_for. All errors
// of the file are reported at once, each with file:line:column.
absl::StatusOr<ClientOptions> LoadClientOptions(const std::string& file = "");

// Defaults and `file`, as LoadClientOptions reads it, without the environment: what `check` judges. NOT_FOUND if it
// cannot be read.
absl::StatusOr<ClientOptions> ReadClientFile(const std::string& file);

// What LoadClientOptions cannot know until the program has had its say: the address has a form that is allowed, and
// plain TCP stays on this machine. Connect() asks this first.
absl::Status ValidateClientOptions(const ClientOptions& options);

// The gRPC target of `server`: "/PATH" becomes "unix:/PATH", everything else stays.
std::string ServerTarget(const std::string& server);

}  // namespace switchyard::client

#endif  // SWITCHYARD_CLIENT_CLIENT_OPTIONS_H_
