#include "simulation/physics/device.h"

#include <algorithm>

namespace switchyard::simulation {
namespace {

Power Between(Power a, Power b, MonoTime start, MonoTime end, MonoTime now) {
  if (now >= end) return b;
  if (now <= start) return a;
  const auto done = static_cast<__int128>((now - start).count());
  return a + Power(static_cast<int64_t>(static_cast<__int128>((b - a).count()) * done / (end - start).count()));
}

// Above the worst ramp: the agent's own polling of a device.
Duration Slack(Duration ramp) { return std::max(Milliseconds(200), ramp / 10); }

}  // namespace

Power Course::Now(MonoTime now) const {
  if (now < top) return Between(from, peak, start, top, now);
  if (now < end) return Between(peak, to, top, end, now);
  if (half <= Duration()) return to;
  return (now - end) / half % 2 == 0 ? to : low;
}

Power Course::Most(MonoTime from_now) const {
  Power most = std::max(Now(from_now), to);
  if (from_now < top) most = std::max(most, peak);
  return most;
}

Power Course::Mean(MonoTime now) const {
  if (now < end || half <= Duration()) return Now(now);
  return (to + low) / 2;
}

bool Device::Command(MonoTime now, Power setting, Power high, Power low, const v1::DeviceModel& model) {
  if (setting == setting_ && high == high_ && low == low_) return false;
  const bool caught = Disobeys(now) && setting <= setting_;
  const MonoTime comply_by = comply_by_;
  setting_ = setting;
  high_ = high;
  low_ = low;
  Go(now, model);
  // One that is caught stays so however often it is told again.
  if (caught) comply_by_ = comply_by;
  return true;
}

void Device::Jump(MonoTime now, Power setting, Power draw) {
  setting_ = setting;
  high_ = low_ = draw;
  course_ = Course::At(now, draw);
  comply_by_ = now;
}

void Device::Break(MonoTime now, FaultKind fault, int64_t amount, const v1::DeviceModel& model) {
  fault_ = fault;
  amount_ = amount;
  if (fault == FaultKind::kDeviceOvershoots || fault == FaultKind::kDeviceToNameplate) Go(now, model);
}

void Device::Mend(MonoTime now, const v1::DeviceModel& model) {
  fault_.reset();
  mend_at = MonoTime::Never();
  Go(now, model);
}

Power Device::MostAbove(FaultKind fault, int64_t amount, const v1::DeviceModel& model) {
  if (fault == FaultKind::kDeviceOvershoots) {
    return Milliwatts(amount);
  }
  return Milliwatts(std::max(model.max_mw(), model.transient_mw()) - model.idle_mw());
}

Power Device::Reading(MonoTime now) const {
  const Power draw = now >= course_.end ? course_.to : course_.Now(now);
  return fault_ == FaultKind::kDeviceLies ? std::min(draw, setting_) : draw;
}

Power Device::Settled(MonoTime now) const {
  const Power most = fault_ == FaultKind::kDeviceLies ? Reading(now) : course_.Most(now);
  return std::max(setting_, most);
}

// From what it draws now to what it was told, as far as it obeys.
void Device::Go(MonoTime now, const v1::DeviceModel& model) {
  const Power before = Draw(now);
  const bool to_nameplate = fault_ == FaultKind::kDeviceToNameplate;
  Power high = high_, low = low_;
  if (to_nameplate) high = low = Milliwatts(model.max_mw());
  if (fault_ == FaultKind::kDeviceOvershoots) {
    high = setting_ + Milliwatts(amount_);
    low = std::min(low, high);
  }
  const bool falls = high < before;
  const bool starts = before <= Milliwatts(model.idle_mw()) && high > before;
  // A start may go over its transient until the worst ramp up and its tenth are over.
  const Duration worst = Milliseconds(falls ? model.ramp_down_ms() : model.ramp_up_ms() * 11 / 10);
  comply_by_ = now + (to_nameplate ? Duration() : worst) + Slack(worst);
  if (falls && (fault_ == FaultKind::kDeviceLies || fault_ == FaultKind::kDeviceSticks))
    return;  // it goes on as before
  int64_t ramp_ms = (falls ? model.ramp_down_ms() : model.ramp_up_ms()) * speed_ / 1000;
  if (falls && fault_ == FaultKind::kDeviceSlow) ramp_ms = model.ramp_down_ms() + amount_;
  course_ = {.from = before,
             .peak = high,
             .to = high,
             .start = now,
             .top = now + Milliseconds(ramp_ms),
             .end = now + Milliseconds(ramp_ms),
             .low = low,
             .half = high == low ? Duration() : half_};
  if (starts && model.transient_mw() > model.max_mw() && model.max_mw() > 0) {
    course_.peak =
        Power(static_cast<int64_t>(static_cast<__int128>(high.count()) * model.transient_mw() / model.max_mw()));
    course_.end = course_.top + Milliseconds(ramp_ms / 10 + 1);
  }
}

}  // namespace switchyard::simulation
