// Y: a grant rises only into cap - ledger in every budget that it touches, with what is earmarked for others and the
// overhead that is still released taken off; and a bound falls only by a confirmation that says so much, or by the
// expiry of a lease under an enforcer that counts, each of which is a row.
#ifndef SWITCHYARD_SIMULATION_CHECKERS_RAISES_H_
#define SWITCHYARD_SIMULATION_CHECKERS_RAISES_H_

#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "simulation/checkers/checker.h"

namespace switchyard::simulation {

class Raises final : public Checker {
 public:
  Raises() : Checker("y") {}

  void OnBegin(DrawBook* draws) override { draws_ = draws; }
  void OnStart(MonoTime now, Leader leader, const core::State& state) override;
  void Decided(MonoTime now, Leader leader, const core::Stamp& stamp, const std::vector<store::v1::Command>& commands,
               const core::Effects& effects, const core::State& state) override;
  void OnDead(MonoTime, Leader leader) override { leaders_.erase(leader); }
  void OnFault(MonoTime now, const Deed& deed) override;

 private:
  struct Claim {
    uint64_t revision;
    Power watts;
  };
  struct Track {
    Power bound;
    std::vector<std::pair<uint64_t, Power>> orders;  // revision and grant, rising
    std::vector<Claim> claims;                       // what its node said, the newest last
    bool ended = false;                              // its node said so
  };
  using GroupKey = std::pair<uint32_t, int>;
  struct Leading {
    std::map<uint64_t, Track> tracks;
    std::map<GroupKey, Power> charged;  // of a node's group, or its platform (-1): everything
    std::vector<Power> sums;  // of the charges, by budget
    int64_t batches = 0;
  };

  static Power ChargedOf(const core::State& state, GroupKey key);
  void Adopt(const core::State& state, Leading* leading);
  void NoteClaims(const std::vector<store::v1::Command>& commands, const core::State& state, Leading* leading);
  void CheckBound(MonoTime now, const core::State& state, const core::Allocation& allocation, Track* track);
  void CheckRaise(MonoTime now, const core::State& state, GroupKey key, uint64_t allocation, Power rise);
  void CheckRows(MonoTime now, const core::State& state, const Leading& leading);

  DrawBook* draws_ = nullptr;
  std::map<Leader, Leading> leaders_;
  ReleasedOverhead held_;
  Leader newest_ = 0;
  bool emptied_ = false;  // the next leader begins on an empty store, which knows of no overhead to wait for
};

}  // namespace switchyard::simulation

#endif  // SWITCHYARD_SIMULATION_CHECKERS_RAISES_H_
