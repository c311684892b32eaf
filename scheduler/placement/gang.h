// A gang while it is being placed: what has been booked so far on nodes and budgets, and the way back.
//
// Promises: UndoTo returns nodes and oracle to exactly what they were when the gang had that size.
#ifndef SWITCHYARD_SCHEDULER_PLACEMENT_GANG_H_
#define SWITCHYARD_SCHEDULER_PLACEMENT_GANG_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "scheduler/placement/demand.h"
#include "scheduler/placement/node_view.h"
#include "scheduler/placement/place.h"
#include "scheduler/placement/rank_memo.h"

namespace switchyard::placement {

class Gang {
 public:
  Gang(std::vector<NodeView>& nodes, PowerOracle& power, bool allow_reclaim, RankMemo& memo)
      : nodes_(nodes), power_(power), allow_reclaim_(allow_reclaim), memo_(memo) {}
  Gang(const Gang&) = delete;
  Gang& operator=(const Gang&) = delete;

  // Books one task on a node, in devices and watts. False, and nothing booked, if the watts do not fit: WhyNoPower says
  // why.
  // REQUIRES: NodeShortfall lets it in; `demand` outlives the gang.
  bool Add(const Demand& demand, int32_t task_index, size_t node);
  void UndoTo(size_t size);
  size_t size() const { return members_.size(); }
  // The placement that was added as the i-th.
  const TaskPlacement& placement(size_t i) const { return members_[i].placement; }

  Shortfall WhyNoPower() const { return power_.Why(); }
  const std::vector<NodeView>& nodes() const { return nodes_; }
  bool allow_reclaim() const { return allow_reclaim_; }
  RankMemo::Ranks& RanksFor(const Demand& demand) { return memo_.For(demand, allow_reclaim_, nodes_.size()); }

 private:
  struct Member {
    const Demand* demand;
    size_t node;  // position in nodes_
    size_t mark;  // of the oracle, before this member's charge
    TaskPlacement placement;
  };

  std::vector<NodeView>& nodes_;
  PowerOracle& power_;
  const bool allow_reclaim_;
  RankMemo& memo_;
  std::vector<Member> members_;
};

}  // namespace switchyard::placement

#endif  // SWITCHYARD_SCHEDULER_PLACEMENT_GANG_H_
