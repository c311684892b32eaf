// All observers as one: who does something in the world tells it once.
#ifndef SWITCHYARD_SIMULATION_WORLD_AUDIENCE_H_
#define SWITCHYARD_SIMULATION_WORLD_AUDIENCE_H_

#include <string>
#include <utility>
#include <vector>

#include "simulation/world/observer.h"

namespace switchyard::simulation {

class Audience final : public Observer {
 public:
  explicit Audience(std::vector<Observer*> observers) : observers_(std::move(observers)) {}

  void OnBegin(DrawBook* draws) override;
  void OnInstruction(MonoTime now, const std::string& node, const v1::DesiredAllocation& order) override;
  void OnGone(MonoTime now, const std::string& node, uint64_t allocation, uint32_t epoch) override;
  void OnPrepared(MonoTime now, const std::string& node, const v1::DesiredAllocation& order) override;
  void OnDevices(MonoTime now, const std::string& node, const v1::DesiredAllocation& order) override;
  void OnStart(MonoTime now, Leader leader, const core::State& state) override;
  void OnDecided(MonoTime now, Leader leader, const core::Stamp& stamp, const std::vector<store::v1::Command>& commands,
                 const core::Effects& effects, const core::Core& core) override;
  void OnDurable(MonoTime now, Leader leader, uint64_t sequence, const std::vector<core::Row>& rows) override;
  void OnDead(MonoTime now, Leader leader) override;
  void OnAnswer(MonoTime now, const std::string& key, const store::v1::Command& command,
                const core::Reply& reply) override;
  void OnDown(MonoTime now, const v1::SchedulerMessage& message, bool accepted) override;
  void OnUp(MonoTime now, Leader leader, const v1::AgentMessage& message) override;
  void OnFault(MonoTime now, const Deed& deed) override;
  void OnEnd(MonoTime now, const core::State& state, bool quiet) override;

  // Of the first observer that found a violation. Cheap where nobody was told anything since it was last asked.
  absl::Status verdict() const override;

  int64_t firm_starts() const { return firm_starts_; }

 private:
  template <typename Call>
  void Tell(const Call& call) {
    told_ = true;
    for (Observer* const observer : observers_) call(observer);
  }

  std::vector<Observer*> observers_;
  int64_t firm_starts_ = 0;
  mutable bool told_ = false;
};

}  // namespace switchyard::simulation

#endif  // SWITCHYARD_SIMULATION_WORLD_AUDIENCE_H_
