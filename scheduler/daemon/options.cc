#include "scheduler/daemon/options.h"

#include <CLI/CLI.hpp>
#include <iostream>

#include "common/platform/program.h"

namespace switchyard::daemon {
namespace {

constexpr int kUsageError = 2;

constexpr char kFooter[] =
    "Signals: SIGTERM and SIGINT end it cleanly; SIGHUP reads --config again and applies it whole or refuses it whole.\n"
    "A start with a --config that is refused goes on with the configuration of the store, if there is one, and says so in the log:\n"
    "leases that end are worse than an old configuration.";

}  // namespace

std::optional<Options> ParseOptions(int argc, char** argv, int* exit_code) {
  Options options;
  std::string log_level = "info";
  CLI::App app("switchyardd: the Switchyard scheduler. Places hashing, training and inference under a site's caps.", "switchyardd");
  app.footer(kFooter);
  app.set_version_flag("--version", platform::VersionText("switchyardd"));
  app.add_option("--config", options.config, "the cluster's configuration (docs/configuration.md); default: the one in the store");
  CLI::Option* const store = app.add_option("--store", options.store, "directory of the store")->capture_default_str();
  app.add_option("--listen", options.listen, "unix:PATH or HOST:PORT, several allowed; TCP needs TLS or --insecure-loopback")
      ->capture_default_str();
  app.add_flag("--insecure-loopback", options.insecure_loopback,
               "allow TCP without TLS on a loopback address: whoever can connect there is an operator");
  app.add_option("--tls-ca", options.tls.ca, "PEM file: who signed the certificates of clients and agents");
  app.add_option("--tls-cert", options.tls.certificate, "PEM file: the scheduler's certificate");
  app.add_option("--tls-key", options.tls.key, "PEM file: its key");
  app.add_option("--ca-dir", options.ca_dir, "directory of --make-ca; with it nodes can enrol with a token");
  app.add_option("--http", options.http, "HOST:PORT on loopback for metrics in the Prometheus format");
  app.add_option("--port-file", options.port_file, "file that gets the bound addresses, a line each, once everything listens");
  app.add_option("--record", options.record, "file that gets every command, for --replay");
  app.add_option("--log-level", log_level, "debug, info, warning or error")->capture_default_str();

  CLI::Option_group* const deeds = app.add_option_group("instead of serving");
  deeds->add_flag("--dev", options.dev, "a whole cluster on this machine: scheduler, a real agent, simulated racks, a pool");
  deeds->add_option("--make-ca", options.make_ca, "makes a certificate authority and the first certificates in this new directory");
  deeds->add_option("--backup", options.backup, "backs the store up to this new directory, whether a scheduler runs on it or not");
  deeds->add_flag("--dump", options.dump, "prints every row of the store as a line of JSON, whether a scheduler runs on it or not");
  deeds->add_option("--replay", options.replay, "drives a new core through a file of --record and compares every digest");
  deeds->require_option(0, 1);
  app.add_option("--host", options.hosts, "with --make-ca: a further name or address in the scheduler's certificate");

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    *exit_code = app.exit(error) == 0 ? 0 : kUsageError;
    return std::nullopt;
  }
  options.store_given = store->count() > 0;
  const absl::StatusOr<platform::LogLevel> level = platform::ParseLogLevel(log_level);
  if (!level.ok()) {
    std::cerr << "switchyardd: --log-level: " << level.status().message() << "\n";
    *exit_code = kUsageError;
    return std::nullopt;
  }
  options.log_level = *level;
  return options;
}

}  // namespace switchyard::daemon
