// How each node ranks for a demand, remembered from job to job: a queue is mostly jobs of few shapes, and a start changes
// one node. Without it every node is compared for every job.
//
// Promises: ranks are exactly those of NodeShortfall and RankDevices, as long as the node views are changed by Take and
// Release alone; whoever changes them otherwise makes a new memo. One memo is of one vector of views.
#ifndef SWITCHYARD_SCHEDULER_PLACEMENT_RANK_MEMO_H_
#define SWITCHYARD_SCHEDULER_PLACEMENT_RANK_MEMO_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "scheduler/placement/demand.h"
#include "scheduler/placement/node_view.h"

namespace switchyard::placement {

// What a node would make of one task of a demand.
struct NodeRank {
  bool fits = false;
  bool needs_yield = false;
  int64_t leftover = 0;  // of its devices, after the task
};

// REQUIRES: what lets the demand in also has the devices for it, which the table of constraints promises.
NodeRank RankNode(const Demand& demand, const NodeView& node, bool allow_reclaim);

class RankMemo {
 public:
  // The ranks of one demand, by position of the node.
  class Ranks {
   public:
    Ranks(const Demand& demand, bool allow_reclaim, size_t nodes)
        : demand_(demand), allow_reclaim_(allow_reclaim), known_(nodes) {}

    const NodeRank& Of(const NodeView& node, size_t position);
    bool AreFor(const Demand& demand, bool allow_reclaim) const {
      return allow_reclaim_ == allow_reclaim && demand_ == demand;
    }

   private:
    struct Known {
      bool ranked = false;
      uint64_t bookings = 0;  // of the view, when it was ranked
      NodeRank rank;
    };

    Demand demand_;
    bool allow_reclaim_;
    std::vector<Known> known_;
  };

  // Valid until the next call.
  Ranks& For(const Demand& demand, bool allow_reclaim, size_t nodes);

 private:
  static constexpr size_t kDemands = 8;  // the latest ones

  std::deque<Ranks> ranks_;  // the newest first
};

}  // namespace switchyard::placement

#endif  // SWITCHYARD_SCHEDULER_PLACEMENT_RANK_MEMO_H_
