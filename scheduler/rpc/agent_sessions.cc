#include "scheduler/rpc/agent_sessions.h"

#include <utility>

#include "fmt/format.h"
#include "scheduler/rpc/bounds/limits.h"
#include "scheduler/rpc/bounds/validate_agent.h"
#include "scheduler/rpc/bounds/validate_request.h"

namespace switchyard::rpc {

AgentSessions::AgentSessions(CommandPort* engine, const platform::Clock* clock, Metrics* metrics, Identity identity)
    : engine_(*engine),
      clock_(*clock),
      metrics_(*metrics),
      identity_(std::move(identity)),
      logs_([this](uint64_t session, const std::string& node, const v1::LogRequest& request) {
        return SendLogRequest(session, node, request);
      }),
      thread_([this] { Run(); }) {}

AgentSessions::~AgentSessions() {
  {
    std::lock_guard lock(deliveries_mutex_);
    stopping_ = true;
  }
  deliveries_changed_.notify_all();
  thread_.join();
}

absl::StatusOr<std::shared_ptr<AgentStream>> AgentSessions::Open(Principal principal) {
  std::lock_guard lock(streams_mutex_);
  if (streams_.size() >= kSessionsMax) {
    return absl::ResourceExhaustedError(
        fmt::format("sessions: {} agents' streams are open, at most {} are allowed; put more nodes on one "
                    "stream",
                    streams_.size(), kSessionsMax));
  }
  const uint64_t session = ++last_session_;
  auto stream = std::make_shared<AgentStream>(this, session, std::move(principal));
  streams_[session] = stream;
  metrics_.SetSessions(streams_.size());
  return stream;
}

void AgentSessions::CloseAll(const absl::Status& status) {
  std::vector<std::shared_ptr<AgentStream>> open;
  {
    std::lock_guard lock(streams_mutex_);
    for (const auto& [session, stream] : streams_) {
      if (auto held = stream.lock()) open.push_back(std::move(held));
    }
  }
  for (const auto& stream : open) stream->Close(status);
}

std::shared_ptr<AgentStream> AgentSessions::Find(uint64_t session) {
  std::lock_guard lock(streams_mutex_);
  const auto found = streams_.find(session);
  return found == streams_.end() ? nullptr : found->second.lock();
}

void AgentSessions::Stamp(v1::SchedulerMessage* message) const {
  message->set_cluster_id(identity_.cluster_id);
  message->set_store_incarnation(identity_.store_incarnation);
  message->set_term(identity_.term);
}

// ---- down ----

void AgentSessions::DeliverOrders(std::vector<core::NodeOrder> orders) { Deliver(std::move(orders)); }
void AgentSessions::DeliverEffects(std::vector<core::SessionEffect> effects) { Deliver(std::move(effects)); }

void AgentSessions::Deliver(Delivery delivery) {
  {
    std::lock_guard lock(deliveries_mutex_);
    deliveries_.push_back(std::move(delivery));
  }
  deliveries_changed_.notify_one();
}

void AgentSessions::Run() {
  for (;;) {
    Delivery delivery;
    {
      std::unique_lock lock(deliveries_mutex_);
      deliveries_changed_.wait(lock, [this] { return stopping_ || !deliveries_.empty(); });
      if (stopping_) return;
      delivery = std::move(deliveries_.front());
      deliveries_.pop_front();
    }
    std::visit(
        [this](auto& items) {
          for (auto& item : items) Carry(std::move(item));
        },
        delivery);
  }
}

void AgentSessions::Carry(core::NodeOrder order) {
  const std::string node = order.node;
  uint64_t session = 0;
  {
    std::lock_guard lock(book_mutex_);
    session = book_.Apply(std::move(order));
  }
  if (session == 0) return;
  if (const auto stream = Find(session)) stream->SetDue(node);
}

void AgentSessions::Carry(core::SessionEffect effect) {
  const std::shared_ptr<AgentStream> stream = Find(effect.session);
  if (stream == nullptr) return;  // it ended meanwhile; the core is told of that on its own
  switch (effect.kind) {
    case core::SessionEffect::Kind::kWelcome:
      WithdrawNode(effect.session, effect.node);
      stream->Welcome(effect.node, std::move(effect.welcome));
      break;
    case core::SessionEffect::Kind::kRenewal:
      stream->Renew(effect.node, effect.heartbeat_sequence);
      break;
    case core::SessionEffect::Kind::kRefusal:
      WithdrawNode(effect.session, effect.node);
      stream->Refuse(effect.node, std::move(effect.refusal), effect.retry);
      break;
    case core::SessionEffect::Kind::kSetAllowed:
      AllowSets(stream.get(), effect.node);
      break;
  }
}

void AgentSessions::AllowSets(AgentStream* stream, const std::string& node) {
  uint64_t before = 0;
  {
    std::lock_guard lock(book_mutex_);
    before = book_.SessionOf(node);
    book_.Allow(stream->session(), node);
  }
  if (before != 0 && before != stream->session()) logs_.OnNodeGone(before, node);
  // If the stream ended just now, OnEnded may have run before Allow: then nobody else would take it back.
  if (Find(stream->session()) == nullptr) {
    WithdrawNode(stream->session(), node);
    return;
  }
  stream->SetDue(node);
}

void AgentSessions::WithdrawNode(uint64_t session, const std::string& node) {
  {
    std::lock_guard lock(book_mutex_);
    book_.Withdraw(session, node);
  }
  logs_.OnNodeGone(session, node);
}

std::optional<v1::DesiredSet> AgentSessions::NextSet(uint64_t session, const std::string& node) {
  std::lock_guard lock(book_mutex_);
  return book_.NextSet(session, node, clock_.Mono());
}

bool AgentSessions::SendLogRequest(uint64_t session, const std::string& node, const v1::LogRequest& request) {
  const auto stream = Find(session);
  if (stream == nullptr) return false;
  stream->RequestLog(node, request);
  return true;
}

void AgentSessions::ReadLog(const std::shared_ptr<LogStream>& reader, const std::string& node, v1::LogRequest request) {
  uint64_t session = 0;
  {
    std::lock_guard lock(book_mutex_);
    session = book_.SessionOf(node);
  }
  if (session == 0) {
    reader->Close(absl::UnavailableError(
        fmt::format("node \"{}\": its agent has no session now; repeat when `node {}` shows it ready", node, node)));
    return;
  }
  logs_.Open(reader, session, node, std::move(request));
}

// ---- up ----

bool AgentSessions::Admit(AgentStream* stream, const v1::AgentMessage& message) {
  const std::string& node = message.node();
  if (node.size() > kNodeIdMax || !IsScopedName(node)) {
    stream->Close(absl::InvalidArgumentError(
        "node: a message names none of the form <site>/<node>; this agent's version does not fit"));
    return false;
  }
  // Checked for every message: that a stream may speak for one node says nothing of another.
  if (const absl::Status may = MaySpeakFor(stream->principal(), node); !may.ok()) {
    stream->Close(may);
    return false;
  }
  auto& speakers = stream->speakers();
  if (speakers.count(node) > 0) return true;
  if (!message.has_hello()) {
    stream->Close(absl::FailedPreconditionError(
        fmt::format("node \"{}\": its first message on a stream is no hello; this agent's version "
                    "does not fit",
                    node)));
    return false;
  }
  if (speakers.size() >= kNodesPerSessionMax) {
    stream->Close(absl::ResourceExhaustedError(
        fmt::format("session: {} nodes are on one stream, at most {} are allowed; use more streams", speakers.size(),
                    kNodesPerSessionMax)));
    return false;
  }
  speakers[node];
  return true;
}

void AgentSessions::Receive(AgentStream* stream, v1::AgentMessage* message) {
  metrics_.CountAgentMessage();
  if (!Admit(stream, *message)) return;
  if (const absl::Status valid = ValidateAgentMessage(*message); !valid.ok()) {
    WithdrawNode(stream->session(), message->node());
    stream->Refuse(message->node(), std::string(valid.message()), /*retry=*/false);
    return;
  }
  AgentStream::Speaker& speaker = stream->speakers().at(message->node());
  switch (message->message_case()) {
    case v1::AgentMessage::kHello: {
      speaker = AgentStream::Speaker();
      store::v1::Command command = CommandOf(stream->principal());
      command.mutable_hello()->set_session(stream->session());
      command.mutable_hello()->set_node(message->node());
      *command.mutable_hello()->mutable_hello() = std::move(*message->mutable_hello());
      PostOrClose(stream, std::move(command));
      break;
    }
    case v1::AgentMessage::kReport:
      OnReport(stream, message);
      break;
    case v1::AgentMessage::kHeartbeat:
      OnHeartbeat(stream, &speaker, message);
      break;
    case v1::AgentMessage::kTelemetry:
      OnTelemetry(stream, &speaker, message);
      break;
    case v1::AgentMessage::kLog:
      logs_.OnData(stream->session(), message->node(), std::move(*message->mutable_log()));
      break;
    case v1::AgentMessage::MESSAGE_NOT_SET:
      break;  // refused above
  }
}

void AgentSessions::OnReport(AgentStream* stream, v1::AgentMessage* message) {
  bool resend = false;
  {
    std::lock_guard lock(book_mutex_);
    resend = book_.Reported(stream->session(), message->node(), message->report(), clock_.Mono());
  }
  if (resend) {
    metrics_.CountFullResend();
    stream->SetDue(message->node());
  }
  store::v1::Command command = CommandOf(stream->principal());
  command.mutable_report()->set_session(stream->session());
  command.mutable_report()->set_node(message->node());
  *command.mutable_report()->mutable_report() = std::move(*message->mutable_report());
  PostOrClose(stream, std::move(command));
}

void AgentSessions::OnHeartbeat(AgentStream* stream, AgentStream::Speaker* speaker, v1::AgentMessage* message) {
  const MonoTime now = clock_.Mono();
  if (speaker->held && now - *speaker->observed >= kObservationPeriod) {
    v1::Telemetry held = *std::move(speaker->held);
    PostTelemetry(stream, speaker, message->node(), std::move(held));
  }
  store::v1::Command command = CommandOf(stream->principal());
  command.mutable_heartbeat()->set_session(stream->session());
  command.mutable_heartbeat()->set_node(message->node());
  *command.mutable_heartbeat()->mutable_heartbeat() = message->heartbeat();
  // One that the queue has no room for is not answered; the next one comes by itself.
  if (!engine_.Post(std::move(command), nullptr).ok()) metrics_.CountDropped();
  bool resend = false;
  {
    std::lock_guard lock(book_mutex_);
    resend = book_.Heard(stream->session(), message->node(), now);
  }
  if (resend) {
    metrics_.CountFullResend();
    stream->SetDue(message->node());
  }
}

void AgentSessions::OnTelemetry(AgentStream* stream, AgentStream::Speaker* speaker, v1::AgentMessage* message) {
  const bool due = !speaker->observed || clock_.Mono() - *speaker->observed >= kObservationPeriod;
  // A meter's reading may be the witness that a plan waits for.
  if (due || message->telemetry().meters_size() > 0) {
    PostTelemetry(stream, speaker, message->node(), std::move(*message->mutable_telemetry()));
  } else {
    speaker->held = std::move(*message->mutable_telemetry());
  }
}

void AgentSessions::PostTelemetry(AgentStream* stream, AgentStream::Speaker* speaker, const std::string& node,
                                  v1::Telemetry telemetry) {
  speaker->held.reset();
  speaker->observed = clock_.Mono();
  store::v1::Command command = CommandOf(stream->principal());
  command.mutable_telemetry()->set_session(stream->session());
  command.mutable_telemetry()->set_node(node);
  *command.mutable_telemetry()->mutable_telemetry() = std::move(telemetry);
  if (!engine_.Post(std::move(command), nullptr).ok()) metrics_.CountDropped();
}

void AgentSessions::PostOrClose(AgentStream* stream, store::v1::Command command) {
  const absl::Status posted = engine_.Post(std::move(command), nullptr);
  if (posted.ok()) return;
  metrics_.CountDropped();
  stream->Close(posted);
}

void AgentSessions::OnEnded(AgentStream* stream) {
  {
    std::lock_guard lock(streams_mutex_);
    streams_.erase(stream->session());
    metrics_.SetSessions(streams_.size());
  }
  for (const auto& [node, speaker] : stream->speakers()) WithdrawNode(stream->session(), node);
  if (stream->speakers().empty()) return;
  store::v1::Command command = CommandOf(stream->principal());
  command.mutable_session_ended()->set_session(stream->session());
  // Refused only when the engine stops or is far behind: then the nodes' silence says it.
  if (!engine_.Post(std::move(command), nullptr).ok()) metrics_.CountDropped();
}

}  // namespace switchyard::rpc
