#include "agent/simulated_host.h"

#include <csignal>
#include <unistd.h>
#include <utility>

#include "agent/session/channel.h"
#include "common/platform/logging.h"

namespace switchyard::agent {

absl::StatusOr<std::unique_ptr<SimulatedHost>> SimulatedHost::Make(const configuration::AgentFile& file,
                                                                   const platform::Clock& clock,
                                                                   session::EventLoop* loop,
                                                                   session::StateDirectory* state,
                                                                   const std::string& version) {
  std::unique_ptr<SimulatedHost> host(new SimulatedHost(file, loop, state, version));
  absl::StatusOr<std::unique_ptr<simulated::Fleet>> fleet = simulated::Fleet::Open(file, clock);
  if (!fleet.ok()) return fleet.status();
  host->fleet_ = *std::move(fleet);
  absl::StatusOr<std::shared_ptr<grpc::Channel>> channel = session::MakeChannel(file);
  if (!channel.ok()) return channel.status();
  host->session_ = std::make_unique<session::Session>(loop, *channel, state, version);
  for (const std::unique_ptr<simulated::Node>& node : host->fleet_->nodes())
    host->session_->AddNode(node->name(), node.get());
  if (!file.simulated.control_socket.empty()) {
    absl::StatusOr<std::unique_ptr<simulated::ControlSocket>> control =
        simulated::ControlSocket::Listen(file.simulated.control_socket, host->fleet_.get(), host->Hooks());
    if (!control.ok()) return control.status();
    host->control_ = *std::move(control);
    loop->WatchReadable(host->control_->descriptor(), [raw = host->control_.get()] { raw->Serve(); });
  }
  return host;
}

simulated::ControlHooks SimulatedHost::Hooks() {
  simulated::ControlHooks hooks;
  hooks.restart = [this](const std::string& node) { return session_->RestartNode(node); };
  hooks.silence = [this](const std::string& node, Duration span) { return session_->SilenceNode(node, span); };
  hooks.clone = [this](const std::string& node) { return Clone(node); };
  hooks.wake = [this](const std::string& node) { session_->Wake(node); };
  hooks.crash = [] { kill(getpid(), SIGKILL); };
  return hooks;
}

absl::Status SimulatedHost::Clone(const std::string& name) {
  absl::StatusOr<std::unique_ptr<simulated::Node>> node = fleet_->MakeClone(name);
  if (!node.ok()) return node.status();
  absl::StatusOr<std::shared_ptr<grpc::Channel>> channel = session::MakeChannel(file_);
  if (!channel.ok()) return channel.status();
  Impostor impostor{*std::move(node), std::make_unique<session::Session>(loop_, *channel, state_, version_)};
  impostor.session->AddNode(name, impostor.node.get());
  impostor.session->Start();
  impostors_.push_back(std::move(impostor));
  platform::Log(platform::LogLevel::kWarning, "node-cloned", {{"node", name}});
  return absl::OkStatus();
}

void SimulatedHost::Start() {
  session_->Start();
  SampleForEver();
}

void SimulatedHost::SampleForEver() {
  fleet_->Sample();
  loop_->At(loop_->now() + simulated::kSampleInterval, [this] { SampleForEver(); });
}

void SimulatedHost::Close(std::function<void()> done) {
  auto open = std::make_shared<size_t>(1 + impostors_.size());
  const auto one_closed = [open, done = std::move(done)] {
    if (--*open == 0) done();
  };
  session_->Close(one_closed);
  for (Impostor& impostor : impostors_) impostor.session->Close(one_closed);
}

}  // namespace switchyard::agent
