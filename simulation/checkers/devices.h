// D: the shares of a device never exceed 1,000 thousandths, an exclusive device has one allocation: in the physical
// world, where supervisors hold devices, and in what a leader has decided. What a leader counts as over must be over.
#ifndef SWITCHYARD_SIMULATION_CHECKERS_DEVICES_H_
#define SWITCHYARD_SIMULATION_CHECKERS_DEVICES_H_

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "simulation/checkers/checker.h"

namespace switchyard::simulation {

class Devices final : public Checker {
 public:
  Devices() : Checker("d") {}

  void OnPrepared(MonoTime now, const std::string& node, const v1::DesiredAllocation& order) override;
  void OnInstruction(MonoTime now, const std::string& node, const v1::DesiredAllocation& order) override;
  void OnDevices(MonoTime now, const std::string& node, const v1::DesiredAllocation& order) override;
  void OnGone(MonoTime now, const std::string& node, uint64_t allocation, uint32_t epoch) override;
  void OnStart(MonoTime now, Leader leader, const core::State& state) override;
  void Decided(MonoTime now, Leader leader, const core::Stamp& stamp, const std::vector<store::v1::Command>& commands,
               const core::Effects& effects, const core::State& state) override;
  void OnDurable(MonoTime now, Leader leader, uint64_t sequence, const std::vector<core::Row>& rows) override;
  void OnDead(MonoTime now, Leader leader) override;
  void OnFault(MonoTime now, const Deed& deed) override;

 private:
  using TaskKey = std::pair<std::string, uint64_t>;  // node and allocation: ids of a lost store may be given again
  struct Held {
    uint32_t epoch = 0;
    int share = 1000;
    std::vector<std::string> devices;
    bool running = false;
    bool firm = false;
  };

  void Hold(MonoTime now, const std::string& node, const v1::DesiredAllocation& order);
  void LetGo(const TaskKey& key);

  std::map<TaskKey, Held> held_;
  std::map<std::string, std::map<TaskKey, int>> shares_;  // by device
  std::map<uint64_t, std::string> node_of_;               // of the newest leader's allocations
  std::map<std::string, MonoTime> asleep_until_;
  std::set<std::string> cloned_;
  Leader newest_ = 0;
  const core::State* state_ = nullptr;
};

}  // namespace switchyard::simulation

#endif  // SWITCHYARD_SIMULATION_CHECKERS_DEVICES_H_
