#include "scheduler/placement/rank_memo.h"

#include <algorithm>
#include <optional>

#include "common/check.h"
#include "scheduler/placement/node_fit.h"

namespace switchyard::placement {

NodeRank RankNode(const Demand& demand, const NodeView& node, bool allow_reclaim) {
  if (NodeShortfall(demand, node, allow_reclaim)) return {};
  const std::optional<DeviceChoice> choice = RankDevices(demand, node, allow_reclaim);
  SWITCHYARD_CHECK(choice.has_value()) << "node " << node.id << " was let through without the devices";
  return {.fits = true, .needs_yield = choice->needs_yield, .leftover = choice->leftover};
}

const NodeRank& RankMemo::Ranks::Of(const NodeView& node, size_t position) {
  Known& known = known_.at(position);
  if (!known.ranked || known.bookings != node.bookings.count)
    known = {.ranked = true, .bookings = node.bookings.count, .rank = RankNode(demand_, node, allow_reclaim_)};
  return known.rank;
}

RankMemo::Ranks& RankMemo::For(const Demand& demand, bool allow_reclaim, size_t nodes) {
  const auto known = std::find_if(ranks_.begin(), ranks_.end(),
                                  [&](const Ranks& ranks) { return ranks.AreFor(demand, allow_reclaim); });
  if (known != ranks_.end()) return *known;
  if (ranks_.size() == kDemands) ranks_.pop_back();
  return ranks_.emplace_front(demand, allow_reclaim, nodes);
}

}  // namespace switchyard::placement
