// G: no user instruction of an attempt runs before all members of the gang are prepared and the release is durable;
// attempt n + 1 begins only when every member of n is gone or fenced. Looked at where it counts: at the first
// instruction, on the machine.
#ifndef SWITCHYARD_SIMULATION_CHECKERS_GANGS_H_
#define SWITCHYARD_SIMULATION_CHECKERS_GANGS_H_

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "simulation/checkers/checker.h"

namespace switchyard::simulation {

class Gangs final : public Checker {
 public:
  Gangs() : Checker("g") {}

  void OnPrepared(MonoTime now, const std::string& node, const v1::DesiredAllocation& order) override;
  void OnInstruction(MonoTime now, const std::string& node, const v1::DesiredAllocation& order) override;
  void OnGone(MonoTime now, const std::string& node, uint64_t allocation, uint32_t epoch) override;
  void OnStart(MonoTime now, Leader leader, const core::State& state) override;
  void OnDurable(MonoTime now, Leader leader, uint64_t sequence, const std::vector<core::Row>& rows) override;
  void OnFault(MonoTime now, const Deed& deed) override;

 private:
  struct GangJob {
    bool released = false;
    int32_t attempt = 0;
  };
  struct Member {
    uint64_t job = 0;
    int32_t attempt = 0;
  };
  struct Live {
    std::string node;
    uint64_t job = 0;
    int32_t attempt = 0;
    bool runs = false;
    int era = 0;
  };

  void NoteJob(uint64_t id, const store::v1::JobRow& row);
  void CheckMembers(MonoTime now, const v1::DesiredAllocation& order, const GangJob& job);

  std::map<uint64_t, GangJob> jobs_;                       // as durable
  std::map<uint64_t, Member> members_;                     // as durable
  std::map<std::pair<std::string, uint64_t>, Live> live_;  // by node and allocation: on the machines
  std::set<std::pair<uint64_t, uint32_t>> ever_prepared_;  // allocation and epoch, in this era
  std::map<std::string, MonoTime> asleep_until_;
  std::set<std::string> cloned_;
  int era_ = 0;  // rises with a store that lost history: what ran before it is nobody's attempt any more
  bool restore_is_older_ = false;
  Leader newest_ = 0;
};

}  // namespace switchyard::simulation

#endif  // SWITCHYARD_SIMULATION_CHECKERS_GANGS_H_
