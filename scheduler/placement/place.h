// The where: all tasks of a gang onto nodes and devices, or none of them.
//
// Promises: deterministic; on failure the nodes and the oracle are as they were before; on success both carry the gang.
// The search is greedy: it does not undo a placed task to make room for a later one of the same gang, so that a gang
// that only fits after a reshuffle among its own groups is told that it does not fit.
#ifndef SWITCHYARD_SCHEDULER_PLACEMENT_PLACE_H_
#define SWITCHYARD_SCHEDULER_PLACEMENT_PLACE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "scheduler/placement/constraint.h"
#include "scheduler/placement/node_view.h"
#include "scheduler/placement/rank_memo.h"
#include "switchyard/v1/job.pb.h"

namespace switchyard::placement {

struct TaskToPlace {
  std::string group;
  int32_t index = 0;
};

// A task of the same job that already has its place: it counts for spread_over and pack_into.
struct HeldTask {
  std::string group;
  uint32_t node = 0;  // NodeView::index
};

struct TaskPlacement {
  std::string group;
  int32_t index = 0;
  uint32_t node = 0;             // NodeView::index
  int32_t device_group = -1;     // -1: none
  std::vector<int32_t> devices;  // indices within the group, rising
  int32_t share_milli = 0;       // of each device: 1,000 for whole ones, 0 without devices
  bool needs_yield = false;      // a device is held by hashing or by a lower priority
};

// What keeps a gang from its place.
struct Shortfall {
  Constraint constraint = Constraint::kNone;
  int64_t amount = 0;                        // in the constraint's unit
  std::string subject;                       // the budget, node, tenant or task group that binds
  std::map<Constraint, int> rejected_nodes;  // for one task, when it was tried
};

// The watts of a placement, lent by the core for one round. Headroom must only shrink with each Charge: a placement
// that was refused is not offered again while later tasks of the same group are placed.
class PowerOracle {
 public:
  virtual ~PowerOracle() = default;
  // Charges the placement in every budget that it touches. False, and nothing charged, if it does not fit.
  virtual bool Charge(const TaskPlacement& placement) = 0;
  // What the last refused Charge lacked.
  virtual Shortfall Why() const = 0;
  // A point that Rollback returns to, undoing every Charge since.
  virtual size_t Mark() const = 0;
  virtual void Rollback(size_t mark) = 0;
};

struct PlaceResult {
  std::vector<TaskPlacement> placements;  // in the order of the tasks; empty when there is a shortfall
  std::optional<Shortfall> shortfall;
};

// Places every task or none. Prefers, in this order: no yield, the tightest fit of devices, the least hashing value on
// the node, the lower node index. Tasks without devices prefer nodes with the fewest free GPUs. With allow_reclaim,
// devices that a yield would free may be used. Offer every node, also those that are not available: `held` tasks are
// looked for among them.
// With a memo, what it knows of these nodes is not worked out again.
// REQUIRES: nodes sorted by index; each task's group is in the job.
PlaceResult PlaceGang(const v1::JobSpec& job, const std::vector<TaskToPlace>& tasks, std::vector<NodeView>& nodes,
                      PowerOracle& power, bool allow_reclaim, const std::vector<HeldTask>& held = {},
                      RankMemo* memo = nullptr);

}  // namespace switchyard::placement

#endif  // SWITCHYARD_SCHEDULER_PLACEMENT_PLACE_H_
