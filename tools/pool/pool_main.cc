// switchyard-pool: a small Stratum V1 pool for demonstrations and tests. Its chain is made up, its shares are judged
// for real.
#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <iostream>
#include <random>

#include "agent/mining/log.h"
#include "agent/mining/pool_client.h"
#include "agent/mining/small_file.h"
#include "tools/pool/pool_server.h"

namespace switchyard::tools::pool {
namespace {

using agent::mining::Difficulty;
using agent::mining::LogInfo;

struct Flags {
  std::string listen = "127.0.0.1:3333", port_file, difficulty = "0.01", shares_file, json_file, password,
              log_level = "info";
  double block_interval_s = 120, notify_interval_s = 30;
  size_t connections_max = 256;
  bool allow_remote = false;
};

int Fail(const absl::Status& status, int code) {
  std::cerr << "switchyard-pool: " << status.message() << "\n";
  return code;
}

absl::StatusOr<PoolServerOptions> ServerOptions(const Flags& flags) {
  PoolServerOptions options;
  const size_t colon = flags.listen.rfind(':');
  const bool any_port = colon != std::string::npos && flags.listen.substr(colon) == ":0";
  // Port 0 means any free one here, which no client address may say.
  const auto address =
      agent::mining::PoolAddress::Parse(any_port ? flags.listen.substr(0, colon) + ":1" : flags.listen);
  if (!address.ok()) return address.status();
  options.host = address->host;
  options.port = any_port ? 0 : address->port;
  options.allow_remote = flags.allow_remote;
  const auto difficulty = Difficulty::Parse(flags.difficulty);
  if (!difficulty.ok()) return difficulty.status();
  options.terms = {*difficulty, flags.password};
  options.block_interval_ms = static_cast<int64_t>(flags.block_interval_s * 1000);
  options.notify_interval_ms = static_cast<int64_t>(flags.notify_interval_s * 1000);
  options.connections_max = flags.connections_max;
  options.salt = std::random_device()();
  return options;
}

// Serves until SIGTERM or SIGINT. 0 done, 1 failed.
int Serve(const Flags& flags, PoolServerOptions options) {
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  const int end_fd = signalfd(-1, &ends, SFD_CLOEXEC);

  ShareRecord record;
  if (!flags.shares_file.empty()) {
    if (const absl::Status status = record.Open(flags.shares_file); !status.ok()) return Fail(status, 1);
  }
  const Difficulty difficulty = options.terms.difficulty;
  PoolServer server(std::move(options), &record);
  if (const absl::Status status = server.Listen(); !status.ok())
    return Fail(status, absl::IsInvalidArgument(status) ? 2 : 1);
  if (!flags.port_file.empty()) {
    const absl::Status status = agent::mining::ReplaceFile(flags.port_file, std::to_string(server.port()) + "\n");
    if (!status.ok()) return Fail(status, 1);
  }
  LogInfo("listens: port={} difficulty={}", server.port(), difficulty.Text());

  const auto start = std::chrono::steady_clock::now();
  const absl::Status served = server.Serve(end_fd);
  const auto elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start);
  close(end_fd);
  LogInfo("ends: accepted={}", record.accepted());
  if (!flags.json_file.empty()) {
    const absl::Status status =
        agent::mining::ReplaceFile(flags.json_file, record.SummaryJson(difficulty, elapsed.count()));
    if (!status.ok()) return Fail(status, 1);
  }
  return served.ok() ? 0 : Fail(served, 1);
}

int Main(int argc, char** argv) {
  Flags flags;
  CLI::App app("A small Stratum V1 pool: jobs of a made-up chain, every share recomputed and judged.",
               "switchyard-pool");
  app.set_version_flag("--version", "switchyard-pool " SWITCHYARD_VERSION);
  app.add_option("--listen", flags.listen, "host:port to listen on; port 0 takes any free one")->capture_default_str();
  app.add_flag("--allow-remote", flags.allow_remote, "allow an address beyond loopback");
  app.add_option("--port-file", flags.port_file, "file to write the port to once the pool listens");
  app.add_option("--difficulty", flags.difficulty, "least share difficulty; miners may suggest a higher one")
      ->capture_default_str();
  app.add_option("--password", flags.password, "password that miners must give; default: any");
  app.add_option("--block-interval", flags.block_interval_s, "seconds between new blocks")
      ->check(CLI::Range(0.01, 1e6))
      ->capture_default_str();
  app.add_option("--notify-interval", flags.notify_interval_s, "seconds between jobs of one block")
      ->check(CLI::Range(0.01, 1e6))
      ->capture_default_str();
  app.add_option("--shares-file", flags.shares_file, "file to append every accepted share to, one JSON object a line");
  app.add_option("--json", flags.json_file, "file to write the summary to at the end");
  app.add_option("--max-connections", flags.connections_max, "miners at once")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  app.add_option("--log-level", flags.log_level, "debug, info, warning or error")->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (const absl::Status log = agent::mining::StartLog("switchyard-pool", flags.log_level); !log.ok())
    return Fail(log, 2);
  auto options = ServerOptions(flags);
  if (!options.ok()) return Fail(options.status(), 2);
  return Serve(flags, *std::move(options));
}

}  // namespace
}  // namespace switchyard::tools::pool

int main(int argc, char** argv) { return switchyard::tools::pool::Main(argc, argv); }
