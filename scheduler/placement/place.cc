#include "scheduler/placement/place.h"

#include <algorithm>
#include <functional>
#include <queue>
#include <set>
#include <tuple>
#include <utility>

#include "common/check.h"
#include "scheduler/placement/demand.h"
#include "scheduler/placement/gang.h"
#include "scheduler/placement/node_fit.h"

namespace switchyard::placement {
namespace {

// The failure domain of a node, in words that no other domain has. Names hold no '|'.
std::string DomainOf(Domain domain, const NodeView& node) {
  if (domain == Domain::kRack) return node.site + "|rack|" + node.rack;
  if (domain == Domain::kSwitch && !node.switch_name.empty()) return node.site + "|switch|" + node.switch_name;
  return node.id;
}

// The tasks of one group that need a place, and the domains that tasks of the group already hold.
struct Group {
  Demand demand;
  std::vector<int32_t> indices;        // of the tasks
  std::set<std::string> spread_taken;  // domains of spread_over in use by the group
  std::set<std::string> packed_into;   // domains of pack_into in use by the group
};

// A node for the next task of a group; the least is taken.
struct Candidate {
  bool needs_yield;
  int64_t leftover;       // of its devices, after the task
  int64_t hashing_value;  // that its hashing earns
  size_t node;            // position: sorted by index, so that ties go to the lower one

  auto Key() const { return std::tie(needs_yield, leftover, hashing_value, node); }
  bool operator>(const Candidate& other) const { return Key() > other.Key(); }
};
using Candidates = std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>>;

// How far one try for a group came, and why no further.
struct Attempt {
  size_t unplaced = 0;
  bool spread_blocked = false;          // a node had room, but a domain that the group already uses
  std::optional<Shortfall> power = {};  // the nearest refusal of the oracle
};

// Of two refusals the one nearer to a start: the later constraint, then the smaller amount.
bool Nearer(const Shortfall& a, const Shortfall& b) {
  if (a.constraint != b.constraint) return a.constraint > b.constraint;
  return a.amount < b.amount;
}

std::optional<Candidate> CandidateOf(const Gang& gang, size_t node, RankMemo::Ranks& ranks) {
  const NodeView& view = gang.nodes()[node];
  const NodeRank& rank = ranks.Of(view, node);
  if (!rank.fits) return std::nullopt;
  return Candidate{rank.needs_yield, rank.leftover, view.hashing_value, node};
}

Candidates CandidatesOf(const Gang& gang, const std::vector<size_t>& nodes, RankMemo::Ranks& ranks) {
  std::vector<Candidate> candidates;
  candidates.reserve(nodes.size());
  for (const size_t node : nodes) {
    if (const std::optional<Candidate> candidate = CandidateOf(gang, node, ranks)) candidates.push_back(*candidate);
  }
  return Candidates(std::greater<>(), std::move(candidates));
}

// Places the tasks of a group on the given nodes, best node first. All tasks of a group ask for the same, so a node
// that refuses one refuses every later one, and only the node that took a task has to be looked at anew.
Attempt PlaceOn(const std::vector<size_t>& nodes, const Group& group, Gang& gang) {
  RankMemo::Ranks& ranks = gang.RanksFor(group.demand);
  Candidates candidates = CandidatesOf(gang, nodes, ranks);
  const bool spread = group.demand.spread_over != Domain::kNone;
  std::set<std::string> taken = group.spread_taken;
  Attempt attempt{.unplaced = group.indices.size()};
  while (attempt.unplaced > 0 && !candidates.empty()) {
    const size_t node = candidates.top().node;
    candidates.pop();
    const std::string domain = spread ? DomainOf(group.demand.spread_over, gang.nodes()[node]) : std::string();
    if (spread && taken.contains(domain)) {
      attempt.spread_blocked = true;
      continue;
    }
    if (!gang.Add(group.demand, group.indices[group.indices.size() - attempt.unplaced], node)) {
      Shortfall why = gang.WhyNoPower();
      if (!attempt.power || Nearer(why, *attempt.power)) attempt.power = std::move(why);
      continue;
    }
    --attempt.unplaced;
    if (spread) taken.insert(domain);
    if (const std::optional<Candidate> again = CandidateOf(gang, node, ranks)) candidates.push(*again);
  }
  return attempt;
}

// The one true reason why a group found no place; the gang still carries what was placed.
Shortfall Explain(const Attempt& attempt, const Group& group, const Gang& gang) {
  Shortfall shortfall;
  const std::map<Constraint, Rejection> rejected = RejectedNodes(group.demand, gang.nodes(), gang.allow_reclaim());
  if (attempt.power) {
    shortfall = *attempt.power;
  } else if (attempt.spread_blocked) {
    shortfall = {Constraint::kSpread, static_cast<int64_t>(attempt.unplaced), group.demand.group, {}};
  } else if (gang.size() > 0) {
    shortfall = {Constraint::kGang, static_cast<int64_t>(attempt.unplaced), group.demand.group, {}};
  } else if (!rejected.empty()) {
    // The last constraint of the table excludes the nodes that come nearest.
    const auto& [constraint, rejection] = *rejected.rbegin();
    shortfall = {constraint, rejection.shortfall, rejection.example, {}};
  } else {
    shortfall = {Constraint::kNodeState, 1, "", {}};  // there are no nodes at all
  }
  for (const auto& [constraint, rejection] : rejected) shortfall.rejected_nodes[constraint] = rejection.nodes;
  return shortfall;
}

// One domain that might hold a whole group.
struct PackDomain {
  std::string name;
  std::vector<size_t> nodes;
  int64_t free_capacity = 0;  // tasks that fit without a yield
  int64_t capacity = 0;       // tasks that fit

