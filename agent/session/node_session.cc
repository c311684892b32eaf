#include "agent/session/node_session.h"

#include <algorithm>
#include <utility>

#include "agent/session/report_digest.h"
#include "common/platform/logging.h"

namespace switchyard::agent::session {
namespace {

// Rounds of look, decide, act within one step. What an action brings about at once allows the next one (limit set, so
// the raise may follow); what takes time is looked at again when the runtime says so.
constexpr int kRounds = 4;

bool SameActions(const std::vector<reconcile::Action>& a, const std::vector<reconcile::Action>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const reconcile::Action& x, const reconcile::Action& y) {
    return x.kind == y.kind && x.allocation == y.allocation && x.limit == y.limit && x.grace == y.grace &&
           x.lease_end == y.lease_end;
  });
}

}  // namespace

NodeSession::NodeSession(std::string node, Runtime* runtime, StateDirectory* state, std::string version, MonoTime now,
                         Post post)
    : node_(std::move(node)),
      runtime_(runtime),
      state_(state),
      version_(std::move(version)),
      post_(std::move(post)),
      reconciler_(node_, now) {
  const Sender& sender = state->sender();
  reconciler_.RestoreSender(sender.cluster_id, sender.store_incarnation, sender.term);
}

v1::AgentMessage NodeSession::Message() const {
  v1::AgentMessage message;
  message.set_node(node_);
  return message;
}

void NodeSession::Connected(MonoTime now, Send send) {
  send_ = std::move(send);
  reconciler_.SessionStarted();
  SayHello(now);
  SayHeartbeat(now);
}

void NodeSession::Disconnected() {
  send_ = nullptr;
  welcomed_ = false;
  next_hello_ = next_heartbeat_ = next_telemetry_ = MonoTime::Never();
  for (const auto& [stream, window] : logs_) runtime_->CancelLogs(stream);
  logs_.clear();
}

void NodeSession::SayHello(MonoTime now) {
  next_hello_ = MonoTime::Never();
  welcomed_ = false;
  report_sequence_ = 0;  // sequences are of the stream, and the scheduler knows nothing of this node's past
  said_facts_.clear();
  said_steps_.clear();
  said_all_.clear();
  v1::NodeHello hello = runtime_->Identify();
  hello_said_ = hello.SerializeAsString();
  if (hello.agent_incarnation().empty()) hello.set_agent_incarnation(state_->incarnation());
  hello.set_version(version_);
  hello.set_applied_revision(reconciler_.applied_revision());
  hello.set_cluster_id(reconciler_.cluster_id());
  hello.set_store_incarnation(reconciler_.store_incarnation());
  hello.set_term(reconciler_.term());
  if (Silent(now)) {
    next_hello_ = silent_until_;
    return;
  }
  v1::AgentMessage message = Message();
  *message.mutable_hello() = std::move(hello);
  send_(std::move(message), Link::Lane::kUrgent);
}

void NodeSession::Receive(MonoTime now, const v1::SchedulerMessage& message) {
  if (Silent(now) || !send_ || !Follow(message)) return;
  switch (message.message_case()) {
    case v1::SchedulerMessage::kWelcome:
      TakeWelcome(now, message.welcome());
      break;
    case v1::SchedulerMessage::kRenewal:
      reconciler_.ReceiveRenewal(now, message.renewal());
      break;
    case v1::SchedulerMessage::kLog:
      TakeLogRequest(message.log());
      break;
    case v1::SchedulerMessage::kRefusal:
      TakeRefusal(now, message.refusal());
      break;
    case v1::SchedulerMessage::kSet: {
      const absl::Status received = reconciler_.ReceiveSet(now, message.set());
      // No fault of anybody's on a stream that lost something; the next report asks for the full set.
      if (!received.ok())
        platform::Log(platform::LogLevel::kWarning, "set-refused", {{"node", node_}, {"reason", received}});
      break;
    }
    case v1::SchedulerMessage::MESSAGE_NOT_SET:
      break;  // of a newer scheduler: what is not known is not acted on
  }
}

// Whether the sender is one to follow. A new one is durable before anything that it says is acted on: after a crash of
// this process an older leader must still be refused.
bool NodeSession::Follow(const v1::SchedulerMessage& message) {
  if (!reconciler_.AcceptSender(message.cluster_id(), message.store_incarnation(), message.term())) {
    platform::Log(platform::LogLevel::kWarning, "sender-refused",
                  {{"node", node_},
                   {"cluster", message.cluster_id()},
                   {"term", message.term()},
                   {"followed_cluster", reconciler_.cluster_id()},
                   {"followed_term", reconciler_.term()}});
    return false;
  }
  const absl::Status kept = state_->SetSender({message.cluster_id(), message.store_incarnation(), message.term()});
  if (!kept.ok()) platform::Log(platform::LogLevel::kError, "sender-not-durable", {{"node", node_}, {"reason", kept}});
  return kept.ok();
}

void NodeSession::TakeWelcome(MonoTime now, const v1::Welcome& welcome) {
  reconciler_.Configure(welcome);
  runtime_->Configure(welcome);
  if (welcome.heartbeat_ms() > 0) heartbeat_interval_ = Milliseconds(welcome.heartbeat_ms());
  if (welcome.report_interval_ms() > 0) report_interval_ = Milliseconds(welcome.report_interval_ms());
  dead_band_ppm_ = welcome.dead_band_ppm();
  // Which device groups it has a node may learn from its model only.
  if (runtime_->Identify().SerializeAsString() != hello_said_) SayHello(now);
  welcomed_ = true;
  said_facts_.clear();  // a scheduler that welcomes knows nothing yet, also when it was a hello that came twice
  next_heartbeat_ = std::min(next_heartbeat_, now + heartbeat_interval_);
  next_telemetry_ = now;
  said_telemetry_.Clear();
}

