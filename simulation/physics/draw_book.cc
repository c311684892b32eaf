#include "simulation/physics/draw_book.h"

#include <algorithm>

#include "common/check.h"

namespace switchyard::simulation {
namespace {

constexpr int64_t kFraction = int64_t{1} << 20;
constexpr __int128 kScale = static_cast<__int128>(kFraction) * 1'000'000;
// The chillers of this world need eight tenths of the time that they are given.
constexpr int64_t kOverheadLagTenths = 8;

int64_t FloorDivide(__int128 a, int64_t b) {
  const __int128 quotient = a / b;
  return static_cast<int64_t>(a % b != 0 && a < 0 ? quotient - 1 : quotient);
}

int64_t Fixed(Power power) { return power.count() * kFraction; }

int64_t SlopeOf(const DrawSegment& segment) {
  const int64_t span = (segment.end - segment.start).count();
  return FloorDivide(static_cast<__int128>((segment.to - segment.from).count()) * kFraction, span);
}

}  // namespace

void DrawBook::Load(const v1::ClusterConfiguration& configuration) {
  reach_ = ReachMap(configuration);
  ++loads_;
  names_.clear();
  budgets_.assign(reach_.budgets().size(), BudgetState());
  late_.clear();
  late_by_ = -1;
  for (size_t b = 0; b < budgets_.size(); ++b) {
    const ReachedBudget& reached = reach_.budgets()[b];
    names_.push_back(reached.id);
    budgets_[b].base = reached.base;
    budgets_[b].at = now_;
    if (reached.kind != v1::METER) continue;
    const int64_t lag = reached.overhead_lag.count() * kOverheadLagTenths / 10;
    late_by_ = late_by_ < 0 ? lag : std::min(late_by_, lag);
  }
  // What overhead had not followed yet counts as arrived; what rises or falls from now on it follows later, as ever.
  for (LineState& line : lines_) {
    line.reach = &reach_.Of(line.node, line.group);
    const int64_t value = line.value + line.slope * (now_ - line.at);
    for (const ReachEdge& edge : *line.reach) {
      BudgetState& budget = budgets_[edge.budget];
      budget.value += static_cast<Wide>(value) * (edge.ppm + edge.overhead_ppm);
      budget.slope += static_cast<Wide>(line.slope) * edge.ppm;
      const Wide late_slope = static_cast<Wide>(line.slope) * edge.overhead_ppm;
      if (late_by_ <= 0)
        budget.slope += late_slope;
      else if (late_slope != 0)
        late_.push_back({now_ + late_by_, edge.budget, 0, late_slope});
    }
  }
}

DrawBook::LineId DrawBook::Line(const std::string& node, const std::string& group, int index) {
  std::vector<LineId>& lines = lines_of_[{node, group}];
  while (lines.size() <= static_cast<size_t>(index)) {
    lines.push_back(static_cast<LineId>(lines_.size()));
    LineState& line = lines_.emplace_back();
    line.node = node;
    line.group = group;
    line.reach = &reach_.Of(node, group);
    line.at = now_;
  }
  return lines[static_cast<size_t>(index)];
}

void DrawBook::Follow(MonoTime now, const std::string& node, const std::string& group, int index,
                      const std::vector<DrawSegment>& segments) {
  Follow(now, Line(node, group, index), segments);
}

void DrawBook::Follow(MonoTime now, LineId id, std::span<const DrawSegment> segments, DrawWave wave) {
  SWITCHYARD_CHECK(!segments.empty() && segments.size() <= kMaxSegments) << segments.size();
  Advance(now);
  LineState& line = lines_[id];
  ++line.generation;
  line.next = line.count = 0;
  for (size_t i = 0; i < segments.size(); ++i) {
    const DrawSegment& segment = segments[i];
    const int64_t start = std::max(segment.start, now).milliseconds();
    if (segment.start < segment.end) line.knots[line.count++] = {start, Fixed(segment.from), SlopeOf(segment)};
    const bool joined = i + 1 < segments.size() && segments[i + 1].start == segment.end;
    if (!joined || segment.start >= segment.end) {
      line.knots[line.count++] = {std::max(segment.end, now).milliseconds(), Fixed(segment.to), 0};
    }
  }
  line.half = wave.half.count();
  line.high = Fixed(segments.back().to);
  line.low = Fixed(wave.low);
  line.wave_low = true;
  line.wave_at = line.knots[line.count - 1].at + line.half;
  while (line.next < line.count && line.knots[line.next].at <= now.milliseconds()) {
    const Knot& knot = line.knots[line.next++];
    // The next one at the same moment speaks for both.
    if (line.next < line.count && line.knots[line.next].at <= now.milliseconds()) continue;
    Bend(now.milliseconds(), line, knot.value, knot.slope);
  }
  Schedule(id);
}

void DrawBook::Schedule(uint32_t id) {
  const LineState& line = lines_[id];
  int64_t at = 0;
  if (line.next < line.count)
    at = line.knots[line.next].at;
  else if (line.half > 0)
    at = line.wave_at;
  else
    return;
  events_.push_back({at, id, line.generation});
  std::push_heap(events_.begin(), events_.end());
}

void DrawBook::Step(int64_t at, uint32_t id) {
  LineState& line = lines_[id];
  if (line.next < line.count) {
    const Knot& knot = line.knots[line.next++];
    Bend(at, line, knot.value, knot.slope);
  } else {
    Bend(at, line, line.wave_low ? line.low : line.high, 0);
    line.wave_low = !line.wave_low;
    line.wave_at += line.half;
  }
  Schedule(id);
}

// From `at` on the line has another value and slope, and everything above it feels the difference.
void DrawBook::Bend(int64_t at, LineState& line, int64_t value, int64_t slope) {
  const int64_t up = value - (line.value + line.slope * (at - line.at));
  const int64_t steeper = slope - line.slope;
  line.at = at;
  line.value = value;
  line.slope = slope;
  if (up == 0 && steeper == 0) return;
  for (const ReachEdge& edge : *line.reach) {
    Change(at, edge.budget, static_cast<Wide>(up) * edge.ppm, static_cast<Wide>(steeper) * edge.ppm);
    if (edge.overhead_ppm == 0) continue;
    const Wide late_up = static_cast<Wide>(up) * edge.overhead_ppm;
    const Wide late_slope = static_cast<Wide>(steeper) * edge.overhead_ppm;
    if (late_by_ <= 0)
      Change(at, edge.budget, late_up, late_slope);
    else
      late_.push_back({at + late_by_, edge.budget, late_up, late_slope});
  }
}

void DrawBook::Change(int64_t at, uint32_t budget, Wide value, Wide slope) {
  Settle(at, budget);
  BudgetState& state = budgets_[budget];
  state.value += value;
  state.slope += slope;
  LookAt(at, budget);
}

// Brings a budget up to `at`. Its line was straight until then, so that looking at both ends misses nothing.
void DrawBook::Settle(int64_t at, uint32_t index) {
  BudgetState& budget = budgets_[index];
  if (at == budget.at) return;
  const Wide before = budget.value;
  budget.value += budget.slope * (at - budget.at);
  if (budget.level_count > 0) WalkLevels(budget, index, budget.at, before, at, budget.value);
  budget.at = at;
  if (budget.watched && budget.value >= budget.watch && peak_)
    peak_(MonoTime(at), index, ToPower(budget, budget.value));
}

// After a step.
void DrawBook::LookAt(int64_t at, uint32_t index) {
  BudgetState& budget = budgets_[index];
  for (size_t i = 0; i < budget.level_count; ++i) {
    LevelState& level = budget.levels[i];
    const bool above = budget.value >= level.threshold;
    if (above && level.since < 0) level.since = at;
    if (!above) {
      level.since = -1;
      level.told = false;
    }
  }
  if (budget.watched && budget.value >= budget.watch && peak_)
    peak_(MonoTime(at), index, ToPower(budget, budget.value));
}

void DrawBook::WalkLevels(BudgetState& budget, uint32_t index, int64_t from, Wide before, int64_t to, Wide after) {
  if (before < budget.levels[0].threshold && after < budget.levels[0].threshold) return;
  for (size_t i = 0; i < budget.level_count; ++i) {
    LevelState& level = budget.levels[i];
    if (level.since < 0 && after >= level.threshold) {  // it rose through
      const Wide up = level.threshold - before;
      level.since = up <= 0 ? from : from + static_cast<int64_t>((up + budget.slope - 1) / budget.slope);
    }
    if (level.since < 0) continue;
    if (after >= level.threshold) {
      TellIfLong(level, index, to);
      continue;
    }
    TellIfLong(level, index, from + static_cast<int64_t>((before - level.threshold) / -budget.slope));
    level.since = -1;
    level.told = false;
  }
}

void DrawBook::TellIfLong(LevelState& level, uint32_t budget, int64_t until) {
  if (level.told || until - level.since <= level.level.most.count()) return;
  level.told = true;
  if (trip_) trip_(MonoTime(level.since) + level.level.most, budget, level.level, MonoTime(level.since));
}

Power DrawBook::ToPower(const BudgetState& budget, Wide value) const {
  const Wide floor = value >= 0 ? value / kScale : -((-value + kScale - 1) / kScale);
  return budget.base + Power(static_cast<int64_t>(floor));
}

// The first value that is above so much when rounded down.
DrawBook::Wide DrawBook::Threshold(const BudgetState& budget, Power above) const {
  return static_cast<Wide>((above - budget.base).count() + 1) * kScale;
}

void DrawBook::Watch(uint32_t index, Power watch) {
  BudgetState& budget = budgets_[index];
  Settle(now_, index);
  budget.watched = watch < Power::Max();
  if (!budget.watched) return;
  budget.watch = Threshold(budget, watch);
  if (budget.value >= budget.watch && peak_) peak_(MonoTime(now_), index, ToPower(budget, budget.value));
}

void DrawBook::OnPeak(Peak peak) { peak_ = std::move(peak); }

void DrawBook::SetLevels(uint32_t index, std::span<const Level> levels) {
  SWITCHYARD_CHECK(levels.size() <= kMaxLevels) << levels.size();
  BudgetState& budget = budgets_[index];
  Settle(now_, index);
  budget.level_count = 0;
  for (const Level& level : levels) {
    LevelState& state = budget.levels[budget.level_count++];
    state = {.level = level, .threshold = Threshold(budget, level.above)};
    if (budget.value >= state.threshold) state.since = now_;
  }
}

void DrawBook::OnTrip(Trip trip) { trip_ = std::move(trip); }

void DrawBook::Advance(MonoTime now) {
  const int64_t until = now.milliseconds();
  for (;;) {
    const bool late = !late_.empty() && late_.front().at <= until;
    const bool event = !events_.empty() && events_.front().at <= until;
    if (!late && !event) break;
    if (late && (!event || late_.front().at <= events_.front().at)) {
      const Late change = late_.front();
      late_.pop_front();
      now_ = std::max(now_, change.at);
      Change(change.at, change.budget, change.value, change.slope);
      continue;
    }
    const Event next = events_.front();
    std::pop_heap(events_.begin(), events_.end());
    events_.pop_back();
    if (next.generation != lines_[next.line].generation) continue;
    now_ = std::max(now_, next.at);
    Step(next.at, next.line);
  }
  now_ = std::max(now_, until);
}

void DrawBook::Sweep() {
  for (uint32_t b = 0; b < static_cast<uint32_t>(budgets_.size()); ++b) Settle(now_, b);
}

MonoTime DrawBook::NextBreakpoint() const {
  int64_t next = MonoTime::Never().milliseconds();
  if (!late_.empty()) next = late_.front().at;
  if (!events_.empty()) next = std::min(next, events_.front().at);
  return MonoTime(next);
}

Power DrawBook::Draw(uint32_t index, MonoTime now) const {
  const BudgetState& budget = budgets_[index];
  return ToPower(budget, budget.value + budget.slope * (now.milliseconds() - budget.at));
}

Power DrawBook::DrawOf(const std::string& node, const std::string& group) const {
  const auto found = lines_of_.find({node, group});
  int64_t sum = 0;
  if (found != lines_of_.end()) {
    for (const LineId id : found->second) sum += lines_[id].value + lines_[id].slope * (now_ - lines_[id].at);
  }
  return Power(FloorDivide(sum, kFraction));
}

size_t DrawBook::Allow(Allowance allowance) {
  allowances_.push_back(std::move(allowance));
  return allowances_.size() - 1;
}

void DrawBook::EndAllowance(size_t index, MonoTime until) {
  allowances_[index].until = std::min(allowances_[index].until, until);
}

}  // namespace switchyard::simulation
