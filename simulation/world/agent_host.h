// One agent on its machine: the real reconciliation, driven as agent/session/node_session.h drives it, on a clock of
// its own that drifts. Its process may be killed, upgraded, suspended or wiped at any moment; the machine goes on
// without it.
//
// Nothing here decides what runs or at how many watts: the Reconciler says it, the Machine does it.
#ifndef SWITCHYARD_SIMULATION_WORLD_AGENT_HOST_H_
#define SWITCHYARD_SIMULATION_WORLD_AGENT_HOST_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/reconcile/reconcile.h"
#include "common/units.h"
#include "simulation/physics/machine.h"
#include "simulation/world/agent_clock.h"
#include "simulation/world/meters.h"
#include "simulation/world/network.h"
#include "simulation/world/report_digest.h"
#include "simulation/world/stage.h"

namespace switchyard::simulation {

// Where agents find a scheduler.
class Directory {
 public:
  virtual ~Directory() = default;
  // One that listens; nothing: none does. The same agent may be led to a stale one.
  virtual UpperEnd* FindFor(uint32_t link, uint64_t attempt) = 0;
};

class AgentHost final : public LowerEnd {
 public:
  struct Parts {
    Stage* stage = nullptr;
    Network* network = nullptr;
    Directory* directory = nullptr;
    Meters* meters = nullptr;  // nothing: this one reads no meter
  };
  AgentHost(const Parts& parts, std::unique_ptr<Machine> machine);

  const std::string& node() const { return machine_->node(); }
  Machine& machine() { return *machine_; }
  uint32_t link() const { return link_; }
  bool runs() const { return process_.has_value(); }

  // The machine's clock begins anew: it booted.
  void Boot();
  // A process starts, once the machine has power and `after` has passed. Whatever was planned before is void.
  void Start(Duration after);
  // The process is gone. `orderly`: it was asked to; `powerless`: the machine with it, so that nobody tells the
  // scheduler.
  void Stop(bool orderly, bool powerless);
  void Suspend(Duration span);
  // Of its clock, in millionths; for ever, or until the span is over.
  void Drift(int64_t ppm, Duration span);
  // Its state directory: lost, or a copy of another's.
  void LoseState() { sender_ = {}; }
  void CopyState(const AgentHost& other);
  // Something was done to the machine.
  void MachineChanged();

  void OnMessage(Stream* stream, const v1::SchedulerMessage& message) override;
  void OnEnded(Stream* stream) override;

 private:
  // What survives the process.
  struct Sender {
    std::string cluster_id;
    uint64_t store_incarnation = 0;
    uint64_t term = 0;
  };

  // Times of a process are of the machine's clock.
  struct Process {
    Process(const std::string& node, MonoTime now) : reconciler(node, now) {}
    agent::reconcile::Reconciler reconciler;
    agent::reconcile::MachineTruth truth;
    MonoTime next_look;
    MonoTime last_look;
    MonoTime lease_deadline = MonoTime::Never();
    bool decide = true;   // something happened that a decision depends on
    bool report = false;  // something happened that a report depends on

    Stream* stream = nullptr;
    MonoTime next_connect;
    Duration back_off;
    uint64_t attempts = 0;
    MonoTime last_heard;
    uint64_t first_stream = 0;

    bool welcomed = false;
    std::string hello_said;
    Duration heartbeat_interval, report_interval;
    int64_t dead_band_ppm = 0;
    MonoTime next_hello = MonoTime::Never();
    MonoTime next_heartbeat = MonoTime::Never();
    MonoTime next_telemetry = MonoTime::Never();
    MonoTime say_meters = MonoTime::Never();
    MonoTime report_due = MonoTime::Never();
    MonoTime last_report;
    uint64_t report_sequence = 0;
    ReportDigest said;
    v1::Telemetry said_telemetry;
    uint64_t telemetry_sequence = 0;
    bool telemetry_unchanged = false;
  };

  MonoTime AgentNow() const { return clock_.At(stage_.events.instant()); }
  bool Awake() const { return process_.has_value() && stage_.events.instant() >= suspended_until_; }
  void Begin();
  void Step();
  void Arm();
  void ArmMachine();

  void Connect(MonoTime now);
  void Disconnected(MonoTime now);
  void Hear(Stream* stream, const v1::SchedulerMessage& message);
  void Receive(MonoTime now, const v1::SchedulerMessage& message);
  bool Follow(const v1::SchedulerMessage& message);
  void TakeWelcome(MonoTime now, const v1::Welcome& welcome);
  void TakeRefusal(MonoTime now, const v1::Refusal& refusal);

  void Look(MonoTime now);
  void Misremember();
  void Reconcile(MonoTime now);
  void Execute(std::vector<agent::reconcile::Action> actions);

  v1::NodeHello Hello() const;
  Up Message() const;
  void SayHello(MonoTime now);
  void SayHeartbeat(MonoTime now);
  void SayReport(MonoTime now);
  void SayTelemetry(MonoTime now);
  void SendTelemetry(MonoTime now, bool with_meters);

  Stage& stage_;
  Network& network_;
  Directory& directory_;
  Meters* const meters_;
  const std::unique_ptr<Machine> machine_;
  const uint32_t link_;

  AgentClock clock_;
  int drifts_ = 0;
  Sender sender_;
  std::optional<std::string> copied_incarnation_;
  agent::reconcile::MachineTruth memory_;  // what the last process saw: only a broken agent believes it

  std::optional<Process> process_;
  uint64_t processes_ = 0;  // started or planned so far
  int version_ = 1;
  Instant suspended_until_ = 0;
  struct Waiting {
    Stream* stream;
    std::optional<v1::SchedulerMessage> message;  // nothing: the stream ended
  };
  std::vector<Waiting> inbox_;  // came while it was suspended

  Instant armed_ = kNoInstant;
  Instant machine_armed_ = kNoInstant;
};

}  // namespace switchyard::simulation

#endif  // SWITCHYARD_SIMULATION_WORLD_AGENT_HOST_H_
