#include "client/cli/verb_context.h"

#include <cstdio>

#include "common/quantity_text.h"
#include "fmt/format.h"

namespace switchyard::client::cli {

VerbContext::VerbContext(const GlobalArguments& arguments, Format format, std::stop_token stop)
    : arguments_(arguments), stop_(std::move(stop)), output_(format, LookAtTerminal()) {}

absl::StatusOr<Client*> VerbContext::Connect() {
  if (client_ != nullptr) return client_.get();
  absl::StatusOr<ClientOptions> options = LoadClientOptions(arguments_.config_file);
  if (!options.ok()) return options.status();
  if (!arguments_.server.empty()) options->server = arguments_.server;
  if (!arguments_.ca_file.empty()) options->ca_file = arguments_.ca_file;
  if (!arguments_.certificate_file.empty()) options->certificate_file = arguments_.certificate_file;
  if (!arguments_.key_file.empty()) options->key_file = arguments_.key_file;
  if (arguments_.insecure_loopback) options->insecure_loopback = true;
  if (!arguments_.call_timeout.empty()) {
    const absl::StatusOr<Duration> timeout = ParseDuration(arguments_.call_timeout);
    if (!timeout.ok()) return timeout.status();
    options->call_timeout = *timeout;
  }
  options->stop = stop_;
  if (arguments_.log_level != "error") {
    options->on_retry = [](const absl::Status& failure, Duration back_off) {
      std::fprintf(
          stderr, "%s\n",
          fmt::format("{} (trying again in {})", std::string(failure.message()), FormatDuration(back_off)).c_str());
    };
  }
  absl::StatusOr<std::unique_ptr<Client>> client = Client::Connect(*options);
  if (!client.ok()) return client.status();
  client_ = *std::move(client);
  return client_.get();
}

void VerbContext::Progress(const std::string& line) const {
  const bool asked = arguments_.log_level == "info" || arguments_.log_level == "debug";
  if (!asked && !StderrIsTerminal()) return;
  std::fprintf(stderr, "%s\n", Harmless(line).c_str());
}

}  // namespace switchyard::client::cli
