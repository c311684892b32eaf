// The two clocks of a program, behind an interface so that whatever needs time can be given a time of its own in a test.
// Nothing in a pure room takes a Clock: there, time is an argument.
#ifndef SWITCHYARD_COMMON_PLATFORM_CLOCK_H_
#define SWITCHYARD_COMMON_PLATFORM_CLOCK_H_

#include <atomic>
#include <cstdint>

#include "common/units.h"

namespace switchyard::platform {

class Clock {
 public:
  virtual ~Clock() = default;
  // Never steps back, runs on while the machine sleeps: what leases are counted with.
  virtual MonoTime Mono() const = 0;
  // Civil time; may step either way when the machine's clock is set.
  virtual UtcTime Utc() const = 0;
};

// CLOCK_BOOTTIME since construction, and CLOCK_REALTIME. Thread-safe.
class SystemClock final : public Clock {
 public:
  SystemClock();
  MonoTime Mono() const override;
  UtcTime Utc() const override;

  // The same point in milliseconds of CLOCK_BOOTTIME itself: what is passed to another process of this boot.
  int64_t BootMilliseconds(MonoTime time) const { return epoch_ + time.milliseconds(); }
  MonoTime FromBootMilliseconds(int64_t boot) const { return MonoTime(boot - epoch_); }

 private:
  int64_t epoch_;  // CLOCK_BOOTTIME at construction
};

// Stands still until it is told otherwise. Thread-safe.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(MonoTime mono = MonoTime(0), UtcTime utc = UtcTime(0))
      : mono_(mono.milliseconds()), utc_(utc.milliseconds()) {}
  MonoTime Mono() const override { return MonoTime(mono_.load()); }
  UtcTime Utc() const override { return UtcTime(utc_.load()); }
  void Advance(Duration by) {
    mono_ += by.count();
    utc_ += by.count();
  }
  void SetUtc(UtcTime utc) { utc_ = utc.milliseconds(); }

 private:
  std::atomic<int64_t> mono_;
  std::atomic<int64_t> utc_;
};

// CLOCK_BOOTTIME in milliseconds: comparable between processes of one boot, meaningless over a reboot.
int64_t BootTimeMilliseconds();

}  // namespace switchyard::platform

#endif  // SWITCHYARD_COMMON_PLATFORM_CLOCK_H_
