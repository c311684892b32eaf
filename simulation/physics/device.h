// One device as it truly is: from one draw to another along its ramp, perhaps over a peak, then at rest or, under a
// task, up and down with its load; and perhaps not what it says. Analytic: its draw at any moment is computed, never
// stepped.
#ifndef SWITCHYARD_SIMULATION_PHYSICS_DEVICE_H_
#define SWITCHYARD_SIMULATION_PHYSICS_DEVICE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/units.h"
#include "simulation/physics/draw_book.h"
#include "simulation/script/script.h"
#include "switchyard/v1/configuration.pb.h"

namespace switchyard::simulation {

// `from` at `start`, straight to `peak` at `top`, straight to `to` at `end`; then a square wave between `to` and `low`,
// if `half` of its period is not zero.
struct Course {
  Power from, peak, to;
  MonoTime start, top, end;
  Power low;
  Duration half;

  static Course At(MonoTime now, Power draw) { return {draw, draw, draw, now, now, now, draw, Duration()}; }
  Power Now(MonoTime now) const;
  Power Most(MonoTime from_now) const;  // from then on
  Power Mean(MonoTime now) const;       // over its wave
};

class Device {
 public:
  // `speed` in thousandths of the worst ramp; `half` of the period of its load.
  Device(std::string id, int64_t speed, Duration half, DrawBook::LineId line, MonoTime now, Power draw)
      : id_(std::move(id)),
        speed_(speed),
        half_(half),
        line_(line),
        setting_(draw),
        high_(draw),
        low_(draw),
        course_(Course::At(now, draw)) {}

  const std::string& id() const { return id_; }
  DrawBook::LineId line() const { return line_; }
  Power setting() const { return setting_; }
  Power high() const { return high_; }
  const Course& course() const { return course_; }
  MonoTime rests_at() const { return course_.end; }
  MonoTime comply_by() const { return comply_by_; }

  // Told to draw at most `setting`; its load swings between `low` and `high`. False: it was told just that before.
  bool Command(MonoTime now, Power setting, Power high, Power low, const v1::DeviceModel& model);
  // At once there, whatever it was told: power came or went.
  void Jump(MonoTime now, Power setting, Power draw);
  void GoDark(MonoTime now) { course_ = Course::At(now, Power()); }

  void Break(MonoTime now, FaultKind fault, int64_t amount, const v1::DeviceModel& model);
  void Mend(MonoTime now, const v1::DeviceModel& model);
  bool broken() const { return fault_.has_value(); }
  // How far above what the ledger counts for it a fault of this kind can lift it.
  static Power MostAbove(FaultKind fault, int64_t amount, const v1::DeviceModel& model);

  Power Draw(MonoTime now) const { return course_.Now(now); }
  Power Reading(MonoTime now) const;  // what it says of itself: the peak of its load's swing
  Power Settled(MonoTime now) const;  // at most this from now on, for all that its own reading shows
  // It acknowledged a setting, the worst ramp of its class has passed since, and its own reading stands above it.
  bool Disobeys(MonoTime now) const { return now >= comply_by_ && Reading(now) > setting_ + Tolerance(); }

  // When the book is to mend it by itself, and what excuses it meanwhile.
  MonoTime mend_at = MonoTime::Never();
  std::optional<size_t> allowance;
  std::vector<uint64_t> users;  // allocations that hold it

 private:
  void Go(MonoTime now, const v1::DeviceModel& model);
  // Readings are not exact: 2 % and a watt.
  Power Tolerance() const { return Power(setting_.count() / 50 + 1000); }

  std::string id_;
  int64_t speed_;
  Duration half_;
  DrawBook::LineId line_;
  Power setting_, high_, low_;
  Course course_;
  MonoTime comply_by_;
  std::optional<FaultKind> fault_;
  int64_t amount_ = 0;
};

}  // namespace switchyard::simulation

#endif  // SWITCHYARD_SIMULATION_PHYSICS_DEVICE_H_
