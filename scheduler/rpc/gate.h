// What the gate's services share, and the gate's ear at the engine: committed rows go to the read model, orders and
// session effects to the agents' streams. Replies go straight to the call that waits for them.
#ifndef SWITCHYARD_SCHEDULER_RPC_GATE_H_
#define SWITCHYARD_SCHEDULER_RPC_GATE_H_

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/platform/clock.h"
#include "common/platform/tls.h"
#include "scheduler/engine/engine.h"
#include "scheduler/rpc/agent_sessions.h"
#include "scheduler/rpc/command_port.h"
#include "scheduler/rpc/metrics.h"
#include "scheduler/rpc/principal.h"
#include "scheduler/rpc/read_model.h"
#include "scheduler/rpc/stream_quota.h"

namespace switchyard::rpc {

class Gate final : public engine::EffectSink {
 public:
  // `engine` and `clock` must outlive it. `authority` signs agents' certificates; without one nobody can enrol.
  Gate(CommandPort* engine, const platform::Clock* clock, Identity identity,
       std::optional<platform::CertificateAuthority> authority)
      : engine_(*engine),
        clock_(*clock),
        authority_(std::move(authority)),
        agents_(engine, clock, &metrics_, std::move(identity)) {
    metrics_.AddGauge("switchyard_store_revision", "Newest durable batch",
                      [this] { return static_cast<double>(reads_.published()); });
    metrics_.AddGauge("switchyard_read_model_lag_batches", "Durable batches that readers do not see yet", [this] {
      return static_cast<double>(reads_.published()) - static_cast<double>(reads_.applied());
    });
  }

  void OnRows(uint64_t sequence, std::vector<core::Row> rows) override { reads_.Publish(sequence, std::move(rows)); }
  void OnReasons(uint64_t sequence, std::vector<core::ReasonChange> reasons) override {
    reads_.PublishReasons(sequence, std::move(reasons));
  }
  void OnOrders(uint64_t, std::vector<core::NodeOrder> orders) override { agents_.DeliverOrders(std::move(orders)); }
  void OnSessions(uint64_t, std::vector<core::SessionEffect> effects) override {
    agents_.DeliverEffects(std::move(effects));
  }

  CommandPort& engine() { return engine_; }
  const platform::Clock& clock() const { return clock_; }
  const std::optional<platform::CertificateAuthority>& authority() const { return authority_; }
  Metrics& metrics() { return metrics_; }
  ReadModel& reads() { return reads_; }
  StreamQuota& streams() { return streams_; }
  AgentSessions& agents() { return agents_; }

 private:
  CommandPort& engine_;
  const platform::Clock& clock_;
  const std::optional<platform::CertificateAuthority> authority_;
  Metrics metrics_;
  ReadModel reads_;
  StreamQuota streams_;
  AgentSessions agents_;
};

}  // namespace switchyard::rpc

#endif  // SWITCHYARD_SCHEDULER_RPC_GATE_H_
