// The gate's thin duties towards agents (scheduler/rpc/agent_sessions.h, agent_stream.h), without gRPC: numbers of
// sessions, what is handed to the core at once and what is thinned, who each message down is from, and which full set
// is sent again. What each node was told is orders::OrderBook's, the daemon's own.
#ifndef SWITCHYARD_SIMULATION_WORLD_SESSION_GATE_H_
#define SWITCHYARD_SIMULATION_WORLD_SESSION_GATE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/units.h"
#include "scheduler/core/core.h"
#include "scheduler/orders/order_book.h"
#include "simulation/world/network.h"
#include "simulation/world/stage.h"
#include "switchyard/store/v1/rows.pb.h"

namespace switchyard::simulation {

// Who speaks: on every message to an agent.
struct Speaker {
  std::string cluster_id;
  uint64_t store_incarnation = 0;
  uint64_t term = 0;
};

class SessionGate final : public UpperEnd {
 public:
  struct Parts {
    Stage* stage = nullptr;
    Network* network = nullptr;
    Leader leader = 0;
    std::function<MonoTime()> mono;                // the leader's clock
    std::function<void(store::v1::Command)> post;  // to its engine
  };
  explicit SessionGate(Parts parts) : parts_(std::move(parts)) {}

  void Listen(Speaker speaker);
  bool listening() const { return listening_; }
  // The process is gone. `late`: nobody tells the agents.
  void Close(bool late);
  // Half of the agents leave: another leader was found. Which half is drawn by salt.
  void LoseHalf(uint64_t salt);

  // ---- from the core, in order; Flush sends what is due ----
  void DeliverOrders(std::vector<core::NodeOrder> orders);
  void DeliverEffects(std::vector<core::SessionEffect> effects);
  void Flush();

  // ---- from the network ----
  Leader leader() const override { return parts_.leader; }
  void OnOpened(Stream* stream) override;
  void OnMessage(Stream* stream, Up message) override;
  void OnEnded(Stream* stream) override;

 private:
  // One stream, which carries one node.
  struct Session {
    Stream* stream = nullptr;           // nothing: it ended
    std::string node;                   // empty before its hello
    std::optional<v1::Telemetry> held;  // the newest, not yet handed on
    std::optional<MonoTime> observed;   // when the core last heard its telemetry
    std::optional<v1::Refusal> refusal;
    std::optional<v1::Welcome> welcome;
    std::optional<uint64_t> renewal;
    bool set_due = false;
    bool queued = false;
  };

  Session* Find(uint64_t number);
  void Queue(uint64_t number);
  void SetDue(uint64_t number);
  void Carry(core::SessionEffect effect);
  void SendTo(uint64_t number);
  void Send(const Session& session, const std::function<void(v1::SchedulerMessage*)>& fill);
  void TakeHeartbeat(uint64_t number, Session* session, const v1::Heartbeat& heartbeat);
  void PostTelemetry(uint64_t number, Session* session, v1::Telemetry telemetry);

  const Parts parts_;
  Speaker speaker_;
  bool listening_ = false;
  std::vector<Session> sessions_;              // by number, from 1
  std::map<const Stream*, uint64_t> numbers_;  // of open streams
  std::vector<uint64_t> due_;                  // sessions with something to send, each once
  orders::OrderBook book_;
};

}  // namespace switchyard::simulation

#endif  // SWITCHYARD_SIMULATION_WORLD_SESSION_GATE_H_
