// What an agent says, and when: as agent/session/node_session.cc does it.
#include <algorithm>
#include <string>
#include <utility>

#include "simulation/world/agent_host.h"

namespace switchyard::simulation {

v1::NodeHello AgentHost::Hello() const {
  v1::NodeHello hello = machine_->Identify();
  if (copied_incarnation_.has_value()) hello.set_agent_incarnation(*copied_incarnation_);
  return hello;
}

Up AgentHost::Message() const {
  Up message = std::make_shared<v1::AgentMessage>();
  message->set_node(node());
  return message;
}

void AgentHost::SayHello(MonoTime) {
  Process& p = *process_;
  p.next_hello = MonoTime::Never();
  p.welcomed = false;
  p.report_sequence = 0;  // sequences are of the stream, and the scheduler knows nothing of this node's past
  p.hello_said = machine_->Identify().SerializeAsString();
  Up message = Message();
  v1::NodeHello& hello = *message->mutable_hello();
  hello = Hello();
  hello.set_version("simulated-" + std::to_string(version_));
  hello.set_applied_revision(p.reconciler.applied_revision());
  hello.set_cluster_id(p.reconciler.cluster_id());
  hello.set_store_incarnation(p.reconciler.store_incarnation());
  hello.set_term(p.reconciler.term());
  network_.Send(p.stream, std::move(message));
}

void AgentHost::SayHeartbeat(MonoTime now) {
  Process& p = *process_;
  p.next_heartbeat = now + p.heartbeat_interval;
  Up message = Message();
  v1::Heartbeat& heartbeat = *message->mutable_heartbeat();
  heartbeat.set_sequence(p.reconciler.SendHeartbeat(now));
  heartbeat.set_applied_revision(p.reconciler.applied_revision());
  heartbeat.set_last_reading(p.telemetry_sequence);
  heartbeat.set_unchanged(p.telemetry_unchanged);
  network_.Send(p.stream, std::move(message));
}

void AgentHost::SayReport(MonoTime now) {
  constexpr Duration kStepInterval = Milliseconds(200);
  constexpr Duration kCounterInterval = Seconds(5);
  Process& p = *process_;
  const bool first = p.report_sequence == 0;
  if (!first && !p.report && now < p.report_due) return;
  p.report = false;
  p.report_due = MonoTime::Never();
  v1::NodeReport report = p.reconciler.Report(now, p.truth);
  const ReportDigest digest = Digest(report);
  MonoTime due = MonoTime::Never();
  if (first || digest.facts != p.said.facts) {
    due = now;
  } else if (digest.steps != p.said.steps) {
    due = p.last_report + kStepInterval;
  } else if (digest.all != p.said.all) {
    due = p.last_report + kCounterInterval;
  }
  if (now < due) {
    p.report_due = due;
    return;
  }
  p.said = digest;
  p.last_report = now;
  report.set_sequence(++p.report_sequence);
  Up message = Message();
  *message->mutable_report() = std::move(report);
  network_.Send(p.stream, std::move(message));
}

void AgentHost::SayTelemetry(MonoTime now) {
  Process& p = *process_;
  if (now >= p.say_meters) {
    p.say_meters = MonoTime::Never();
    SendTelemetry(now, /*with_meters=*/true);
  }
  if (now < p.next_telemetry) return;
  p.next_telemetry = now + p.report_interval;
  if (meters_ != nullptr && meters_->Reads(node())) {
    // Read now, said when the meter's own delay has passed.
    meters_->Sample(node());
    p.say_meters = now + meters_->LagOf(node());
  } else {
    SendTelemetry(now, /*with_meters=*/false);
  }
}

void AgentHost::SendTelemetry(MonoTime, bool with_meters) {
  Process& p = *process_;
  v1::Telemetry telemetry = machine_->Measure(stage_.now());
  if (with_meters) meters_->Say(node(), &telemetry);
  p.telemetry_unchanged =
      p.said_telemetry.sequence() != 0 && !WorthSaying(p.said_telemetry, telemetry, p.dead_band_ppm);
  if (p.telemetry_unchanged) return;  // the next heartbeat says so
  telemetry.set_sequence(++p.telemetry_sequence);
  p.said_telemetry = telemetry;
  p.telemetry_unchanged = true;
  Up message = Message();
  *message->mutable_telemetry() = std::move(telemetry);
  network_.Send(p.stream, std::move(message));
}

}  // namespace switchyard::simulation