void NodeSession::TakeRefusal(MonoTime now, const v1::Refusal& refusal) {
  platform::Log(platform::LogLevel::kWarning, "node-refused",
                {{"node", node_}, {"reason", refusal.reason()}, {"retry", refusal.retry()}});
  welcomed_ = false;
  next_heartbeat_ = next_telemetry_ = MonoTime::Never();
  next_hello_ = now + (refusal.retry() ? kRefusedRetry : kRefusedUntilOperator);
}

void NodeSession::TakeLogRequest(const v1::LogRequest& request) {
  const uint64_t stream = request.stream();
  if (request.cancel()) {
    if (logs_.erase(stream) > 0) runtime_->CancelLogs(stream);
    return;
  }
  if (const auto found = logs_.find(stream); found != logs_.end()) {
    found->second->Grant(request.credit_bytes());
    return;
  }
  if (request.allocation() == 0) return;  // credit for a stream that has ended
  auto window = std::make_shared<LogWindow>(request.credit_bytes(), [this](v1::LogData data) {
    if (!send_) return;
    v1::AgentMessage message = Message();
    *message.mutable_log() = std::move(data);
    send_(std::move(message), Link::Lane::kLog);
  });
  logs_[stream] = window;
  // The sink may be called by a thread of the runtime, and after the stream was cancelled.
  runtime_->StreamLogs(request, [this, stream, weak = std::weak_ptr(window)](v1::LogData data) {
    post_([this, stream, weak, data = std::move(data)]() mutable {
      const std::shared_ptr<LogWindow> live = weak.lock();
      if (live == nullptr) return;
      data.set_stream(stream);
      if (live->Add(std::move(data))) return;
      runtime_->CancelLogs(stream);  // the window stays for what waits in it; Disconnected or a cancel removes it
    });
  });
}

MonoTime NodeSession::Step(MonoTime now) {
  if (send_ && now >= next_hello_) {
    SayHello(now);
    SayHeartbeat(now);
  }
  const reconcile::MachineTruth truth = Reconcile(now);
  MonoTime next = std::min(reconciler_.NextDeadline(now), runtime_->NextChange());
  if (send_ && Silent(now)) return std::min(next, silent_until_);
  if (send_ && now >= next_heartbeat_) SayHeartbeat(now);
  if (send_ && welcomed_) {
    next = std::min(next, SayReport(now, truth));
    if (now >= next_telemetry_) SayTelemetry(now);
  }
  return std::min({next, next_hello_, next_heartbeat_, next_telemetry_});
}

reconcile::MachineTruth NodeSession::Reconcile(MonoTime now) {
  std::vector<reconcile::Action> before;
  for (int round = 1;; ++round) {
    reconcile::MachineTruth truth = runtime_->Observe();
    const std::vector<reconcile::Action> actions = reconciler_.Decide(now, truth);
    if (actions.empty() || round > kRounds || (round > 1 && SameActions(actions, before))) return truth;
    runtime_->Execute(actions);
    before = actions;
  }
}

// Returns when to look again though nothing more may happen: a step that was held back.
MonoTime NodeSession::SayReport(MonoTime now, const reconcile::MachineTruth& truth) {
  v1::NodeReport report = reconciler_.Report(now, truth);
  const ReportDigest digest = Digest(report);
  const bool first = report_sequence_ == 0;
  MonoTime due = MonoTime::Never();
  if (first || digest.facts != said_facts_)
    due = now;
  else if (digest.steps != said_steps_)
    due = last_report_ + kStepInterval;
  else if (digest.all != said_all_)
    due = last_report_ + kCounterInterval;
  if (now < due) return due;
  said_facts_ = digest.facts;
  said_steps_ = digest.steps;
  said_all_ = digest.all;
  last_report_ = now;
  report.set_sequence(++report_sequence_);
  v1::AgentMessage message = Message();
  *message.mutable_report() = std::move(report);
  send_(std::move(message), Link::Lane::kUrgent);
  return MonoTime::Never();
}

void NodeSession::SayHeartbeat(MonoTime now) {
  next_heartbeat_ = now + heartbeat_interval_;
  if (Silent(now)) return;
  v1::AgentMessage message = Message();
  v1::Heartbeat* heartbeat = message.mutable_heartbeat();
  heartbeat->set_sequence(reconciler_.SendHeartbeat(now));
  heartbeat->set_applied_revision(reconciler_.applied_revision());
  heartbeat->set_last_reading(telemetry_sequence_);
  heartbeat->set_unchanged(telemetry_unchanged_);
  send_(std::move(message), Link::Lane::kUrgent);
}

void NodeSession::SayTelemetry(MonoTime now) {
  next_telemetry_ = now + report_interval_;
  v1::Telemetry telemetry = runtime_->Measure();
  telemetry_unchanged_ = said_telemetry_.sequence() != 0 && !WorthSaying(said_telemetry_, telemetry, dead_band_ppm_);
  if (telemetry_unchanged_) return;  // the next heartbeat says so
  telemetry.set_sequence(++telemetry_sequence_);
  said_telemetry_ = telemetry;
  telemetry_unchanged_ = true;
  v1::AgentMessage message = Message();
  *message.mutable_telemetry() = std::move(telemetry);
  send_(std::move(message), Link::Lane::kTelemetry);
}

}  // namespace switchyard::agent::session
