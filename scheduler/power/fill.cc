#include "scheduler/power/fill.h"

#include <algorithm>

namespace switchyard::power {
namespace {

struct Candidate {
  int64_t value;
  uint64_t order;
  uint32_t unit;
  uint32_t step;
};

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

void Take(const Chain& chain, std::vector<Power>& available, Power from, Power to) {
  for (const Edge& edge : chain)
    available[edge.budget] -= ScaleUp(to, edge.coefficient) - ScaleUp(from, edge.coefficient);
}

}  // namespace

std::vector<FillTarget> Fill(const std::vector<FillUnit>& units, const std::vector<Chain>& chains,
                             std::vector<Power> available) {
  std::vector<FillTarget> targets(units.size());
  std::vector<Candidate> candidates;
  for (uint32_t u = 0; u < units.size(); ++u) {
    const FillUnit& unit = units[u];
    targets[u].devices_at.assign(unit.steps.size(), 0);
    targets[u].watts = unit.off_watts * unit.devices;
    Take(chains[unit.chain], available, Power(), targets[u].watts);
    for (uint32_t s = 0; s < unit.steps.size(); ++s) {
      if (unit.steps[s].value > 0) candidates.push_back({unit.steps[s].value, unit.order, u, s});
    }
  }
  // A unit's steps do not rise in value, and a tie within it is broken by the step: no step comes before its
  // predecessor.
  std::sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
    if (a.value != b.value) return a.value > b.value;
    if (a.order != b.order) return a.order < b.order;
    return a.unit != b.unit ? a.unit < b.unit : a.step < b.step;
  });
  for (const Candidate& candidate : candidates) {
    const FillUnit& unit = units[candidate.unit];
    FillTarget& target = targets[candidate.unit];
    const Power below = candidate.step == 0 ? unit.off_watts : unit.steps[candidate.step - 1].watts;
    const Power rise = unit.steps[candidate.step].watts - below;
    const int32_t most = candidate.step == 0 ? unit.devices : target.devices_at[candidate.step - 1];
    if (rise <= Power() || most == 0) continue;
    int32_t devices = DevicesThatFit(chains[unit.chain], available, target.watts, rise, most);
    if (unit.most < target.watts + rise * devices) {
      devices = static_cast<int32_t>(std::max(Power(), unit.most - target.watts) / rise);
    }
    if (devices == 0) continue;
    const Power watts = target.watts + rise * devices;
    Take(chains[unit.chain], available, target.watts, watts);
    target.watts = watts;
    target.devices_at[candidate.step] += devices;
    if (candidate.step > 0) target.devices_at[candidate.step - 1] -= devices;
  }
  return targets;
}

}  // namespace switchyard::power
