#include "client/cli/command_line.h"

#include <cstdio>
#include <map>

#include "client/cli/verb_context.h"
#include "client/cli/verbs.h"
#include "common/quantity_text.h"

namespace switchyard::client::cli {
namespace {

const std::map<std::string, Format>& Formats() {
  static const std::map<std::string, Format> formats = {
      {"table", Format::kTable}, {"wide", Format::kWide}, {"json", Format::kJson}, {"yaml", Format::kYaml}};
  return formats;
}

void AddGlobalOptions(CLI::App& app, const std::string& version, GlobalArguments* arguments) {
  app.add_option("--server", arguments->server,
                 "Scheduler: unix:PATH or HOST:PORT; default $SWITCHYARD_SERVER, the file, then the local socket");
  app.add_option("-o,--output", arguments->format, "table, wide, json or yaml")
      ->check(CLI::IsMember({"table", "wide", "json", "yaml"}));
  app.add_option("--config", arguments->config_file, "Client file; default ~/.config/switchyard/client.yaml");
  app.add_option("--ca", arguments->ca_file, "CA certificate of the scheduler, PEM: turns TLS on");
  app.add_option("--certificate", arguments->certificate_file, "Own certificate, PEM");
  app.add_option("--key-file", arguments->key_file, "Private key of the certificate, PEM");
  app.add_flag("--insecure-loopback", arguments->insecure_loopback,
               "Plain TCP to this machine; the scheduler must allow it too");
  app.add_option("--call-timeout", arguments->call_timeout, "Of each call with its retries; default 30s")
      ->check([](const std::string& text) {
        const absl::StatusOr<Duration> span = ParseDuration(text);
        if (!span.ok()) return std::string(span.status().message());
        return span->count() > 0 ? std::string() : "duration \"" + text + "\": not above zero; write for example 30s";
      });
  app.add_option("--log-level", arguments->log_level, "debug, info, warning or error")
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}));
  app.set_version_flag("--version", version);
}

}  // namespace

int RunCommandLine(int argc, const char* const* argv, const std::string& version, std::stop_token stop) {
  GlobalArguments arguments;
  Action action;
  CLI::App app(
      "Switchyard: jobs and megawatts of a cluster. Exit codes: 0 done, 1 the request failed, 2 usage error, 3 a wait "
      "ended in a failed job.",
      "switchyard");
  app.fallthrough();  // global options may follow the verb, too; verbs take this over when they are made
  app.require_subcommand(1);
  AddGlobalOptions(app, version, &arguments);
  RegisterSubmitVerb(app, &action);
  RegisterJobVerbs(app, &action);
  RegisterNodeVerbs(app, &action);
  RegisterStrayVerbs(app, &action);
  RegisterPowerVerbs(app, &action);
  RegisterLiveVerbs(app, &action);
  RegisterLocalVerbs(app, &action);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitDone : kExitUsage;
  }

  VerbContext context(arguments, Formats().at(arguments.format), stop);
  const absl::StatusOr<int> exit_code = action(context);
  std::fflush(stdout);
  if (exit_code.ok()) return *exit_code;
  std::fprintf(stderr, "%s\n", std::string(exit_code.status().message()).c_str());
  return kExitFailed;
}

}  // namespace switchyard::client::cli
