#include "simulation/world/agent_host.h"

#include <algorithm>
#include <utility>

#include "common/faults/mutation.h"

namespace switchyard::simulation {
namespace {

using agent::reconcile::Action;

// As agent/session has them.
constexpr Duration kReconnectFirst = Milliseconds(100);
constexpr Duration kReconnectMost = Seconds(5);
constexpr Duration kDeafAfter = Seconds(30);
constexpr Duration kDefaultHeartbeat = Seconds(5);
constexpr Duration kDefaultReportInterval = Seconds(1);
constexpr int kRounds = 4;

// The machine is looked at when it changes, but not more often than this, and now and then for its counters.
constexpr Duration kLeastLook = Milliseconds(100);
constexpr Duration kMostLook = Seconds(30);

// A fleet's clocks differ by so much in ordinary operation; faults go up to rho.
constexpr int64_t kOrdinaryDriftPpm = 50;

bool SameActions(const std::vector<Action>& a, const std::vector<Action>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Action& x, const Action& y) {
    return x.kind == y.kind && x.allocation == y.allocation && x.limit == y.limit && x.grace == y.grace &&
           x.lease_end == y.lease_end;
  });
}

bool OnlyFence(const std::vector<Action>& actions) {
  return std::all_of(actions.begin(), actions.end(),
                     [](const Action& action) { return action.kind == Action::Kind::kRenewFence; });
}

}  // namespace

AgentHost::AgentHost(const Parts& parts, std::unique_ptr<Machine> machine)
    : stage_(*parts.stage),
      network_(*parts.network),
      directory_(*parts.directory),
      meters_(parts.meters),
      machine_(std::move(machine)),
      link_(network_.AddLink()) {
  Boot();
  clock_.Drift(stage_.events.instant(),
               stage_.chance.Between(-kOrdinaryDriftPpm, kOrdinaryDriftPpm, Topic::kDrift, link_));
}

// ---- the life of the process ----

void AgentHost::Boot() {
  const Instant now = stage_.events.instant();
  // The kernel was up for a while when its first process started.
  clock_.Boot(now, Milliseconds(stage_.chance.Between(1'000, 90'000, Topic::kBootClock, link_, now)));
}

void AgentHost::Start(Duration after) {
  const uint64_t planned = ++processes_;
  stage_.events.After(Microseconds(after), [this, planned] {
    if (planned == processes_ && !process_.has_value()) Begin();
  });
  ArmMachine();
}

void AgentHost::Begin() {
  // systemd starts it once the machine is up; until then it looks again.
  if (!machine_->powered(stage_.now())) {
    Start(Milliseconds(500));
    return;
  }
  const MonoTime now = AgentNow();
  process_.emplace(node(), now);
  Process& p = *process_;
  p.reconciler.RestoreSender(sender_.cluster_id, sender_.store_incarnation, sender_.term);
  p.next_connect = p.next_look = now;
  p.last_look = now - kLeastLook;
  p.back_off = kReconnectFirst;
  p.heartbeat_interval = kDefaultHeartbeat;
  p.report_interval = kDefaultReportInterval;
  suspended_until_ = 0;
  machine_->AgentStarted(stage_.now());
  ArmMachine();
  Step();
}

void AgentHost::Stop(bool orderly, bool powerless) {
  ++processes_;  // what was planned to start does not
  inbox_.clear();
  if (!process_.has_value()) return;
  if (process_->stream != nullptr) network_.CloseLower(process_->stream, powerless);
  if (orderly) ++version_;
  process_.reset();
  machine_->AgentExited(stage_.now());
  ArmMachine();
}

void AgentHost::Suspend(Duration span) {
  if (!process_.has_value()) return;
  suspended_until_ = std::max(suspended_until_, stage_.events.instant() + Microseconds(span));
  machine_->Suspend(stage_.now());
  stage_.events.At(suspended_until_, [this] {
    if (stage_.events.instant() < suspended_until_) return;
    machine_->Resume(stage_.now());
    MachineChanged();
    if (!Awake()) return;
    for (const Waiting& waiting : std::exchange(inbox_, {})) {
      if (waiting.message.has_value()) {
        Hear(waiting.stream, *waiting.message);
      } else {
        OnEnded(waiting.stream);
      }
    }
    Step();
  });
}

void AgentHost::Drift(int64_t ppm, Duration span) {
  clock_.Drift(stage_.events.instant(), ppm);
  armed_ = kNoInstant;  // what was planned by the old drift may come too late
  Arm();
  if (span == Duration()) return;
  const int drift = ++drifts_;
  stage_.events.After(Microseconds(span), [this, drift] {
    if (drift != drifts_) return;
    clock_.Drift(stage_.events.instant(), 0);
    armed_ = kNoInstant;
    Arm();
  });
}

