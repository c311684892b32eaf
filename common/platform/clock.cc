#include "common/platform/clock.h"

#include <ctime>

namespace switchyard::platform {
namespace {

int64_t Read(clockid_t clock) {
  timespec time{};
  SWITCHYARD_CHECK(clock_gettime(clock, &time) == 0) << "clock " << clock;
  return static_cast<int64_t>(time.tv_sec) * 1000 + time.tv_nsec / 1'000'000;
}

}  // namespace

int64_t BootTimeMilliseconds() { return Read(CLOCK_BOOTTIME); }

SystemClock::SystemClock() : epoch_(BootTimeMilliseconds()) {}
MonoTime SystemClock::Mono() const { return FromBootMilliseconds(BootTimeMilliseconds()); }
UtcTime SystemClock::Utc() const { return UtcTime(Read(CLOCK_REALTIME)); }

}  // namespace switchyard::platform
