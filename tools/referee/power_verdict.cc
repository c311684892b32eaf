#include "tools/referee/power_verdict.h"

#include <algorithm>
#include <set>

namespace switchyard::tools::referee {
namespace {

// Sums are kept in billionths of a milliwatt, so that adding and taking away again is exact.
using Exact = __int128;

int64_t RoundUp(Exact value) { return static_cast<int64_t>((value + (kBillion - 1)) / kBillion); }

class Judge {
 public:
  Judge(const SitePlan& plan, int64_t from, int64_t to, int64_t step)
      : plan_(plan), from_(from), step_(step), draws_(plan.loads.size(), -1), said_(plan.loads.size(), -1) {
    verdict_.from_utc_ms = from;
    verdict_.to_utc_ms = to;
    for (const Budget& budget : plan.budgets) {
      sums_.push_back(Exact{budget.base_mw} * kBillion);
      verdict_.budgets.push_back({budget.id, budget.cap_mw});
    }
    for (const Load& load : plan.loads) {
      const auto share = std::find_if(load.shares.begin(), load.shares.end(), [&](const Share& s) { return s.budget == plan.meter; });
      at_meter_.push_back(share == load.shares.end() ? 0 : share->per_billion);
    }
  }

  void Apply(const Draw& draw) {
    int64_t& held = draws_[draw.load];
    const int64_t change = draw.mw - std::max<int64_t>(held, 0);
    held = draw.mw;
    const Load& load = plan_.loads[draw.load];
    for (const Share& share : load.shares) sums_[share.budget] += Exact{change} * share.per_billion;
    parts_[static_cast<size_t>(load.kind)] += Exact{change} * at_meter_[draw.load];
    Hear(draw);
  }

  // The sums as they are hold from `begin` until `end`.
  void Hold(int64_t begin, int64_t end) {
    for (size_t i = 0; i < sums_.size(); ++i) {
      BudgetVerdict& budget = verdict_.budgets[i];
      const int64_t mw = RoundUp(sums_[i]);
      if (mw > budget.worst_mw || budget.worst_utc_ms == 0) {
        budget.worst_mw = mw;
        budget.worst_utc_ms = begin;
      }
      if (mw > budget.cap_mw) budget.above_cap_ms += end - begin;
    }
    for (int64_t at = begin; at < std::max(end, begin + 1);) {
      Remember(at);
      at = from_ + ((at - from_) / step_ + 1) * step_;
    }
  }

  PowerVerdict Finish(int64_t lines) {
    std::set<std::string> unseen;
    for (size_t i = 0; i < draws_.size(); ++i) {
      if (draws_[i] < 0) unseen.insert(plan_.loads[i].node);
      if (said_[i] >= 0) Silence(plan_.loads[i].node, verdict_.to_utc_ms - said_[i]);
    }
    verdict_.nodes_unseen.assign(unseen.begin(), unseen.end());
    verdict_.lines = lines;
    return std::move(verdict_);
  }

 private:
  void Hear(const Draw& draw) {
    int64_t& said = said_[draw.load];
    if (said >= 0 && draw.utc_ms >= from_) Silence(plan_.loads[draw.load].node, draw.utc_ms - std::max(said, from_));
    said = draw.utc_ms;
  }

  void Silence(const std::string& node, int64_t ms) {
    if (ms <= verdict_.longest_silence_ms) return;
    verdict_.longest_silence_ms = ms;
    verdict_.longest_silence_node = node;
  }

  void Remember(int64_t at) {
    const size_t step = static_cast<size_t>((at - from_) / step_);
    const auto part = [&](LoadKind kind) { return RoundUp(parts_[static_cast<size_t>(kind)]); };
    const Budget& meter = plan_.budgets[plan_.meter];
    TimelinePoint point{.utc_ms = from_ + static_cast<int64_t>(step) * step_,
                        .hashing_mw = part(LoadKind::kHashing),
                        .ai_mw = part(LoadKind::kGpu),
                        .cpu_mw = part(LoadKind::kCpu),
                        .other_mw = part(LoadKind::kPlatform) + meter.base_mw,
                        .cap_mw = meter.cap_mw};
    while (verdict_.timeline.size() <= step) verdict_.timeline.push_back(point);
    TimelinePoint& kept = verdict_.timeline[step];
    if (point.total_mw() > kept.total_mw()) kept = point;
  }

  const SitePlan& plan_;
  const int64_t from_, step_;
  std::vector<int64_t> draws_;  // by load; -1: not heard yet
  std::vector<int64_t> said_;   // when each load was written last
  std::vector<int64_t> at_meter_;
  std::vector<Exact> sums_;     // by budget
  Exact parts_[4] = {};         // by kind, as the meter sees them
  PowerVerdict verdict_;
};

}  // namespace

PowerVerdict JudgePower(const SitePlan& plan, const DrawLog& log, int64_t from_utc_ms, int64_t to_utc_ms, int64_t step_ms) {
  Judge judge(plan, from_utc_ms, to_utc_ms, step_ms);
  size_t next = 0;
  while (next < log.draws.size() && log.draws[next].utc_ms <= from_utc_ms) judge.Apply(log.draws[next++]);
  int64_t now = from_utc_ms;
  while (now < to_utc_ms) {
    const int64_t until = next < log.draws.size() ? std::min(log.draws[next].utc_ms, to_utc_ms) : to_utc_ms;
    judge.Hold(now, until);
    // All lines of one moment together: a load that moves from one node to another is not counted twice on its way.
    while (next < log.draws.size() && log.draws[next].utc_ms == until) judge.Apply(log.draws[next++]);
    now = until;
  }
  return judge.Finish(static_cast<int64_t>(next));
}

}  // namespace switchyard::tools::referee
