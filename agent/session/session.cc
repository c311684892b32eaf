#include "agent/session/session.h"

#include <algorithm>
#include <utility>

#include "common/check.h"
#include "common/platform/logging.h"
#include "common/stable_hash.h"

namespace switchyard::agent::session {

Session::Session(EventLoop* loop, std::shared_ptr<grpc::Channel> channel, StateDirectory* state, std::string version)
    : loop_(loop),
      stub_(v1::AgentService::NewStub(std::move(channel))),
      state_(state),
      version_(std::move(version)),
      // Different in each agent; it need not be unpredictable.
      jitter_(static_cast<uint32_t>(StableHash().Add(state->incarnation()).Finish())) {}

std::unique_ptr<NodeSession> Session::MakeNode(const std::string& node, Runtime* runtime) {
  return std::make_unique<NodeSession>(node, runtime, state_, version_, loop_->now(),
                                       [this](std::function<void()> function) { loop_->Post(std::move(function)); });
}

void Session::AddNode(const std::string& node, Runtime* runtime) {
  SWITCHYARD_CHECK(index_.emplace(node, nodes_.size()).second) << node;
  nodes_.push_back({node, runtime, MakeNode(node, runtime), MonoTime::Never()});
  Touch(nodes_.size() - 1);
}

bool Session::RestartNode(const std::string& node) {
  const auto found = index_.find(node);
  if (found == index_.end()) return false;
  Entry& entry = nodes_[found->second];
  entry.session->Disconnected();
  entry.session = MakeNode(node, entry.runtime);
  if (link_ != nullptr) entry.session->Connected(loop_->now(), Sender());
  Touch(found->second);
  return true;
}

bool Session::SilenceNode(const std::string& node, Duration span) {
  NodeSession* session = FindNode(node);
  if (session == nullptr) return false;
  session->Silence(loop_->now() + span);
  Touch(index_.at(node));
  return true;
}

NodeSession* Session::FindNode(const std::string& node) {
  const auto found = index_.find(node);
  return found == index_.end() ? nullptr : nodes_[found->second].session.get();
}

void Session::Start() {
  loop_->AfterEvents([this] { Settle(); });
  Connect();
}

void Session::Wake(const std::string& node) {
  loop_->Post([this, node] {
    if (const auto found = index_.find(node); found != index_.end()) Touch(found->second);
  });
}

NodeSession::Send Session::Sender() {
  return [link = link_](v1::AgentMessage message, Link::Lane lane) { link->Send(std::move(message), lane); };
}

void Session::Connect() {
  if (closed_) return;
  heard_ = false;
  last_heard_ = loop_->now();
  link_ = Link::Start(loop_, stub_.get(),
                      {.received = [this](v1::SchedulerMessage message) { Received(std::move(message)); },
                       .ended = [this](const grpc::Status& status) { Ended(status); }});
  for (size_t i = 0; i < nodes_.size(); ++i) {
    nodes_[i].session->Connected(loop_->now(), Sender());
    Touch(i);
  }
}

void Session::Received(v1::SchedulerMessage message) {
  last_heard_ = loop_->now();
  if (!heard_) {
    heard_ = true;
    back_off_ = kReconnectFirst;
    platform::Log(platform::LogLevel::kInfo, "scheduler-reached",
                  {{"cluster", message.cluster_id()}, {"term", message.term()}});
  }
  const auto found = index_.find(message.node());
  if (found == index_.end()) {
    platform::Log(platform::LogLevel::kWarning, "message-for-unknown-node", {{"node", message.node()}});
    return;
  }
  nodes_[found->second].session->Receive(last_heard_, message);
  Touch(found->second);
}

void Session::Ended(const grpc::Status& status) {
  link_.reset();
  for (Entry& entry : nodes_) entry.session->Disconnected();
  if (closed_) {
    closed_();
    return;
  }
  // Between a stream that worked and the first attempt that fails an operator wants one line, not one for each attempt.
  const bool first_failure = heard_ || back_off_ == kReconnectFirst;
  platform::Log(first_failure ? platform::LogLevel::kWarning : platform::LogLevel::kDebug, "stream-ended",
                {{"code", static_cast<int>(status.error_code())}, {"reason", status.error_message()}});
  Reconnect();
}

void Session::Reconnect() {
  const int64_t half = back_off_.count() / 2;
  const Duration wait = Milliseconds(half + static_cast<int64_t>(jitter_() % static_cast<uint64_t>(half + 1)));
  back_off_ = std::min(back_off_ * 2, kReconnectMost);
  loop_->At(loop_->now() + wait, [this] { Connect(); });
}

void Session::Close(std::function<void()> done) {
  closed_ = std::move(done);
  if (link_ == nullptr)
    closed_();
  else
    link_->Cancel();
}

void Session::Touch(size_t index) { touched_.insert(index); }

// After each round of events: every node to which something happened or whose time has come is stepped once.
void Session::Settle() {
  const MonoTime now = loop_->now();
  while (!due_.empty() && due_.begin()->first <= now) {
    touched_.insert(due_.begin()->second);
    due_.erase(due_.begin());
  }
  for (const size_t index : std::exchange(touched_, {})) {
    Entry& entry = nodes_[index];
    due_.erase({entry.next, index});
    entry.next = entry.session->Step(now);
    if (entry.next != MonoTime::Never()) due_.insert({entry.next, index});
  }
  if (link_ != nullptr && !nodes_.empty() && now - last_heard_ > kDeafAfter) {
    last_heard_ = now;
    platform::Log(platform::LogLevel::kWarning, "stream-deaf", {{"after", kDeafAfter}});
    link_->Cancel();
  }
  ArmTimer();
}

void Session::ArmTimer() {
  if (due_.empty()) return;
  const MonoTime first = due_.begin()->first;
  // A timer that is already set for an earlier moment brings us here again.
  if (armed_ > loop_->now() && armed_ <= first) return;
  armed_ = first;
  loop_->At(first, [] {});  // the round that it begins ends in Settle
}

}  // namespace switchyard::agent::session
