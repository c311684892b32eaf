#include "agent/runtime/simulated/device.h"

#include <algorithm>

namespace switchyard::agent::simulated {
namespace {

// A device of a good batch needs 60, 70, 80 or 90 % of the worst ramp that its catalogue promises.
Duration RampOf(int64_t worst_ms, int variation, Defect defect) {
  if (defect == Defect::kSlow) return Milliseconds(worst_ms * 3);
  return Milliseconds(worst_ms * (6 + variation) / 10);
}

// Above the worst ramp: the agent's own polling of a device.
Duration Slack(Duration ramp) { return std::max(Milliseconds(200), ramp / 10); }

Power Between(Power a, Power b, MonoTime start, MonoTime end, MonoTime now) {
  if (now >= end) return b;
  if (now <= start) return a;
  const auto done = static_cast<__int128>((now - start).count());
  return a + Power(static_cast<int64_t>(static_cast<__int128>((b - a).count()) * done / (end - start).count()));
}

}  // namespace

Power Device::Draw(MonoTime now) const {
  return now < top_ ? Between(from_, peak_, start_, top_, now) : Between(peak_, to_, top_, end_, now);
}

Power Device::Reading(MonoTime now) const {
  const Power draw = Draw(now);
  return defect_ == Defect::kLiar ? std::min(draw, setting_) : draw;
}

Power Device::Settled(MonoTime now) const {
  Power most = std::max(setting_, Reading(now));
  if (now < top_ && defect_ != Defect::kLiar) most = std::max(most, peak_);
  return most;
}

void Device::Jump(MonoTime now, Power draw) {
  setting_ = ordered_ = from_ = peak_ = to_ = draw;
  start_ = top_ = end_ = comply_by_ = now;
}

bool Device::Command(MonoTime now, Power setting, Power draw, const v1::DeviceModel& model) {
  if (setting == setting_ && draw == ordered_) return false;
  const bool caught = Disobeys(now) && setting <= setting_;
  setting_ = setting;
  // One that is caught stays so however often it is told again.
  const MonoTime comply_by = comply_by_;
  ordered_ = draw;
  Go(now, model);
  if (caught) comply_by_ = comply_by;
  return true;
}

void Device::Mend(MonoTime now, const v1::DeviceModel& model) {
  defect_ = Defect::kNone;
  Go(now, model);
}

void Device::Go(MonoTime now, const v1::DeviceModel& model) {
  const Power before = Draw(now);
  const bool falls = ordered_ < before;
  const bool starts = before <= Milliwatts(model.idle_mw()) && ordered_ > before;
  // A start may go over its transient until the worst ramp up and its tenth are over.
  const Duration worst = Milliseconds(falls ? model.ramp_down_ms() : model.ramp_up_ms() * 11 / 10);
  comply_by_ = now + worst + Slack(worst);
  from_ = before;
  start_ = now;
  if (falls && (defect_ == Defect::kLiar || defect_ == Defect::kStuck)) {
    peak_ = to_ = before;
    top_ = end_ = now;
    return;
  }
  peak_ = to_ = ordered_;
  const Duration ramp =
      RampOf(falls ? model.ramp_down_ms() : model.ramp_up_ms(), variation_, falls ? defect_ : Defect::kNone);
  top_ = end_ = now + ramp;
  if (starts && model.transient_mw() > model.max_mw() && model.max_mw() > 0) {
    peak_ =
        Power(static_cast<int64_t>(static_cast<__int128>(ordered_.count()) * model.transient_mw() / model.max_mw()));
    end_ = top_ + ramp / 10 + Milliseconds(1);
  }
}

}  // namespace switchyard::agent::simulated
