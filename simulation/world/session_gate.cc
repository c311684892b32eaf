#include "simulation/world/session_gate.h"

#include <memory>
#include <utility>

#include "common/check.h"

namespace switchyard::simulation {
namespace {

using Kind = core::SessionEffect::Kind;

// As scheduler/rpc has it: at most one reading a second of each node reaches the core, meters at once.
constexpr Duration kObservationPeriod = Seconds(1);

}  // namespace

void SessionGate::Listen(Speaker speaker) {
  speaker_ = std::move(speaker);
  listening_ = true;
}

void SessionGate::Close(bool late) {
  listening_ = false;
  for (const auto& [stream, number] : std::exchange(numbers_, {}))
    parts_.network->CloseUpper(sessions_[number - 1].stream, late);
  sessions_.clear();
  due_.clear();
}

void SessionGate::LoseHalf(uint64_t salt) {
  std::vector<Stream*> leaving;
  for (const Session& session : sessions_) {
    if (session.stream == nullptr || !parts_.stage->chance.OneIn(2, Topic::kFollowsNew, session.node, salt)) continue;
    leaving.push_back(session.stream);
  }
  for (Stream* const stream : leaving) {
    parts_.network->CloseUpper(stream);
    OnEnded(stream);
  }
}

SessionGate::Session* SessionGate::Find(uint64_t number) {
  if (number == 0 || number > sessions_.size()) return nullptr;
  Session& session = sessions_[number - 1];
  return session.stream == nullptr ? nullptr : &session;
}

// ---- down ----

void SessionGate::Queue(uint64_t number) {
  Session& session = sessions_[number - 1];
  if (std::exchange(session.queued, true)) return;
  due_.push_back(number);
}

void SessionGate::SetDue(uint64_t number) {
  Session* const session = Find(number);
  if (session == nullptr) return;
  session->set_due = true;
  Queue(number);
}

void SessionGate::DeliverOrders(std::vector<core::NodeOrder> orders) {
  for (core::NodeOrder& order : orders) SetDue(book_.Apply(std::move(order)));
}

void SessionGate::DeliverEffects(std::vector<core::SessionEffect> effects) {
  for (core::SessionEffect& effect : effects) Carry(std::move(effect));
}

void SessionGate::Carry(core::SessionEffect effect) {
  Session* const session = Find(effect.session);
  if (session == nullptr) return;  // it ended meanwhile; the core is told of that on its own
  switch (effect.kind) {
    case Kind::kWelcome:
      book_.Withdraw(effect.session, effect.node);
      session->welcome = std::move(effect.welcome);
      session->renewal.reset();
      session->set_due = false;
      break;
    case Kind::kRenewal:
      session->renewal = effect.heartbeat_sequence;
      break;
    case Kind::kRefusal:
      book_.Withdraw(effect.session, effect.node);
      session->refusal.emplace();
      session->refusal->set_reason(std::move(effect.refusal));
      session->refusal->set_retry(effect.retry);
      session->welcome.reset();
      session->renewal.reset();
      session->set_due = false;
      break;
    case Kind::kSetAllowed:
      book_.Allow(effect.session, effect.node);
      session->set_due = true;
      break;
  }
  Queue(effect.session);
}

void SessionGate::Flush() {
  for (const uint64_t number : std::exchange(due_, {})) SendTo(number);
}

void SessionGate::Send(const Session& session, const std::function<void(v1::SchedulerMessage*)>& fill) {
  Down message = std::make_shared<v1::SchedulerMessage>();
  message->set_node(session.node);
  message->set_cluster_id(speaker_.cluster_id);
  message->set_store_incarnation(speaker_.store_incarnation);
  message->set_term(speaker_.term);
  fill(message.get());
  parts_.network->Send(session.stream, std::move(message));
}

// In the order of AgentStream: the last word, the welcome, the lease, the set.
void SessionGate::SendTo(uint64_t number) {
  Session& session = sessions_[number - 1];
  session.queued = false;
  if (session.stream == nullptr) return;
  if (session.refusal.has_value()) {
    Send(session, [&](v1::SchedulerMessage* message) { *message->mutable_refusal() = *std::move(session.refusal); });
    session.refusal.reset();
  }
  if (session.welcome.has_value()) {
    Send(session, [&](v1::SchedulerMessage* message) { *message->mutable_welcome() = *std::move(session.welcome); });
    session.welcome.reset();
  }
  if (session.renewal.has_value()) {
    Send(session, [&](v1::SchedulerMessage* message) { message->mutable_renewal()->set_sequence(*session.renewal); });
    session.renewal.reset();
  }
  if (!std::exchange(session.set_due, false)) return;
  if (std::optional<v1::DesiredSet> set = book_.NextSet(number, session.node, parts_.mono())) {
    Send(session, [&](v1::SchedulerMessage* message) { *message->mutable_set() = *std::move(set); });
  }
}

// ---- up ----

void SessionGate::OnOpened(Stream* stream) {
  if (!listening_) {
    parts_.network->CloseUpper(stream);
    return;
  }
  sessions_.emplace_back().stream = stream;
  numbers_[stream] = sessions_.size();
}

void SessionGate::OnEnded(Stream* stream) {
  const auto found = numbers_.find(stream);
  if (found == numbers_.end()) return;
  const uint64_t number = found->second;
  numbers_.erase(found);
  Session& session = sessions_[number - 1];
  session.stream = nullptr;
  if (session.node.empty()) return;
  book_.Withdraw(number, session.node);
  store::v1::Command command;
  command.mutable_session_ended()->set_session(number);
  parts_.post(std::move(command));
}

void SessionGate::OnMessage(Stream* stream, Up message) {
  const auto found = numbers_.find(stream);
  if (found == numbers_.end()) return;
  const uint64_t number = found->second;
  Session& session = sessions_[number - 1];
  parts_.stage->audience.OnUp(parts_.stage->now(), parts_.leader, *message);
  if (session.node.empty() && !message->has_hello()) {
    // Its first message is no hello: the stream lost something, and has to begin anew.
    numbers_.erase(found);
    session.stream = nullptr;
    parts_.network->CloseUpper(stream);
    return;
  }
  store::v1::Command command;
  switch (message->message_case()) {
    case v1::AgentMessage::kHello: {
      session.node = message->node();
      session.held.reset();
      session.observed.reset();
      store::v1::AgentHello& hello = *command.mutable_hello();
      hello.set_session(number);
      hello.set_node(session.node);
      *hello.mutable_hello() = std::move(*message->mutable_hello());
      parts_.post(std::move(command));
      break;
    }
    case v1::AgentMessage::kReport: {
      if (book_.Reported(number, session.node, message->report(), parts_.mono())) SetDue(number);
      store::v1::AgentReport& report = *command.mutable_report();
      report.set_session(number);
      report.set_node(session.node);
      *report.mutable_report() = std::move(*message->mutable_report());
      parts_.post(std::move(command));
      break;
    }
    case v1::AgentMessage::kHeartbeat:
      TakeHeartbeat(number, &session, message->heartbeat());
      break;
    case v1::AgentMessage::kTelemetry: {
      const bool due = !session.observed || parts_.mono() - *session.observed >= kObservationPeriod;
      // A meter's reading may be the witness that a plan waits for.
      if (due || message->telemetry().meters_size() > 0) {
        PostTelemetry(number, &session, std::move(*message->mutable_telemetry()));
      } else {
        session.held = std::move(*message->mutable_telemetry());
      }
      break;
    }
    case v1::AgentMessage::kLog:
    case v1::AgentMessage::MESSAGE_NOT_SET:
      break;
  }
  Flush();
}

void SessionGate::TakeHeartbeat(uint64_t number, Session* session, const v1::Heartbeat& heartbeat) {
  const MonoTime now = parts_.mono();
  if (session->held && now - *session->observed >= kObservationPeriod)
    PostTelemetry(number, session, *std::exchange(session->held, {}));
  store::v1::Command command;
  command.mutable_heartbeat()->set_session(number);
  command.mutable_heartbeat()->set_node(session->node);
  *command.mutable_heartbeat()->mutable_heartbeat() = heartbeat;
  parts_.post(std::move(command));
  if (book_.Heard(number, session->node, now)) SetDue(number);
}

void SessionGate::PostTelemetry(uint64_t number, Session* session, v1::Telemetry telemetry) {
  session->held.reset();
  session->observed = parts_.mono();
  store::v1::Command command;
  command.mutable_telemetry()->set_session(number);
  command.mutable_telemetry()->set_node(session->node);
  *command.mutable_telemetry()->mutable_telemetry() = std::move(telemetry);
  parts_.post(std::move(command));
}

}  // namespace switchyard::simulation
