// One node of an agent: its runtime, its reconciliation, and what it has to say next. Everything that is said goes out
// through `send`; what comes is given to Receive. It keeps nothing waiting but flags: what happened since the last look
// is reported once.
//
// Thread rule: the loop's thread only.
#ifndef SWITCHYARD_AGENT_SESSION_NODE_SESSION_H_
#define SWITCHYARD_AGENT_SESSION_NODE_SESSION_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "agent/reconcile/reconcile.h"
#include "agent/runtime/runtime.h"
#include "agent/session/link.h"
#include "agent/session/log_window.h"
#include "agent/session/state_directory.h"
#include "common/units.h"
#include "switchyard/v1/agent.pb.h"

namespace switchyard::agent::session {

// Confirmations fall step by step while hundreds of devices comply: a step is reported at most so often, the last one
// always.
inline constexpr Duration kStepInterval = Milliseconds(200);
// Counters (energy, hashes, shares) and readings alone are worth a report so often.
inline constexpr Duration kCounterInterval = Seconds(5);
// Before the first Welcome: the protocol's defaults.
inline constexpr Duration kDefaultHeartbeat = Seconds(5);
inline constexpr Duration kDefaultReportInterval = Seconds(1);
// A node that was refused asks again: soon where the scheduler said so, else when an operator may have acted.
inline constexpr Duration kRefusedRetry = Seconds(2);
inline constexpr Duration kRefusedUntilOperator = Seconds(30);

class NodeSession {
 public:
  using Send = std::function<void(v1::AgentMessage, Link::Lane)>;
  // Calls back on the loop's thread; used for what a runtime's own threads say.
  using Post = std::function<void(std::function<void()>)>;

  // `state` is shared by the agent's nodes and outlives this object, like `runtime`.
  NodeSession(std::string node, Runtime* runtime, StateDirectory* state, std::string version, MonoTime now, Post post);

  const std::string& node() const { return node_; }

  // A new stream is there: says hello, and the first heartbeat with it, so that the lease begins with the session.
  void Connected(MonoTime now, Send send);
  void Disconnected();

  void Receive(MonoTime now, const v1::SchedulerMessage& message);

  // Looks at the machine, acts, and says what is due. Called when anything may have happened and at the time that it
  // returned.
  MonoTime Step(MonoTime now);

  // For `span` nothing is said and nothing that comes is heard: a broken network, for drills.
  void Silence(MonoTime until) { silent_until_ = until; }

  bool welcomed() const { return welcomed_; }
  const reconcile::Reconciler& reconciler() const { return reconciler_; }

 private:
  bool Silent(MonoTime now) const { return now < silent_until_; }
  void SayHello(MonoTime now);
  bool Follow(const v1::SchedulerMessage& message);
  void TakeWelcome(MonoTime now, const v1::Welcome& welcome);
  void TakeRefusal(MonoTime now, const v1::Refusal& refusal);
  void TakeLogRequest(const v1::LogRequest& request);
  reconcile::MachineTruth Reconcile(MonoTime now);
  MonoTime SayReport(MonoTime now, const reconcile::MachineTruth& truth);
  void SayHeartbeat(MonoTime now);
  void SayTelemetry(MonoTime now);
  v1::AgentMessage Message() const;

  std::string node_;
  Runtime* runtime_;
  StateDirectory* state_;
  std::string version_;
  Post post_;
  Send send_;  // empty without a stream
  reconcile::Reconciler reconciler_;

  Duration heartbeat_interval_ = kDefaultHeartbeat;
  Duration report_interval_ = kDefaultReportInterval;
  int64_t dead_band_ppm_ = 0;
  bool welcomed_ = false;
  std::string hello_said_;  // serialised, to notice a change of capabilities
  MonoTime next_hello_ = MonoTime::Never();
  MonoTime next_heartbeat_ = MonoTime::Never();
  MonoTime next_telemetry_ = MonoTime::Never();
  MonoTime silent_until_;

  uint64_t report_sequence_ = 0;
  MonoTime last_report_;
  std::string said_facts_, said_steps_, said_all_;  // of the last report, see report_digest.h
  v1::Telemetry said_telemetry_;                    // the last one sent
  uint64_t telemetry_sequence_ = 0;
  bool telemetry_unchanged_ = false;
  std::map<uint64_t, std::shared_ptr<LogWindow>> logs_;
};

}  // namespace switchyard::agent::session

#endif  // SWITCHYARD_AGENT_SESSION_NODE_SESSION_H_
