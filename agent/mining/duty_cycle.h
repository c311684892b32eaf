// How a power grant becomes hashing: in every period of 100 ms a thread hashes for its duty and rests for the
// remainder.
//
// Pure arithmetic on a clock that the caller reads. What one period hashed too long (a batch cannot be cut) the next
// ones owe; what it hashed too little is never made up for, so that the mean over any span never exceeds the duty by
// more than one batch.
#ifndef SWITCHYARD_AGENT_MINING_DUTY_CYCLE_H_
#define SWITCHYARD_AGENT_MINING_DUTY_CYCLE_H_

#include <cstdint>

namespace switchyard::agent::mining {

inline constexpr int kDutyFull = 1000;  // permille
inline constexpr int64_t kDutyPeriodMicros = 100'000;

class DutyCycle {
 public:
  // `now_us` is any monotonic time in microseconds.
  explicit DutyCycle(int64_t now_us) : period_start_us_(now_us) {}

  // For how many microseconds hashing may go on from now; 0: rest. REQUIRES: 0 <= permille <= 1000, now never
  // decreasing.
  int64_t HashFor(int64_t now_us, int permille);

  // For how long to rest after HashFor said 0, if the duty does not change: until the period in which hashing may go
  // on.
  int64_t RestFor(int64_t now_us, int permille) const;

  // Books time spent hashing.
  void Spend(int64_t micros) { spent_us_ += micros; }

 private:
  int64_t period_start_us_;
  int64_t spent_us_ = 0;  // in this period, with what earlier ones owe
};

}  // namespace switchyard::agent::mining

#endif  // SWITCHYARD_AGENT_MINING_DUTY_CYCLE_H_
