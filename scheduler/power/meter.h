// A meter's recent past, and its verdict on an ordered drop (docs/protocol.md, "Evidence"). A meter is a veto and a
// proof of the drop: it never widens headroom by itself.
#ifndef SWITCHYARD_SCHEDULER_POWER_METER_H_
#define SWITCHYARD_SCHEDULER_POWER_METER_H_

#include <deque>
#include <optional>

#include "common/units.h"

namespace switchyard::power {

class MeterWindow {
 public:
  static constexpr Duration kSpan = Seconds(60);
  static constexpr size_t kReadingsKept = 1024;  // a reading each 60 ms; more often tells nothing new

  // Readings may come late and out of order; one older than the window is dropped.
  void Add(MonoTime at, Power draw);

  bool empty() const { return readings_.empty(); }
  MonoTime last_at() const { return readings_.back().at; }
  // Mean over [from, to]; nothing without a reading in it.
  std::optional<Power> Mean(MonoTime from, MonoTime to) const;
  // The lowest reading since `from`; nothing with fewer than three of them.
  std::optional<Power> Least(MonoTime from) const;
  // Three standard deviations of the noise, from the median step between neighbours, which the few steps of real load
  // do not move. Nothing with fewer than four readings.
  std::optional<Power> Noise() const;

 private:
  struct Reading {
    MonoTime at;
    Power draw;
  };
  std::deque<Reading> readings_;
};

// An ordered lowering as its meter saw the world when it was ordered.
struct DropWatch {
  Power ordered_drop;   // at the meter: coefficient x (before - after)
  Power mean_before;    // over the window that ended with the order
  Power others_before;  // readings of everything else beneath the meter
};

// Watts of the ordered drop that the meter has not seen, never negative: zero is proof, all of it a veto.
// `mean_after` is the mean since (acknowledgement + lag); `others_now` explains changes that are not ours.
Power UnprovenDrop(const DropWatch& watch, Power mean_after, Power others_now);

}  // namespace switchyard::power

#endif  // SWITCHYARD_SCHEDULER_POWER_METER_H_