void AgentHost::CopyState(const AgentHost& other) {
  sender_ = other.sender_;
  copied_incarnation_ = other.machine_->Identify().agent_incarnation();
}

void AgentHost::MachineChanged() {
  machine_->Advance(stage_.now());
  ArmMachine();
  if (!process_.has_value()) return;
  Process& p = *process_;
  p.next_look = std::min(p.next_look, std::max(AgentNow(), p.last_look + kLeastLook));
  Arm();
}

// ---- time ----

void AgentHost::Arm() {
  if (!Awake()) return;
  const Process& p = *process_;
  MonoTime next = std::min(p.next_look, p.lease_deadline);
  if (p.stream == nullptr) {
    next = std::min(next, p.next_connect);
  } else {
    next = std::min({next, p.next_hello, p.next_heartbeat, p.last_heard + kDeafAfter + Milliseconds(1)});
    if (p.welcomed) next = std::min({next, p.next_telemetry, p.say_meters, p.report_due});
  }
  const Instant at = std::max(clock_.WhenAt(next), stage_.events.instant());
  if (at >= armed_) return;
  armed_ = at;
  stage_.events.At(at, [this, at] {
    if (armed_ != at) return;
    armed_ = kNoInstant;
    Step();
  });
}

void AgentHost::ArmMachine() {
  const Instant at = InstantOf(machine_->NextChange(stage_.now()));
  if (at >= machine_armed_) return;
  machine_armed_ = at;
  stage_.events.At(at, [this, at] {
    if (machine_armed_ != at) return;
    machine_armed_ = kNoInstant;
    MachineChanged();
  });
}

void AgentHost::Step() {
  if (!Awake()) return;
  const MonoTime now = AgentNow();
  Process& p = *process_;
  if (p.stream == nullptr && now >= p.next_connect) Connect(now);
  if (p.stream != nullptr && now - p.last_heard > kDeafAfter) {
    network_.CloseLower(p.stream);
    Disconnected(now);
  }
  if (p.stream != nullptr && now >= p.next_hello) {
    SayHello(now);
    SayHeartbeat(now);
  }
  Reconcile(now);
  if (p.stream != nullptr && now >= p.next_heartbeat) SayHeartbeat(now);
  if (p.stream != nullptr && p.welcomed) {
    SayReport(now);
    SayTelemetry(now);
  }
  Arm();
}

// ---- the stream ----

void AgentHost::Connect(MonoTime now) {
  Process& p = *process_;
  UpperEnd* const upper = directory_.FindFor(link_, ++p.attempts);
  Stream* const stream = upper == nullptr ? nullptr : network_.Connect(link_, this, upper);
  if (stream == nullptr) {
    Disconnected(now);
    return;
  }
  p.stream = stream;
  if (p.first_stream == 0) p.first_stream = stream->number;
  p.last_heard = now;
  p.reconciler.SessionStarted();
  p.report = true;
  SayHello(now);
  SayHeartbeat(now);
}

void AgentHost::Disconnected(MonoTime now) {
  Process& p = *process_;
  p.stream = nullptr;
  p.welcomed = false;
  p.next_hello = p.next_heartbeat = p.next_telemetry = p.say_meters = MonoTime::Never();
  const int64_t half = p.back_off.count() / 2;
  p.next_connect =
      now + Milliseconds(half + stage_.chance.Between(0, half, Topic::kBackOff, link_, processes_, p.attempts));
  p.back_off = std::min(p.back_off * 2, kReconnectMost);
}

void AgentHost::OnEnded(Stream* stream) {
  if (!process_.has_value() || process_->stream != stream) return;
  if (!Awake()) {
    inbox_.push_back({stream, std::nullopt});
    return;
  }
  Disconnected(AgentNow());
  Step();
}

void AgentHost::OnMessage(Stream* stream, const v1::SchedulerMessage& message) {
  if (!process_.has_value()) return;
  if (!Awake()) {
    inbox_.push_back({stream, message});
    return;
  }
  Hear(stream, message);
  Step();
}

void AgentHost::Hear(Stream* stream, const v1::SchedulerMessage& message) {
  Process& p = *process_;
  if (stream->number < p.first_stream || p.stream == nullptr) return;  // of the process before, or read by nobody
  if (stream != p.stream) {
    // A stream that this process has ended: of the same scheduler nothing is read from it any more. The word of another
    // one may have been read before the stream ended, and be looked at only now.
    if (stream->upper == p.stream->upper || stage_.chance.OneIn(2, Topic::kLateWord, stream->number)) return;
  } else {
    p.last_heard = AgentNow();
    p.back_off = kReconnectFirst;
  }
  Receive(AgentNow(), message);
}

