#include "tests/fuzz/hostile_cluster.h"

#include <array>
#include <utility>

#include "common/validation/job_spec.h"
#include "scheduler/rpc/bounds/validate_agent.h"
#include "scheduler/rpc/bounds/validate_request.h"
#include "tests/support/cluster_builder.h"

namespace switchyard::testing {
namespace {

constexpr std::array kNodes = {"rack-1", "rack-2", "server-1", "box-1", "box-2"};

v1::ClusterConfiguration Cluster() {
  ClusterBuilder builder;
  builder.MeterCap(Watts(60'000)).Budget("pdu", v1::PDU, Watts(40'000));
  builder.Rack("rack-1", "pdu").Rack("rack-2").Server("server-1", "pdu").Box("box-1").Box("box-2", "pdu");
  return builder.configuration();
}

// The message as the gate takes it over. False: it is refused there.
template <typename Request>
bool Valid(Bytes* bytes, Request* request) {
  Fill(bytes, request);
  return rpc::Validate(*request).empty();
}
template <>
bool Valid(Bytes* bytes, v1::SubmitRequest* request) {
  Fill(bytes, request);
  for (v1::JobSpec& job : *request->mutable_jobs()) validation::ApplyJobDefaults(&job);
  return rpc::Validate(*request).empty();
}

template <typename Request>
bool Ask(Bytes* bytes, Request* request) {
  return Valid(bytes, request);
}

bool MakeQuery(Bytes* bytes, pb::Query* query) {
  switch (bytes->Below(11)) {
    case 0:
      return Ask(bytes, query->mutable_explain());
    case 1:
      return Ask(bytes, query->mutable_budgets());
    case 2:
      return Ask(bytes, query->mutable_sites());
    case 3:
      return Ask(bytes, query->mutable_tenants());
    case 4:
      return Ask(bytes, query->mutable_alarms());
    case 5:
      return Ask(bytes, query->mutable_why());
    case 6:
      return Ask(bytes, query->mutable_orphans());
    case 7:
      return Ask(bytes, query->mutable_quarantine());
    case 8:
      return Ask(bytes, query->mutable_plans());
    case 9:
      return Ask(bytes, query->mutable_nodes());
    default:
      return Ask(bytes, query->mutable_log_target());
  }
}

bool MakeRequest(Bytes* bytes, pb::Command* command) {
  switch (bytes->Below(8)) {
    case 0:
    case 1:
      return Valid(bytes, command->mutable_submit());
    case 2:
      return Valid(bytes, command->mutable_cancel());
    case 3:
      return Valid(bytes, command->mutable_node_action());
    case 4:
      return Valid(bytes, command->mutable_orphan_action());
    case 5:
      return Valid(bytes, command->mutable_clear_quarantine());
    case 6: {
      v1::CreateTokenRequest request;  // the gate makes the secret; the core sees its hash
      if (!Valid(bytes, &request)) return false;
      command->mutable_create_token()->set_node(request.node());
      command->mutable_create_token()->set_sha256(std::string(32, 'h'));
      command->mutable_create_token()->set_expires_utc_ms(1'700'000'000'000 + bytes->Below(10'000));
      return true;
    }
    default:
      return MakeQuery(bytes, command->mutable_query());
  }
}

// As agent_sessions.cc makes commands of messages.
pb::Command CommandOf(uint64_t session, v1::AgentMessage message) {
  pb::Command command;
  const std::string node = message.node();
  switch (message.message_case()) {
    case v1::AgentMessage::kHello:
      command.mutable_hello()->set_session(session);
      command.mutable_hello()->set_node(node);
      *command.mutable_hello()->mutable_hello() = std::move(*message.mutable_hello());
      break;
    case v1::AgentMessage::kReport:
      command.mutable_report()->set_session(session);
      command.mutable_report()->set_node(node);
      *command.mutable_report()->mutable_report() = std::move(*message.mutable_report());
      break;
    case v1::AgentMessage::kHeartbeat:
      command.mutable_heartbeat()->set_session(session);
      command.mutable_heartbeat()->set_node(node);
      *command.mutable_heartbeat()->mutable_heartbeat() = std::move(*message.mutable_heartbeat());
      break;
    case v1::AgentMessage::kTelemetry:
      command.mutable_telemetry()->set_session(session);
      command.mutable_telemetry()->set_node(node);
      *command.mutable_telemetry()->mutable_telemetry() = std::move(*message.mutable_telemetry());
      break;
    default:
      command.mutable_session_ended()->set_session(session);
  }
  return command;
}

}  // namespace

HostileCluster::HostileCluster() : cluster_(Cluster()) { cluster_.ConnectAll(); }

std::string HostileCluster::AnyNode(Bytes* bytes) const { return kNodes[bytes->Below(kNodes.size())]; }

void HostileCluster::Request(Bytes* bytes) {
  pb::Command command;
  if (bytes->Below(4) == 0) command.set_principal("uid:1000");
  if (!MakeRequest(bytes, &command)) return;
  cluster_.Send(std::move(command)).IgnoreError();
}

void HostileCluster::AgentMessage(Bytes* bytes) {
  const std::string node = AnyNode(bytes);
  const uint64_t session = bytes->Below(4) == 0 ? bytes->Below(16) : cluster_.agent(node).session;
  v1::AgentMessage message;
  if (bytes->Below(2) == 0) {
    *message.mutable_report() = cluster_.NextReport(node).report().report();  // honest but for what is filled in below
    Fill(bytes, message.mutable_report());
  } else {
    Fill(bytes, &message);
  }
  message.set_node("site/" + node);
  if (message.message_case() != v1::AgentMessage::MESSAGE_NOT_SET && !rpc::ValidateAgentMessage(message).ok()) return;
  cluster_.Batch({CommandOf(session, std::move(message))});
}

void HostileCluster::Meanwhile(Bytes* bytes) {
  switch (bytes->Below(8)) {
    case 0:
      cluster_.Run(Seconds(1 + bytes->Below(40)));
      break;
    case 1:
      cluster_.Submit(HashingJob());
      break;
    case 2:
      cluster_.Submit(
          TrainingJob("train", 1 + static_cast<int>(bytes->Below(2)), 1 + static_cast<int>(bytes->Below(4))));
      break;
    case 3:
      cluster_.Submit(ServiceJob("serve", 1, 1));
      break;
    case 4:
      cluster_.Restart();
      cluster_.ConnectAll();
      break;
    case 5:
      cluster_.Connect(AnyNode(bytes));
      break;
    default:
      cluster_.Settle();
  }
}

}  // namespace switchyard::testing
