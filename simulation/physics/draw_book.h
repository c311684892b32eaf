// The true draw of everything, as sums of straight lines. Devices write their segments; the book keeps, per device
// group and per budget, value and slope, and stops at each breakpoint, so that a maximum is found exactly and nothing
// is sampled.
//
// It is the judge's own: caps and coefficients come from the configuration (reach.h), never from the scheduler's
// ledger.
//
// Numbers: a line's value and slope are integers of 2^-20 mW, slopes rounded down; a budget's are those times parts per
// million. Sums are exact, nothing drifts, and what the book says is never above the truth: a line that falls short of
// its end by the rounding of its slope steps there by less than a milliwatt a quarter of an hour.
#ifndef SWITCHYARD_SIMULATION_PHYSICS_DRAW_BOOK_H_
#define SWITCHYARD_SIMULATION_PHYSICS_DRAW_BOOK_H_

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "common/units.h"
#include "simulation/physics/reach.h"
#include "switchyard/v1/configuration.pb.h"

namespace switchyard::simulation {

// From `start` to `end` a straight line from `from` to `to`; after `end` it stays at `to`. An empty span is a step to
// `to`.
struct DrawSegment {
  MonoTime start, end;
  Power from, to;
};

// After the last segment: half a period at its `to`, half a period at `low`, and so on. No half period: it stays at
// `to`.
struct DrawWave {
  Power low;
  Duration half;
};

class DrawBook {
 public:
  static constexpr size_t kMaxSegments = 3;
  using LineId = uint32_t;

  // Called at each breakpoint at which a budget's draw was at a local maximum and above `watch` of it (what the checker
  // asked for).
  using Peak = std::function<void(MonoTime at, uint32_t budget, Power draw)>;

  // Budgets, chains and coefficients by the configuration. Load again after a reload; draws go on, what was watched is
  // forgotten.
  void Load(const v1::ClusterConfiguration& configuration);

  // The line of a device: group "" is the node's platform (index 0) and its tasks without devices (index 1). A number
  // for Follow, the same for the same names.
  LineId Line(const std::string& node, const std::string& group, int index);

  // A line begins at `now`: it now follows these segments (at most 3, ascending), then the wave, and nothing that it
  // was told before.
  void Follow(MonoTime now, LineId line, std::span<const DrawSegment> segments, DrawWave wave = {});
  void Follow(MonoTime now, const std::string& node, const std::string& group, int index,
              const std::vector<DrawSegment>& segments);

  // Peaks of a budget above `watch` are told from now on. The checker sets it to the ledger's sum as that changes.
  void Watch(uint32_t budget, Power watch);
  void OnPeak(Peak peak);

  // How long a budget may stay above a draw: told once for each time that it stayed longer.
  struct Level {
    Power above;
    Duration most;
  };
  using Trip = std::function<void(MonoTime at, uint32_t budget, const Level& level, MonoTime since)>;
  static constexpr size_t kMaxLevels = 3;
  void SetLevels(uint32_t budget, std::span<const Level> levels);  // rising; at most three
  void OnTrip(Trip trip);

  // Walks all breakpoints up to `now`.
  void Advance(MonoTime now);
  // Looks at watches and levels of all budgets as they are at the last Advance: a draw that only rises or stays has no
  // breakpoint of its own.
  void Sweep();
  MonoTime NextBreakpoint() const;

  Power Draw(uint32_t budget, MonoTime now) const;  // with site overhead at a meter, as the world has it
  Power DrawOf(const std::string& node, const std::string& group) const;  // at the last Advance
  const std::vector<std::string>& budgets() const { return names_; }      // "<site>/<id>" by index
  const ReachMap& reach() const { return reach_; }
  int64_t loads() const { return loads_; }  // how often Load was called: each forgets what was watched
  MonoTime now() const { return MonoTime(now_); }

  // An injected fault that may excuse watts: at most `most` above what the ledger counts in every budget above the
  // node, from `from` to `until`. A checker that uses one counts it; watts above the ledger without one are a failure.
  struct Allowance {
    std::string node;
    std::string cause;  // a FaultKind's name
    Power most;
    MonoTime from, until;
  };
  size_t Allow(Allowance allowance);                // its index in allowances()
  void EndAllowance(size_t index, MonoTime until);  // it excuses nothing after that
  const std::vector<Allowance>& allowances() const { return allowances_; }

 private:
  using Wide = __int128;

  struct Knot {
    int64_t at, value, slope;
  };
  struct LineState {
    std::string node, group;
    const Reach* reach = nullptr;
    std::array<Knot, 2 * kMaxSegments> knots;
    uint8_t next = 0, count = 0;
    int64_t at = 0, value = 0, slope = 0;
    int64_t high = 0, low = 0, half = 0, wave_at = 0;  // the wave's next step
    bool wave_low = false;                             // goes to
    uint32_t generation = 0;
  };
  struct LevelState {
    Level level;
    Wide threshold = 0;
    int64_t since = -1;
    bool told = false;
  };
  struct BudgetState {
    int64_t at = 0;
    Wide value = 0, slope = 0;
    Power base;
    Wide watch = 0;
    bool watched = false;
    std::array<LevelState, kMaxLevels> levels;
    uint8_t level_count = 0;
  };
  struct Event {
    int64_t at;
    uint32_t line, generation;
    bool operator<(const Event& other) const {  // of a heap: the earliest on top
      return at != other.at ? at > other.at : line > other.line;
    }
  };
  struct Late {
    int64_t at;
    uint32_t budget;
    Wide value, slope;
  };

  void Schedule(uint32_t line);
  void Step(int64_t at, uint32_t line);
  void Bend(int64_t at, LineState& line, int64_t value, int64_t slope);
  void Change(int64_t at, uint32_t budget, Wide value, Wide slope);
  void Settle(int64_t at, uint32_t budget);
  void LookAt(int64_t at, uint32_t budget);
  void WalkLevels(BudgetState& budget, uint32_t index, int64_t from, Wide before, int64_t to, Wide after);
  void TellIfLong(LevelState& level, uint32_t budget, int64_t until);
  Power ToPower(const BudgetState& budget, Wide value) const;
  Wide Threshold(const BudgetState& budget, Power above) const;

  ReachMap reach_;
  int64_t loads_ = 0;
  std::vector<std::string> names_;
  std::vector<LineState> lines_;
  std::map<std::pair<std::string, std::string>, std::vector<LineId>> lines_of_;  // by node and group; by index
  std::vector<BudgetState> budgets_;
  std::vector<Event> events_;  // a heap
  std::deque<Late> late_;      // overhead that follows; ascending, for one lag holds for all sites (the shortest)
  int64_t late_by_ = 0;
  int64_t now_ = 0;
  Peak peak_;
  Trip trip_;
  std::vector<Allowance> allowances_;
};

}  // namespace switchyard::simulation

#endif  // SWITCHYARD_SIMULATION_PHYSICS_DRAW_BOOK_H_