  // The order of the tries: domains that need no yield, then the tightest, then by name.
  bool Before(const PackDomain& other, int64_t tasks) const {
    const bool yields = free_capacity < tasks, other_yields = other.free_capacity < tasks;
    if (yields != other_yields) return !yields;
    if (capacity != other.capacity) return capacity < other.capacity;
    return name < other.name;
  }
};

std::vector<PackDomain> PackDomains(const Group& group, const Gang& gang) {
  std::map<std::string, PackDomain> by_name;
  constexpr int32_t kNoLimit = 1 << 20;  // more tasks than a group may have
  for (size_t node = 0; node < gang.nodes().size(); ++node) {
    const NodeView& view = gang.nodes()[node];
    const std::string name = DomainOf(group.demand.pack_into, view);
    if (!group.packed_into.empty() && !group.packed_into.contains(name)) continue;
    PackDomain& domain = by_name[name];
    domain.name = name;
    domain.nodes.push_back(node);
    const int32_t free_capacity = TaskCapacity(group.demand, view, false, kNoLimit);
    domain.free_capacity += free_capacity;
    domain.capacity += gang.allow_reclaim() ? TaskCapacity(group.demand, view, true, kNoLimit) : free_capacity;
  }
  std::vector<PackDomain> domains;
  for (auto& [name, domain] : by_name) domains.push_back(std::move(domain));
  const auto tasks = static_cast<int64_t>(group.indices.size());
  std::sort(domains.begin(), domains.end(),
            [&](const PackDomain& a, const PackDomain& b) { return a.Before(b, tasks); });
  return domains;
}

// Places the group inside one domain: the first, in order of fit, that takes all of it.
std::optional<Shortfall> PlacePacked(const Group& group, Gang& gang) {
  const size_t before = gang.size();
  const size_t tasks = group.indices.size();
  size_t fewest_unplaced = tasks;
  std::optional<Shortfall> nearest;  // of a domain that has the devices but not the watts or the spread
  for (const PackDomain& domain : PackDomains(group, gang)) {
    if (domain.capacity < static_cast<int64_t>(tasks)) {
      fewest_unplaced = std::min(fewest_unplaced, tasks - static_cast<size_t>(domain.capacity));
      continue;
    }
    const Attempt attempt = PlaceOn(domain.nodes, group, gang);
    if (attempt.unplaced == 0) return std::nullopt;
    Shortfall why = Explain(attempt, group, gang);
    if (!nearest || Nearer(why, *nearest)) nearest = std::move(why);
    gang.UndoTo(before);
  }
  if (nearest) return nearest;
  Shortfall shortfall = Explain(Attempt{.unplaced = tasks}, group, gang);
  if (fewest_unplaced < tasks) {
    shortfall.constraint = Constraint::kPack;
    shortfall.amount = static_cast<int64_t>(fewest_unplaced);
    shortfall.subject = group.demand.group;
  }
  return shortfall;
}

std::optional<Shortfall> PlaceGroup(const Group& group, Gang& gang) {
  if (group.demand.pack_into != Domain::kNone) return PlacePacked(group, gang);
  std::vector<size_t> all(gang.nodes().size());
  for (size_t node = 0; node < all.size(); ++node) all[node] = node;
  const Attempt attempt = PlaceOn(all, group, gang);
  if (attempt.unplaced == 0) return std::nullopt;
  return Explain(attempt, group, gang);
}

// Marks the domains that tasks of the group hold already.
void AddHeld(const std::vector<HeldTask>& held, const std::vector<NodeView>& nodes, Group& group) {
  for (const HeldTask& task : held) {
    if (task.group != group.demand.group) continue;
    const auto node = std::lower_bound(nodes.begin(), nodes.end(), task.node,
                                       [](const NodeView& view, uint32_t index) { return view.index < index; });
    if (node == nodes.end() || node->index != task.node) continue;  // on a node that the caller does not offer
    if (group.demand.spread_over != Domain::kNone) group.spread_taken.insert(DomainOf(group.demand.spread_over, *node));
    if (group.demand.pack_into != Domain::kNone) group.packed_into.insert(DomainOf(group.demand.pack_into, *node));
  }
}

// The groups that have tasks to place, the hardest to place first: packed ones, then those with more devices a task.
std::vector<Group> MakeGroups(const v1::JobSpec& job, const std::vector<TaskToPlace>& tasks,
                              const std::vector<NodeView>& nodes, const std::vector<HeldTask>& held) {
  std::vector<Group> groups;
  size_t found = 0;
  for (const v1::TaskGroup& spec : job.groups()) {
    Group group;
    for (const TaskToPlace& task : tasks) {
      if (task.group == spec.name()) group.indices.push_back(task.index);
    }
    if (group.indices.empty()) continue;
    found += group.indices.size();
    group.demand = MakeDemand(job, spec);
    AddHeld(held, nodes, group);
    groups.push_back(std::move(group));
  }
  SWITCHYARD_CHECK(found == tasks.size())
      << "job " << job.name() << " has groups for " << found << " of " << tasks.size() << " tasks";
  const auto hardness = [](const Group& group) {
    return std::make_tuple(group.demand.pack_into != Domain::kNone, group.demand.devices, group.demand.share_milli);
  };
  std::stable_sort(groups.begin(), groups.end(),
                   [&](const Group& a, const Group& b) { return hardness(a) > hardness(b); });
  return groups;
}

// The placements of the gang in the order in which the caller named the tasks.
std::vector<TaskPlacement> InOrder(const Gang& gang, const std::vector<TaskToPlace>& tasks) {
  std::map<std::pair<std::string, int32_t>, size_t> position;
  for (size_t i = 0; i < gang.size(); ++i) position[{gang.placement(i).group, gang.placement(i).index}] = i;
  SWITCHYARD_CHECK(position.size() == tasks.size()) << "a task was named twice";
  std::vector<TaskPlacement> placements;
  placements.reserve(tasks.size());
  for (const TaskToPlace& task : tasks) placements.push_back(gang.placement(position.at({task.group, task.index})));
  return placements;
}

}  // namespace

PlaceResult PlaceGang(const v1::JobSpec& job, const std::vector<TaskToPlace>& tasks, std::vector<NodeView>& nodes,
                      PowerOracle& power, bool allow_reclaim, const std::vector<HeldTask>& held,
                      RankMemo* memo) {
  const std::vector<Group> groups = MakeGroups(job, tasks, nodes, held);
  RankMemo of_this_gang;
  Gang gang(nodes, power, allow_reclaim, memo != nullptr ? *memo : of_this_gang);
  for (const Group& group : groups) {
    std::optional<Shortfall> shortfall = PlaceGroup(group, gang);
    if (!shortfall) continue;
    gang.UndoTo(0);
    return PlaceResult{{}, std::move(shortfall)};
  }
  return PlaceResult{InOrder(gang, tasks), std::nullopt};
}

}  // namespace switchyard::placement
