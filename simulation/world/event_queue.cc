#include "simulation/world/event_queue.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "common/check.h"

namespace switchyard::simulation {

void EventQueue::At(Instant at, Action action) {
  if (at == kNoInstant) return;
  uint32_t slot = 0;
  if (free_slots_.empty()) {
    slot = static_cast<uint32_t>(slots_.size());
    slots_.push_back(std::move(action));
  } else {
    slot = free_slots_.back();
    free_slots_.pop_back();
    slots_[slot] = std::move(action);
  }
  heap_.push_back({std::max(at, instant_), planned_++, slot});
  std::push_heap(heap_.begin(), heap_.end(), std::greater<>());
}

void EventQueue::RunNext() {
  SWITCHYARD_CHECK(!heap_.empty()) << "nothing is planned";
  std::pop_heap(heap_.begin(), heap_.end(), std::greater<>());
  const Entry entry = heap_.back();
  heap_.pop_back();
  instant_ = entry.at;
  Action action = std::move(slots_[entry.slot]);
  free_slots_.push_back(entry.slot);
  action();
}

void EventQueue::PassTo(Instant at) {
  SWITCHYARD_CHECK(at >= instant_ && next() >= at) << "an event would be passed over";
  instant_ = at;
}

}  // namespace switchyard::simulation
