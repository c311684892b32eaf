// All agents' streams: takes what nodes say to the core, at once where a lease or a grant hangs on it and thinned where
// it is only a reading, and brings the core's orders, welcomes, renewals and refusals to the stream that the node is
// on.
//
// Thread-safe. Effects are queued by the committer's thread and carried out, in their order, by one of the gate's own.
#ifndef SWITCHYARD_SCHEDULER_RPC_AGENT_SESSIONS_H_
#define SWITCHYARD_SCHEDULER_RPC_AGENT_SESSIONS_H_

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "common/platform/clock.h"
#include "scheduler/core/core.h"
#include "scheduler/rpc/agent_stream.h"
#include "scheduler/rpc/command_port.h"
#include "scheduler/rpc/log_relay.h"
#include "scheduler/rpc/metrics.h"
#include "scheduler/orders/order_book.h"

namespace switchyard::rpc {

// What every message to an agent carries: agents refuse lower terms and other clusters.
struct Identity {
  std::string cluster_id;
  uint64_t store_incarnation = 0;
  uint64_t term = 0;
};

class AgentSessions {
 public:
  // All must outlive it.
  AgentSessions(CommandPort* engine, const platform::Clock* clock, Metrics* metrics, Identity identity);
  ~AgentSessions();

  // A new stream, not yet started. RESOURCE_EXHAUSTED above kSessionsMax.
  absl::StatusOr<std::shared_ptr<AgentStream>> Open(Principal principal);
  void CloseAll(const absl::Status& status);

  // ---- from the core, in order ----
  void DeliverOrders(std::vector<core::NodeOrder> orders);
  void DeliverEffects(std::vector<core::SessionEffect> effects);

  // ---- from the streams ----
  void Receive(AgentStream* stream, v1::AgentMessage* message);
  void OnEnded(AgentStream* stream);
  std::optional<v1::DesiredSet> NextSet(uint64_t session, const std::string& node);
  void Stamp(v1::SchedulerMessage* message) const;

  // Asks the node's agent for a log on behalf of `reader`; where the node has no session the reader is told so.
  void ReadLog(const std::shared_ptr<LogStream>& reader, const std::string& node, v1::LogRequest request);
  LogRelay& logs() { return logs_; }

 private:
  using Delivery = std::variant<std::vector<core::NodeOrder>, std::vector<core::SessionEffect>>;

  void Run();
  void Deliver(Delivery delivery);
  void Carry(core::NodeOrder order);
  void Carry(core::SessionEffect effect);
  void AllowSets(AgentStream* stream, const std::string& node);
  void WithdrawNode(uint64_t session, const std::string& node);
  std::shared_ptr<AgentStream> Find(uint64_t session);
  bool SendLogRequest(uint64_t session, const std::string& node, const v1::LogRequest& request);

  // False: the stream was closed with the reason.
  bool Admit(AgentStream* stream, const v1::AgentMessage& message);
  void OnTelemetry(AgentStream* stream, AgentStream::Speaker* speaker, v1::AgentMessage* message);
  void OnHeartbeat(AgentStream* stream, AgentStream::Speaker* speaker, v1::AgentMessage* message);
  void OnReport(AgentStream* stream, v1::AgentMessage* message);
  void PostTelemetry(AgentStream* stream, AgentStream::Speaker* speaker, const std::string& node,
                     v1::Telemetry telemetry);
  // For what is not said again: if it cannot be taken, the stream ends and the agent begins anew.
  void PostOrClose(AgentStream* stream, store::v1::Command command);

  CommandPort& engine_;
  const platform::Clock& clock_;
  Metrics& metrics_;
  const Identity identity_;
  LogRelay logs_;

  std::mutex streams_mutex_;
  std::map<uint64_t, std::weak_ptr<AgentStream>> streams_;
  uint64_t last_session_ = 0;

  std::mutex book_mutex_;
  orders::OrderBook book_;

  std::mutex deliveries_mutex_;
  std::condition_variable deliveries_changed_;
  std::deque<Delivery> deliveries_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace switchyard::rpc

#endif  // SWITCHYARD_SCHEDULER_RPC_AGENT_SESSIONS_H_
