#include "agent/mining/duty_cycle.h"

#include <algorithm>

#include "common/check.h"

namespace switchyard::agent::mining {
namespace {

int64_t AllowedMicros(int permille) { return kDutyPeriodMicros * permille / kDutyFull; }

}  // namespace

int64_t DutyCycle::HashFor(int64_t now_us, int permille) {
  SWITCHYARD_CHECK(permille >= 0 && permille <= kDutyFull) << permille;
  const int64_t periods = (now_us - period_start_us_) / kDutyPeriodMicros;
  if (periods > 0) {
    period_start_us_ += periods * kDutyPeriodMicros;
    spent_us_ = std::max<int64_t>(0, spent_us_ - periods * AllowedMicros(permille));
  }
  const int64_t period_left = period_start_us_ + kDutyPeriodMicros - now_us;
  return std::clamp<int64_t>(AllowedMicros(permille) - spent_us_, 0, period_left);
}

int64_t DutyCycle::RestFor(int64_t now_us, int permille) const {
  const int64_t period_end = period_start_us_ + kDutyPeriodMicros;
  if (permille == 0) return period_end - now_us;
  const int64_t allowed = AllowedMicros(permille);
  const int64_t extra_periods = std::max<int64_t>(0, spent_us_ - allowed) / allowed;
  return period_end + extra_periods * kDutyPeriodMicros - now_us;
}

}  // namespace switchyard::agent::mining
