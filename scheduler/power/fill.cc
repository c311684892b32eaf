#include "scheduler/power/fill.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <utility>

#include "scheduler/power/fill_crossing.h"

namespace switchyard::power {
namespace {

// How many of `most` devices can each rise by `rise` on top of `watts`, within `available` of every budget of the
// chain.
int32_t DevicesThatFit(const Chain& chain, const std::vector<Power>& available, Power watts, Power rise, int32_t most) {
  int32_t fit = most;
  for (const Edge& edge : chain) {
    if (edge.coefficient.count() == 0) continue;
    const Power room = available[edge.budget];
    if (room <= Power()) return 0;
    // An estimate from the unrounded product, at most one device too high: the loop makes it exact.
    const Power device_room = UnscaleDown(room, edge.coefficient);
    fit = static_cast<int32_t>(std::min<int64_t>(fit, device_room / rise + 1));
    const Power before = ScaleUp(watts, edge.coefficient);
    while (fit > 0 && ScaleUp(watts + rise * fit, edge.coefficient) - before > room) --fit;
    if (fit == 0) return 0;
  }
  return fit;
}

// Targets on their way up, and what they leave in each budget.
class Climb {
 public:
  Climb(const std::vector<FillUnit>& units, const std::vector<Chain>& chains, std::vector<Power> available)
      : units_(units), chains_(chains), available_(std::move(available)), targets_(units.size()) {
    for (uint32_t u = 0; u < units.size(); ++u) {
      targets_[u].devices_at.assign(units[u].steps.size(), 0);
      targets_[u].watts = units[u].off_watts * units[u].devices;
      Take(u, Power(), targets_[u].watts);
    }
  }

  // Up to `most` devices take this step, those that are on the one before it. REQUIRES: they fit.
  void Raise(const FillItem& item, int32_t devices) {
    if (devices == 0) return;
    FillTarget& target = targets_[item.unit];
    const Power watts = target.watts + item.rise * devices;
    Take(item.unit, target.watts, watts);
    target.watts = watts;
    target.devices_at[item.step] += devices;
    if (item.step > 0) target.devices_at[item.step - 1] -= devices;
    worth_ += static_cast<__int128>(item.rise.count()) * devices * item.value;
  }

  // All that fits, item by item. False: a budget has kept something from rising.
  bool RaiseInOrder(const std::vector<FillItem>& items) {
    bool all = true;
    for (const FillItem& item : items) {
      const FillUnit& unit = units_[item.unit];
      const FillTarget& target = targets_[item.unit];
      const auto on = [&] { return std::accumulate(target.devices_at.begin(), target.devices_at.end(), 0); };
      int32_t most = item.step == 0 ? unit.devices - on() : target.devices_at[item.step - 1];
      most = static_cast<int32_t>(std::min<int64_t>(most, std::max(Power(), unit.most - target.watts) / item.rise));
      if (most == 0) continue;
      const int32_t fit = DevicesThatFit(chains_[unit.chain], available_, target.watts, item.rise, most);
      all = all && fit == most;
      Raise(item, fit);
    }
    return all;
  }

  const std::vector<Power>& available() const { return available_; }
  __int128 worth() const { return worth_; }
  std::vector<FillTarget> Targets() && { return std::move(targets_); }

 private:
  void Take(uint32_t unit, Power from, Power to) {
    for (const Edge& edge : chains_[units_[unit].chain])
      available_[edge.budget] -= ScaleUp(to, edge.coefficient) - ScaleUp(from, edge.coefficient);
  }

  const std::vector<FillUnit>& units_;
  const std::vector<Chain>& chains_;
  std::vector<Power> available_;
  std::vector<FillTarget> targets_;
  __int128 worth_ = 0;  // micro-USD x mW / MWh
};

// Every step that pays, the most valuable first. A unit's steps do not rise in value, and a tie within it is broken by
// the step: no step comes before its predecessor.
std::vector<FillItem> Items(const std::vector<FillUnit>& units) {
  std::vector<FillItem> items;
  for (uint32_t u = 0; u < units.size(); ++u) {
    const FillUnit& unit = units[u];
    Power below = unit.off_watts;
    Power left = unit.most - unit.off_watts * unit.devices;
    int32_t devices = unit.devices;
    for (uint32_t s = 0; s < unit.steps.size() && unit.steps[s].value > 0; ++s) {
      const Power rise = unit.steps[s].watts - below;
      if (rise <= Power()) break;
      devices = static_cast<int32_t>(std::min<int64_t>(devices, std::max(Power(), left) / rise));
      items.push_back({unit.steps[s].value, unit.order, u, s, unit.chain, devices, rise});
      left -= rise * devices;
      below = unit.steps[s].watts;
    }
  }
  std::sort(items.begin(), items.end(), [](const FillItem& a, const FillItem& b) {
    if (a.value != b.value) return a.value > b.value;
    if (a.order != b.order) return a.order < b.order;
    return a.unit != b.unit ? a.unit < b.unit : a.step < b.step;
  });
  return items;
}

}  // namespace

std::vector<FillTarget> Fill(const std::vector<FillUnit>& units, const std::vector<Chain>& chains,
                             std::vector<Power> available) {
  const std::vector<FillItem> items = Items(units);
  Climb off(units, chains, std::move(available));
  Climb greedy = off;
  if (greedy.RaiseInOrder(items)) return std::move(greedy).Targets();
  const std::optional<CrossingDivision> division = DivideCrossing(items, chains, off.available());
  if (!division.has_value()) return std::move(greedy).Targets();
  Climb priced = std::move(off);
  for (size_t i = 0; i < items.size(); ++i) priced.Raise(items[i], division->devices[i]);
  priced.RaiseInOrder(items);  // what rounding down to whole devices has left over
  const bool worse = !division->best && priced.worth() < greedy.worth();
  return std::move(worse ? greedy : priced).Targets();
}

}  // namespace switchyard::power
