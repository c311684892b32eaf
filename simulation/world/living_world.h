// The whole of one run: the store, every scheduler process that ever was, the agents on their machines, the clones, the
// clients, and the deeds of the script at their moments.
#ifndef SWITCHYARD_SIMULATION_WORLD_LIVING_WORLD_H_
#define SWITCHYARD_SIMULATION_WORLD_LIVING_WORLD_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "simulation/world/agent_host.h"
#include "simulation/world/clients.h"
#include "simulation/world/meters.h"
#include "simulation/world/network.h"
#include "simulation/world/scheduler_process.h"
#include "simulation/world/stage.h"
#include "simulation/world/virtual_store.h"

namespace switchyard::simulation {

class LivingWorld final : private Directory {
 public:
  explicit LivingWorld(Stage* stage);

  // Everything up to the script's end, or to the first violation.
  absl::Status Live();

  // The newest leader that is not dead; nothing: none is.
  SchedulerProcess* leader();
  const std::vector<std::unique_ptr<SchedulerProcess>>& leaders() const { return leaders_; }
  AgentHost* FindHost(const std::string& node);

 private:
  // living_world.cc
  UpperEnd* FindFor(uint32_t link, uint64_t attempt) override;
  SchedulerProcess* FindLeader(uint64_t draw);
  void StartLeader();
  void StartLeaderAfter(Duration span);
  void Configured(const v1::ClusterConfiguration& configuration);
  void Submitted(const v1::SubmitRequest& request, const v1::SubmitResponse& response);
  std::unique_ptr<Machine> MakeMachine(const v1::ClusterConfiguration& configuration, const v1::Node& node,
                                       uint64_t salt, bool wired);
  void AddHost(const v1::ClusterConfiguration& configuration, const v1::Node& node);
  void PlanDeeds();

  // deeds.cc
  void Do(const Deed& deed);
  void Strike(const Deed& deed);
  void StrikeMessages(const Deed& deed);
  void StrikeScheduler(const Deed& deed);
  void StrikeAgent(const Deed& deed);
  void StrikeDevice(const Deed& deed);
  void Clone(AgentHost* host, const Deed& deed);
  void LosePower(AgentHost* host, Duration span);
  void LoseFeed(const Deed& deed);
  void Depose(const Deed& deed);

  Stage& stage_;
  Network network_;
  Meters meters_;
  Clients clients_;
  VirtualStore store_;
  std::map<const Deed*, VirtualStore::Copy> copies_;  // for the backups that the script will restore
  v1::ClusterConfiguration file_;                     // of the operators, as it stands now
  std::string in_force_;                              // serialised: as the world was built last
  std::vector<std::unique_ptr<SchedulerProcess>> leaders_;
  std::map<std::string, std::unique_ptr<AgentHost>> hosts_;  // by node
  std::vector<std::unique_ptr<AgentHost>> clones_;
  std::map<uint64_t, Clients::Run> runs_;  // by job
  v1::ClusterConfiguration built_;         // that the hosts were made from
  uint64_t starts_ = 0;                    // of schedulers, planned so far
};

}  // namespace switchyard::simulation

#endif  // SWITCHYARD_SIMULATION_WORLD_LIVING_WORLD_H_