void AgentHost::Receive(MonoTime now, const v1::SchedulerMessage& message) {
  const bool followed = Follow(message);
  stage_.audience.OnDown(stage_.now(), message, followed);
  if (!followed) return;
  Process& p = *process_;
  switch (message.message_case()) {
    case v1::SchedulerMessage::kWelcome:
      TakeWelcome(now, message.welcome());
      break;
    case v1::SchedulerMessage::kRenewal: {
      // While the lease runs on, only its end moves: that is for the supervisors, and changes no report.
      p.report |= !p.reconciler.LeaseRuns(now);
      p.reconciler.ReceiveRenewal(now, message.renewal());
      p.decide = true;
      break;
    }
    case v1::SchedulerMessage::kRefusal:
      TakeRefusal(now, message.refusal());
      break;
    case v1::SchedulerMessage::kSet:
      // One that does not fit is no fault of anybody's on a stream that lost something: the next report asks for the
      // full set.
      p.reconciler.ReceiveSet(now, message.set()).IgnoreError();
      p.decide = p.report = true;
      break;
    case v1::SchedulerMessage::kLog:
    case v1::SchedulerMessage::MESSAGE_NOT_SET:
      break;
  }
}

// A new sender is durable before anything that it says is acted on.
bool AgentHost::Follow(const v1::SchedulerMessage& message) {
  if (!process_->reconciler.AcceptSender(message.cluster_id(), message.store_incarnation(), message.term()))
    return false;
  if (sender_.term != message.term() || sender_.store_incarnation != message.store_incarnation()) {
    sender_ = {message.cluster_id(), message.store_incarnation(), message.term()};
    process_->decide = process_->report = true;
  }
  return true;
}

void AgentHost::TakeWelcome(MonoTime now, const v1::Welcome& welcome) {
  Process& p = *process_;
  p.reconciler.Configure(welcome);
  if (welcome.heartbeat_ms() > 0) p.heartbeat_interval = Milliseconds(welcome.heartbeat_ms());
  if (welcome.report_interval_ms() > 0) p.report_interval = Milliseconds(welcome.report_interval_ms());
  p.dead_band_ppm = welcome.dead_band_ppm();
  if (machine_->Identify().SerializeAsString() != p.hello_said) SayHello(now);
  p.welcomed = true;
  p.said = {};  // a scheduler that welcomes knows nothing yet, also when it was a hello that came twice
  p.decide = p.report = true;
  p.next_heartbeat = std::min(p.next_heartbeat, now + p.heartbeat_interval);
  p.next_telemetry = now;
  p.said_telemetry.Clear();
}

void AgentHost::TakeRefusal(MonoTime now, const v1::Refusal& refusal) {
  constexpr Duration kRefusedRetry = Seconds(2);
  constexpr Duration kRefusedUntilOperator = Seconds(30);
  Process& p = *process_;
  p.welcomed = false;
  p.next_heartbeat = p.next_telemetry = p.say_meters = MonoTime::Never();
  p.next_hello = now + (refusal.retry() ? kRefusedRetry : kRefusedUntilOperator);
}

// ---- the machine ----

void AgentHost::Look(MonoTime now) {
  Process& p = *process_;
  machine_->Advance(stage_.now());
  p.truth = machine_->Look(stage_.now());
  if (SWITCHYARD_MUTATION(first_report_from_memory)) Misremember();
  p.last_look = now;
  p.next_look = now + kMostLook;
  if (p.truth.scanning) p.next_look = now + kLeastLook;
  p.decide = p.report = true;
}

// Broken on purpose: an agent that trusts its memory more than the machine.
void AgentHost::Misremember() {
  Process& p = *process_;
  if (p.report_sequence == 0) {
    p.truth = memory_;
    p.truth.scanning = false;
  } else {
    memory_ = p.truth;
  }
}

void AgentHost::Reconcile(MonoTime now) {
  Process& p = *process_;
  if (now >= p.next_look) Look(now);
  if (now >= p.lease_deadline) p.decide = p.report = true;
  if (!p.decide) return;
  p.decide = false;
  std::vector<Action> before;
  for (int round = 1;; ++round) {
    std::vector<Action> actions = p.reconciler.Decide(now, p.truth);
    if (actions.empty() || round > kRounds || (round > 1 && SameActions(actions, before))) break;
    before = actions;
    Execute(std::move(actions));
    if (OnlyFence(before)) break;  // it changes nothing that the machine shows
    Look(now);
    p.decide = false;
  }
  p.lease_deadline = p.reconciler.NextDeadline(now);
}

void AgentHost::Execute(std::vector<Action> actions) {
  for (Action& action : actions) {
    // Supervisors count on the machine's clock, the machine in true time.
    if (action.kind == Action::Kind::kRenewFence) action.lease_end = MonoTime(clock_.WhenAt(action.lease_end) / 1000);
  }
  machine_->Execute(stage_.now(), actions);
  ArmMachine();
}

}  // namespace switchyard::simulation
