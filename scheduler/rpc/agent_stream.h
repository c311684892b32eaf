// One AgentService.Session stream: reads what its nodes say and hands it to AgentSessions; writes what AgentSessions
// has for them, one message at a time. What waits for a node merges (only the newest renewal, one set), so that memory
// is bounded by the number of nodes however slowly the agent reads.
#ifndef SWITCHYARD_SCHEDULER_RPC_AGENT_STREAM_H_
#define SWITCHYARD_SCHEDULER_RPC_AGENT_STREAM_H_

#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "common/units.h"
#include "scheduler/rpc/principal.h"
#include "scheduler/rpc/pumped_reactor.h"
#include "switchyard/v1/agent.pb.h"

namespace switchyard::rpc {

class AgentSessions;

class AgentStream final
    : public PumpedReactor<grpc::ServerBidiReactor<v1::AgentMessage, v1::SchedulerMessage>, v1::SchedulerMessage> {
 public:
  // What the gate remembers of a node that said hello here. Belongs to the reading side.
  struct Speaker {
    std::optional<v1::Telemetry> held;  // the newest, not yet handed on
    std::optional<MonoTime> observed;   // when the core last heard its telemetry
  };

  // Sessions is asked for sets and told of messages; it outlives its streams.
  AgentStream(AgentSessions* sessions, uint64_t session, Principal principal)
      : sessions_(*sessions), session_(session), principal_(std::move(principal)) {}

  // REQUIRES: called once, in the handler.
  void Open(grpc::CallbackServerContext* context);

  uint64_t session() const { return session_; }
  const Principal& principal() const { return principal_; }
  std::map<std::string, Speaker>& speakers() { return speakers_; }

  // ---- what goes down; any thread ----
  // A welcome begins a node anew: what waited for it is void.
  void Welcome(const std::string& node, v1::Welcome welcome);
  void Renew(const std::string& node, uint64_t heartbeat);
  // The last word to a node until it says hello again.
  void Refuse(const std::string& node, std::string reason, bool retry);
  // There may be a set to send.
  void SetDue(const std::string& node);
  // Above kLogRequestsQueuedMax the agent is not reading: the stream is ended.
  void RequestLog(const std::string& node, const v1::LogRequest& request);

  void OnReadDone(bool ok) override;

 private:
  struct Outbox {
    std::optional<v1::Refusal> refusal;
    std::optional<v1::Welcome> welcome;
    std::optional<uint64_t> renewal;
    bool set_due = false;
    bool queued = false;  // stands in ready_
    bool empty() const { return !refusal && !welcome && !renewal && !set_due; }
  };

  Next NextMessage(v1::SchedulerMessage* message, absl::Status* status) override;
  void Ended() override;
  void Queue(const std::string& node, Outbox* outbox);  // REQUIRES: outbox_mutex_ held
  bool NextLog(v1::SchedulerMessage* message);
  bool NextOfNode(v1::SchedulerMessage* message);

  AgentSessions& sessions_;
  const uint64_t session_;
  const Principal principal_;
  v1::AgentMessage incoming_;
  std::map<std::string, Speaker> speakers_;

  std::mutex outbox_mutex_;
  std::map<std::string, Outbox> outboxes_;
  std::deque<std::string> ready_;  // nodes with something in their outbox, each once
  std::deque<std::pair<std::string, v1::LogRequest>> logs_;
  bool logs_turn_ = false;  // logs and the rest take turns, so that neither starves
};

}  // namespace switchyard::rpc

#endif  // SWITCHYARD_SCHEDULER_RPC_AGENT_STREAM_H_
