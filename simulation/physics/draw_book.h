// The true draw of everything, as sums of straight lines. Devices write their segments; the book keeps, per device group and per
// budget, value and slope, and stops at each breakpoint, so that a maximum is found exactly and nothing is sampled.
//
// It is the judge's own: caps and coefficients come from the configuration, never from the scheduler's ledger.
#ifndef SWITCHYARD_SIMULATION_PHYSICS_DRAW_BOOK_H_
#define SWITCHYARD_SIMULATION_PHYSICS_DRAW_BOOK_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "common/units.h"
#include "switchyard/v1/configuration.pb.h"

namespace switchyard::simulation {

// From `start` to `end` a straight line from `from` to `to`; after `end` it stays at `to`.
struct DrawSegment {
  MonoTime start, end;
  Power from, to;
};

class DrawBook {
 public:
  // Called at each breakpoint at which a budget's draw was at a local maximum and above `watch` of it (what the checker asked for).
  using Peak = std::function<void(MonoTime at, uint32_t budget, Power draw)>;

  // Budgets, chains and coefficients by the configuration. Load again after a reload; draws go on.
  void Load(const v1::ClusterConfiguration& configuration);

  // A line of the node's platform (group "") or device group begins at `now`: device `index` of it now follows these segments
  // (at most 3, ascending), and nothing that it was told before.
  void Follow(MonoTime now, const std::string& node, const std::string& group, int index, const std::vector<DrawSegment>& segments);

  // Peaks of a budget above `watch` are told from now on. The checker sets it to the ledger's sum as that changes.
  void Watch(uint32_t budget, Power watch);
  void OnPeak(Peak peak);

  // Walks all breakpoints up to `now`.
  void Advance(MonoTime now);
  MonoTime NextBreakpoint() const;

  Power Draw(uint32_t budget, MonoTime now) const;                 // with site overhead at a meter, as the world has it
  Power DrawOf(const std::string& node, const std::string& group) const;  // at the last Advance
  const std::vector<std::string>& budgets() const;                 // "<site>/<id>" by index

  // An injected fault that may excuse watts: at most `most` above what the ledger counts in every budget above the node, from `from`
  // to `until`. A checker that uses one counts it; watts above the ledger without one are a failure.
  struct Allowance {
    std::string node;
    std::string cause;      // a FaultKind's name
    Power most;
    MonoTime from, until;
  };
  void Allow(Allowance allowance);
  const std::vector<Allowance>& allowances() const;
};

}  // namespace switchyard::simulation

#endif  // SWITCHYARD_SIMULATION_PHYSICS_DRAW_BOOK_H_
