// True time, and what is to happen in it. There is no tick: time jumps from one event to the next. Events of one moment
// happen in the order in which they were planned, so that a run is the same every time.
#ifndef SWITCHYARD_SIMULATION_WORLD_EVENT_QUEUE_H_
#define SWITCHYARD_SIMULATION_WORLD_EVENT_QUEUE_H_

#include <cstdint>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "common/units.h"

namespace switchyard::simulation {

// Microseconds of true time since the run began: finer than the milliseconds of which everybody in the run knows, so
// that messages of one millisecond have an order.
using Instant = int64_t;
inline constexpr Instant kNoInstant = INT64_MAX;

constexpr Instant InstantOf(MonoTime time) {
  return time == MonoTime::Never() ? kNoInstant : time.milliseconds() * 1000;
}
constexpr Instant Microseconds(Duration span) { return span.count() * 1000; }

class EventQueue {
 public:
  using Action = absl::AnyInvocable<void()>;

  Instant instant() const { return instant_; }
  MonoTime now() const { return MonoTime(instant_ / 1000); }

  // A moment that has passed is now.
  void At(Instant at, Action action);
  void After(Instant span, Action action) { At(instant_ + span, std::move(action)); }

  // The next event's moment; kNoInstant: nothing is planned.
  Instant next() const { return heap_.empty() ? kNoInstant : heap_.front().at; }
  // Goes to the next event and lets it happen. REQUIRES: there is one.
  void RunNext();
  // Lets time pass up to `at` without an event. REQUIRES: nothing is planned before.
  void PassTo(Instant at);

 private:
  struct Entry {
    Instant at;
    uint64_t order;
    uint32_t slot;
    bool operator>(const Entry& other) const { return at != other.at ? at > other.at : order > other.order; }
  };

  Instant instant_ = 0;
  uint64_t planned_ = 0;
  std::vector<Entry> heap_;  // least first
  std::vector<Action> slots_;
  std::vector<uint32_t> free_slots_;
};

}  // namespace switchyard::simulation

#endif  // SWITCHYARD_SIMULATION_WORLD_EVENT_QUEUE_H_
