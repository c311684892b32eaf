// The physics of one simulated device: it goes from one draw to another over its ramp, perhaps over a peak, and perhaps
// does not do what it says. Analytic: its draw at any moment is computed, never stepped. Pure.
#ifndef SWITCHYARD_AGENT_RUNTIME_SIMULATED_DEVICE_H_
#define SWITCHYARD_AGENT_RUNTIME_SIMULATED_DEVICE_H_

#include <cstdint>
#include <string>
#include <utility>

#include "common/units.h"
#include "switchyard/v1/configuration.pb.h"

namespace switchyard::agent::simulated {

enum class Defect : uint8_t {
  kNone,
  kLiar,   // stays at the higher draw and reads as if it had complied
  kStuck,  // stays at the higher draw and reads honestly
  kSlow,   // complies after three times the worst ramp of its class
};

class Device {
 public:
  Device() = default;
  // At rest at its model's idle draw. `variation` 0..3 makes it a little faster or slower than its fellows.
  Device(std::string id, Defect defect, int variation, Power draw)
      : id_(std::move(id)),
        defect_(defect),
        variation_(variation),
        setting_(draw),
        ordered_(draw),
        from_(draw),
        peak_(draw),
        to_(draw) {}

  const std::string& id() const { return id_; }
  Defect defect() const { return defect_; }
  void set_defect(Defect defect) { defect_ = defect; }

  // Told at `now` to draw no more than `setting`; its load would draw `draw` (at most the setting). A device that is
  // off and is started goes over its transient. False: it was told just that before, nothing changes.
  bool Command(MonoTime now, Power setting, Power draw, const v1::DeviceModel& model);
  // It was mended: what it was told last it does now.
  void Mend(MonoTime now, const v1::DeviceModel& model);

  // After a power cycle: at once at `draw`.
  void Jump(MonoTime now, Power draw);

  Power Draw(MonoTime now) const;
  // What it says of itself.
  Power Reading(MonoTime now) const;
  // The most that it draws from now on, for all that its own reading shows.
  Power Settled(MonoTime now) const;

  Power setting() const { return setting_; }
  // The draw changes no more after this.
  MonoTime rests_at() const { return end_; }
  // It acknowledged a lowering, the worst ramp of its class has passed since, and its own reading still stands above
  // the setting.
  bool Disobeys(MonoTime now) const { return now >= comply_by_ && Reading(now) > setting_ + Tolerance(); }
  MonoTime comply_by() const { return comply_by_; }

 private:
  friend class StateCodec;
  void Go(MonoTime now, const v1::DeviceModel& model);
  // Readings are not exact: 2 % and a watt.
  Power Tolerance() const { return Power(setting_.count() / 50 + 1000); }

  std::string id_;
  Defect defect_ = Defect::kNone;
  int variation_ = 0;
  Power setting_, ordered_;  // what it was told last: the limit, and the draw of its load
  // from_ at start_, linear to peak_ at top_, linear to to_ at end_.
  Power from_, peak_, to_;
  MonoTime start_, top_, end_, comply_by_;
};

}  // namespace switchyard::agent::simulated

#endif  // SWITCHYARD_AGENT_RUNTIME_SIMULATED_DEVICE_H_
