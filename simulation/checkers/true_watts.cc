#include "simulation/checkers/true_watts.h"

#include <algorithm>
#include <array>

#include "fmt/format.h"

namespace switchyard::simulation {
namespace {

// A thermal-magnetic breaker carries 125 % of its rating for a minute and 200 % for two seconds (IEC 60898-1 and UL 489
// allow more: conventional tripping within an hour at 145 %, within a minute at 255 %). Half of that is what may be
// used here.
constexpr int64_t kLongPercent = 125, kShortPercent = 200;
constexpr Duration kLong = Seconds(30), kShort = Seconds(1);
// Overhead that was released leaves the watch lower only when it is looked at.
constexpr Duration kRefreshEvery = Seconds(1);
// A cap that fell leaves the breaker as it is; by then everything that could be shed was.
constexpr Duration kFallenCap = Minutes(2);
// Until the true machine of a cloned name has been heard again.
constexpr Duration kAfterClone = Minutes(2);

}  // namespace

void TrueWatts::OnBegin(DrawBook* draws) {
  draws_ = draws;
  draws_->OnPeak([this](MonoTime at, uint32_t budget, Power draw) { Peak(at, budget, draw); });
  draws_->OnTrip([this](MonoTime at, uint32_t budget, const DrawBook::Level& level, MonoTime since) {
    Trip(at, budget, level, since);
  });
}

void TrueWatts::Take(const core::State& state, Snapshot* snapshot) const {
  const uint32_t budgets = state.ledger.budgets();
  snapshot->sums.resize(budgets);
  snapshot->caps.resize(budgets);
  snapshot->charges.resize(budgets);
  for (uint32_t b = 0; b < budgets; ++b) {
    snapshot->sums[b] = state.ledger.Sum(b);
    snapshot->charges[b] = state.ledger.Charged(b);
    snapshot->caps[b] = state.ledger.limit(b).cap;
  }
}

void TrueWatts::OnStart(MonoTime now, Leader leader, const core::State& state) {
  if (leader < newest_) return;
  newest_ = leader;
  state_ = &state;
  flying_.clear();
  if (restore_is_older_) {
    forgot_ = restore_cause_;
    for (const auto& [node, until] : cloned_until_) {
      if (now < until) muddled_until_[node] = until + kAfterClone;
    }
  }
  restore_is_older_ = false;
  Snapshot restored;
  Take(state, &restored);
  Apply(now, restored);
}

void TrueWatts::Decided(MonoTime now, Leader leader, const core::Stamp& stamp, const std::vector<store::v1::Command>&,
                        const core::Effects& effects, const core::State& state) {
  if (leader != newest_) return;
  state_ = &state;
  if (!forgot_.empty()) {
    // Until every node was heard, and for as long as overhead of what came before may follow.
    const auto unknown = [](const core::Node& node) { return !node.heard && !node.lost; };
    if (std::any_of(state_->nodes.begin(), state_->nodes.end(), unknown)) {
      Duration lag;
      for (const ReachedBudget& reached : draws_->reach().budgets()) lag = std::max(lag, reached.overhead_lag);
      forgot_until_ = now + lag;
    } else if (now >= forgot_until_) {
      forgot_.clear();
    }
  }
  Snapshot snapshot;
  snapshot.sequence = stamp.sequence;
  Take(*state_, &snapshot);
  const bool same = flying_.empty() && snapshot.sums == sums_ && snapshot.caps == caps_;
  if (same) {
    if (now >= refreshed_ + kRefreshEvery) Refresh(now);
    return;
  }
  // What makes no row is in force when nothing before it is still on its way to the disk.
  if (effects.rows.empty() && flying_.empty())
    Apply(now, snapshot);
  else
    flying_.push_back(std::move(snapshot));
}

void TrueWatts::OnDurable(MonoTime now, Leader leader, uint64_t sequence, const std::vector<core::Row>&) {
  if (leader != newest_) return;
  const Snapshot* last = nullptr;
  for (const Snapshot& snapshot : flying_) {
    if (snapshot.sequence <= sequence) last = &snapshot;
  }
  if (last == nullptr) {
    if (loads_ != draws_->loads()) Refresh(now);
    return;
  }
  const Snapshot durable = *last;
  while (!flying_.empty() && flying_.front().sequence <= sequence) flying_.pop_front();
  Apply(now, durable);
}

void TrueWatts::Apply(MonoTime now, const Snapshot& snapshot) {
  draws_->Advance(now);
  const std::vector<ReachedBudget>& reached = draws_->reach().budgets();
  if (snapshot.sums.size() != reached.size()) return;  // of a configuration that is not yet in force
  if (sums_.size() != snapshot.sums.size()) {
    held_.Clear();
    excepted_until_.assign(snapshot.sums.size(), MonoTime());
  } else {
    for (uint32_t b = 0; b < reached.size(); ++b) {
      held_.Note(now, b, reached[b], charges_[b], snapshot.charges[b]);
      if (snapshot.caps[b] < caps_[b]) excepted_until_[b] = now + kFallenCap;
    }
  }
  const bool caps_changed = caps_ != snapshot.caps;
  sums_ = snapshot.sums;
  charges_ = snapshot.charges;
  caps_ = snapshot.caps;
  if (caps_changed) watches_.clear();
  Refresh(now);
}

// A configuration that came into force made the book forget its watches: they are set anew.
void TrueWatts::Refresh(MonoTime now) {
  refreshed_ = now;
  draws_->Advance(now);
  const std::vector<ReachedBudget>& reached = draws_->reach().budgets();
  if (sums_.size() != reached.size()) return;
  const bool all = watches_.size() != sums_.size() || loads_ != draws_->loads();
  loads_ = draws_->loads();
  watches_.resize(sums_.size(), Power());
  for (uint32_t b = 0; b < sums_.size(); ++b) {
    const Power watch = sums_[b] + held_.Held(now, b);
    if (all) {
      const std::array<DrawBook::Level, 3> levels = {DrawBook::Level{caps_[b], kLong},
                                                     DrawBook::Level{caps_[b] / 100 * kLongPercent, kShort},
                                                     DrawBook::Level{caps_[b] / 100 * kShortPercent, Duration()}};
      draws_->SetLevels(b, levels);
    }
    if (!all && watch == watches_[b]) continue;
    watches_[b] = watch;
    draws_->Watch(b, watch);
  }
}

void TrueWatts::OnDead(MonoTime, Leader leader) {
  if (leader != newest_) return;
  state_ = nullptr;
  flying_.clear();
}

void TrueWatts::OnFault(MonoTime now, const Deed& deed) {
  if (deed.fault == FaultKind::kClonedAgent) cloned_until_[deed.subject] = now + deed.span;
  if (deed.fault != FaultKind::kOlderBackup && deed.fault != FaultKind::kEmptyStore) return;
  restore_is_older_ = true;
  restore_cause_ = Name(deed.fault);
}

Power TrueWatts::ReachOf(const std::string& node, uint32_t budget, Power watts) const {
  int64_t most = 0;
  const auto look = [&](const std::string& group) {
    for (const ReachEdge& edge : draws_->reach().Of(node, group)) {
      if (edge.budget == budget) most = std::max(most, edge.ppm + edge.overhead_ppm);
    }
  };
  look("");
  if (state_ != nullptr) {
    const auto found = state_->node_index.find(node);
    if (found != state_->node_index.end()) {
      for (const core::Group& group : state_->nodes[found->second].groups) look(group.name);
    }
  }
  return ScaleUp(watts, PartsPerMillion(most));
}

Power TrueWatts::Excused(MonoTime at, uint32_t budget, std::set<std::string>* causes) const {
  Power sum;
  for (const DrawBook::Allowance& allowance : draws_->allowances()) {
    // Overhead follows later, and so does its excuse.
    const MonoTime until = allowance.until == MonoTime::Never()
                               ? allowance.until
                               : allowance.until + draws_->reach().budgets()[budget].overhead_lag;
    if (at < allowance.from || at > until) continue;
    const Power excused = ReachOf(allowance.node, budget, allowance.most);
    if (excused <= Power()) continue;
    causes->insert(allowance.cause);
    sum += excused;
  }
  if (state_ == nullptr) return sum;
  // An operator declared it lost, and its power came back: what it draws is the operator's word against the world's. Or
  // a store without history took a clone's word for it.
  for (const uint32_t n : state_->budgets[budget].nodes) {
    const core::Node& node = state_->nodes[n];
    const auto muddled = muddled_until_.find(node.id);
    const bool cloned = muddled != muddled_until_.end() && at < muddled->second;
    if (!node.lost && !cloned) continue;
    Power drawn = draws_->DrawOf(node.id, "");
    for (const core::Group& group : node.groups) drawn += draws_->DrawOf(node.id, group.name);
    if (drawn <= Power()) continue;
    causes->insert(Name(node.lost ? FaultKind::kOperatorWord : FaultKind::kClonedAgent));
    sum += ReachOf(node.id, budget, drawn);
  }
  return sum;
}

void TrueWatts::Note(const std::string& cause, Power excess) {
  Used& used = used_[cause];
  ++used.times;
  used.most = std::max(used.most, excess);
}

void TrueWatts::Peak(MonoTime at, uint32_t budget, Power draw) {
  if (failed() || budget >= watches_.size()) return;
  const Power excess = draw - watches_[budget];
  if (!forgot_.empty()) {
    Note(forgot_, excess);
    return;
  }
  std::set<std::string> causes;
  const Power excused = Excused(at, budget, &causes);
  for (const std::string& cause : causes) Note(cause, excess);
  if (excess <= excused) return;
  Fail(at, fmt::format("budget \"{}\" draws {} mW, {} mW above the durable ledger ({} mW of released overhead with "
                       "it); injected faults excuse {} mW; {}",
                       draws_->budgets()[budget], draw.count(), excess.count(),
                       (watches_[budget] - sums_[budget]).count(), excused.count(), Culprit(budget)));
}

// The device group beneath a budget whose draw stands highest above what its leader charges for it, for whoever reads
// the verdict.
std::string TrueWatts::Culprit(uint32_t budget) const {
  if (state_ == nullptr || budget >= state_->budgets.size()) return "no leader lives";
  Power worst = Power(-1'000'000'000'000);
  std::string text = "nothing draws";
  for (const uint32_t n : state_->budgets[budget].nodes) {
    const core::Node& node = state_->nodes[n];
    for (int g = -1; g < static_cast<int>(node.groups.size()); ++g) {
      const std::string name = g < 0 ? std::string() : node.groups[static_cast<size_t>(g)].name;
      Power charged = g < 0 ? node.platform_charged : node.groups[static_cast<size_t>(g)].charged;
      std::string held;
      for (const uint64_t id : node.allocations) {
        const core::Allocation& allocation = state_->allocations.at(id);
        if (allocation.group != g) continue;
        charged += allocation.charged;
        held += fmt::format(" {}:{}", id, allocation.charged.count());
      }
      for (auto it = state_->orphans.lower_bound({n, 0}); it != state_->orphans.end() && it->first.first == n; ++it) {
        if (it->second.group == g) charged += it->second.charged;
      }
      const Power draw = draws_->DrawOf(node.id, name);
      if (draw - charged <= worst) continue;
      worst = draw - charged;
      text =
          fmt::format("\"{}\" {} draws {} mW and is charged {} mW (allocations{})", node.id,
                      name.empty() ? "platform" : name, draw.count(), charged.count(), held.empty() ? " none" : held);
    }
  }
  return text;
}

void TrueWatts::Trip(MonoTime at, uint32_t budget, const DrawBook::Level& level, MonoTime since) {
  if (failed() || budget >= excepted_until_.size() || since < excepted_until_[budget] || !forgot_.empty() ||
      state_ == nullptr)
    return;
  // In commissioning the racks may be as hot as they were found, until each was heard and ordered down.
  for (const uint32_t n : state_->budgets[budget].nodes) {
    const core::Node& node = state_->nodes[n];
    if (!node.reported && !node.admitted && !node.lost) return;
  }
  if (at < MonoTime() + kFallenCap) return;
  Fail(at, fmt::format("budget \"{}\" drew more than {} for longer than {} ms, half of what its breaker bears",
                       draws_->budgets()[budget], InWatts(level.above), level.most.count()));
}

void TrueWatts::OnEnd(MonoTime now, const core::State&, bool) {
  draws_->Advance(now);
  draws_->Sweep();
}

}  // namespace switchyard::simulation
