// switchyard-agent: speaks for one real machine, or for the simulated nodes of its file. Here clock, files and sockets
// are made and wired together. When it ends, devices and tasks stay as they are: the next agent finds them.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "agent/runtime/process/process_runtime.h"
#include "agent/session/channel.h"
#include "agent/session/event_loop.h"
#include "agent/session/session.h"
#include "agent/session/state_directory.h"
#include "agent/simulated_host.h"
#include "common/configuration/agent_file.h"
#include "common/platform/clock.h"
#include "common/platform/logging.h"
#include "common/platform/program.h"

namespace switchyard::agent {
namespace {

constexpr int kUsageError = 2;

struct Arguments {
  std::string config = "/etc/switchyard/agent.yaml";
  std::string server, token, state_dir;
  std::string log_level = "info";
  bool insecure_loopback = false;
};

// Runs the loop until a signal asks for the end; `close` ends the streams and calls back.
void RunUntilStopped(session::EventLoop* loop, platform::ProgramSignals* signals,
                     const std::function<void(std::function<void()>)>& close) {
  bool stopping = false;
  loop->WatchReadable(signals->signal_descriptor(), [&] {
    const auto event = signals->WaitFor(Duration());
    if (event == platform::ProgramSignals::Event::kReload) {
      platform::Log(platform::LogLevel::kWarning, "reload-ignored",
                    {{"reason", "the agent's file is read at start; restart the agent, tasks go on"}});
    }
    if (event != platform::ProgramSignals::Event::kStop || stopping) return;
    stopping = true;
    platform::Log(platform::LogLevel::kInfo, "agent-stopping");
    close([loop] { loop->Stop(); });
  });
  loop->Run();
}

absl::Status RunReal(const configuration::AgentFile& file, const platform::SystemClock& clock, session::EventLoop* loop,
                     session::StateDirectory* state, platform::ProgramSignals* signals) {
  absl::StatusOr<std::shared_ptr<grpc::Channel>> channel = session::MakeChannel(file);
  if (!channel.ok()) return channel.status();
  session::Session session(loop, *channel, state, SWITCHYARD_VERSION);
  const std::string& node = file.nodes.front();
  absl::StatusOr<std::unique_ptr<process::ProcessRuntime>> runtime =
      process::ProcessRuntime::Create(file, clock, [&session, node] { session.Wake(node); });
  if (!runtime.ok()) return runtime.status();
  session.AddNode(node, runtime->get());
  session.Start();
  RunUntilStopped(loop, signals, [&](std::function<void()> done) { session.Close(std::move(done)); });
  return absl::OkStatus();
}

absl::Status RunSimulated(const configuration::AgentFile& file, const platform::SystemClock& clock,
                          session::EventLoop* loop, session::StateDirectory* state, platform::ProgramSignals* signals) {
  absl::StatusOr<std::unique_ptr<SimulatedHost>> host =
      SimulatedHost::Make(file, clock, loop, state, SWITCHYARD_VERSION);
  if (!host.ok()) return host.status();
  (*host)->Start();
  RunUntilStopped(loop, signals, [&](std::function<void()> done) { (*host)->Close(std::move(done)); });
  return absl::OkStatus();
}

absl::Status Run(const Arguments& arguments, platform::ProgramSignals* signals) {
  absl::StatusOr<configuration::AgentFile> file = configuration::LoadAgentFile(arguments.config);
  if (!file.ok()) return file.status();
  if (!arguments.server.empty()) file->scheduler = arguments.server;
  if (!arguments.state_dir.empty()) file->state_dir = arguments.state_dir;
  if (arguments.insecure_loopback) file->insecure_loopback = true;
  const bool real = file->mode == configuration::AgentFile::Mode::kReal;
  if (file->nodes.empty() || (real && file->nodes.size() != 1)) {
    return absl::InvalidArgumentError(
        "agent: it speaks for " + std::to_string(file->nodes.size()) +
        " nodes, exactly one is allowed when real and at least one when simulated; name it in the file");
  }
  absl::StatusOr<session::StateDirectory> state = session::StateDirectory::Open(file->state_dir);
  if (!state.ok()) return state.status();
  if (!arguments.token.empty()) {
    if (absl::Status enrolled = session::Enrol(*file, arguments.token); !enrolled.ok()) return enrolled;
    platform::Log(platform::LogLevel::kInfo, "enrolled",
                  {{"node", file->nodes.front()}, {"certificate", file->tls.certificate}});
  }
  const platform::SystemClock clock;
  session::EventLoop loop(clock);
  platform::Log(platform::LogLevel::kInfo, "agent-started",
                {{"mode", real ? "real" : "simulated"}, {"nodes", file->nodes.size()}, {"scheduler", file->scheduler}});
  return real ? RunReal(*file, clock, &loop, &*state, signals) : RunSimulated(*file, clock, &loop, &*state, signals);
}

}  // namespace
}  // namespace switchyard::agent

int main(int argc, char** argv) {
  using switchyard::agent::Arguments;
  Arguments arguments;
  CLI::App app("The agent of a Switchyard node: carries out what the scheduler orders, reports what the machine shows.",
               "switchyard-agent");
  app.set_version_flag("--version", switchyard::platform::VersionText("switchyard-agent"));
  app.add_option("--config", arguments.config, "the agent's file (docs/configuration.md)")->capture_default_str();
  app.add_option("--server", arguments.server, "the scheduler: unix:PATH or HOST:PORT; overrides the file");
  app.add_option("--state-dir", arguments.state_dir, "what must survive this process; overrides the file");
  app.add_option("--token", arguments.token,
                 "one-use token of `switchyard token NODE`: enrols this node before it starts");
  app.add_flag("--insecure-loopback", arguments.insecure_loopback, "TCP without TLS, to a loopback address only");
  app.add_option("--log-level", arguments.log_level, "debug, info, warning or error")->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : switchyard::agent::kUsageError;
  }
  const absl::StatusOr<switchyard::platform::LogLevel> level = switchyard::platform::ParseLogLevel(arguments.log_level);
  if (!level.ok()) {
    std::fprintf(stderr, "switchyard-agent: %s\n", std::string(level.status().message()).c_str());
    return switchyard::agent::kUsageError;
  }
  // Before any other thread, so that all of them leave the signals to the loop.
  switchyard::platform::ProgramSignals signals;
  switchyard::platform::StartLogging(*level);
  const absl::Status status = switchyard::agent::Run(arguments, &signals);
  if (status.ok()) return 0;
  std::fprintf(stderr, "switchyard-agent: %s\n", std::string(status.message()).c_str());
  return 1;
}
