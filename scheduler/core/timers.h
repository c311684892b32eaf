// When the core wants to be called though nothing happened. Lazy: each entity has at most one armed time; a handler
// that finds nothing due arms it again. There is no periodic tick.
#ifndef SWITCHYARD_SCHEDULER_CORE_TIMERS_H_
#define SWITCHYARD_SCHEDULER_CORE_TIMERS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "common/units.h"

namespace switchyard::core {

enum class TimerKind : int { kRound = 0, kOverhead = 1, kNode = 2, kAllocation = 3, kJob = 4, kPlan = 5 };

class Timers {
 public:
  // Calls back at `at` or earlier. A later time than the armed one changes nothing: the handler will look again then.
  void Arm(TimerKind kind, uint64_t id, MonoTime at) {
    if (at == MonoTime::Never()) return;
    const auto [it, inserted] = armed_.try_emplace({kind, id}, at);
    if (!inserted) {
      if (it->second <= at) return;
      due_.erase({it->second, kind, id});
      it->second = at;
    }
    due_.insert({at, kind, id});
  }

  // The earliest timer that is due, disarmed; nothing when none is.
  std::optional<std::pair<TimerKind, uint64_t>> PopDue(MonoTime now) {
    if (due_.empty() || std::get<0>(*due_.begin()) > now) return std::nullopt;
    const auto [at, kind, id] = *due_.begin();
    due_.erase(due_.begin());
    armed_.erase({kind, id});
    return std::make_pair(kind, id);
  }

  MonoTime Next() const { return due_.empty() ? MonoTime::Never() : std::get<0>(*due_.begin()); }

 private:
  std::map<std::pair<TimerKind, uint64_t>, MonoTime> armed_;
  std::set<std::tuple<MonoTime, TimerKind, uint64_t>> due_;
};

}  // namespace switchyard::core

#endif  // SWITCHYARD_SCHEDULER_CORE_TIMERS_H_
