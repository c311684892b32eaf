// The lease of one node as its agent counts it (docs/protocol.md, "Lease"): from the moment a heartbeat was sent that
// the scheduler answered. Pure: time is an argument.
//
// Promises: an answer to a heartbeat that was never sent, was answered already or was sent too long ago extends
// nothing; a stretch of lease is one number, so that what was learned under an earlier stretch can be told from what
// holds now.
#ifndef SWITCHYARD_AGENT_RECONCILE_LEASE_H_
#define SWITCHYARD_AGENT_RECONCILE_LEASE_H_

#include <cstdint>
#include <map>
#include <optional>

#include "common/units.h"

namespace switchyard::agent::reconcile {

// What holds until the first Welcome says otherwise: the protocol's defaults.
inline constexpr Duration kDefaultLease = Seconds(30);
inline constexpr Duration kDefaultStartGrace = Seconds(10);

// Heartbeats kept for their answer. A lease has about six heartbeats; what was sent 64 ago cannot extend anything.
inline constexpr size_t kHeartbeatsRemembered = 64;

class Lease {
 public:
  explicit Lease(MonoTime started) : started_(started) {}

  // A shorter lease holds from the next renewal on; the end that was promised stays.
  void Configure(Duration lease, Duration start_grace);

  // The number for a heartbeat that is sent at `now`. Rises over the life of this object.
  uint64_t Send(MonoTime now);

  // True if the answer moved the end of the lease.
  bool Renew(MonoTime now, uint64_t sequence);

  // Heartbeats of a stream that broke are answered by nobody.
  void ForgetSent() { sent_.clear(); }

  bool Runs(MonoTime now) const { return end_.has_value() && now < *end_; }
  std::optional<MonoTime> end() const { return end_; }

  // Number of the stretch in which the lease has run without a gap; 0 where it does not run.
  uint64_t Stretch(MonoTime now) const { return Runs(now) ? stretch_ : 0; }

  // The lease ran out, or none came within the grace after the start: interruptible devices belong at their fallback.
  bool FallbackDue(MonoTime now) const;

  // The next moment at which Runs or FallbackDue changes by itself.
  MonoTime NextDeadline(MonoTime now) const;

 private:
  MonoTime started_;
  Duration lease_ = kDefaultLease;
  Duration start_grace_ = kDefaultStartGrace;
  uint64_t last_ = 0;
  uint64_t stretch_ = 0;
  std::map<uint64_t, MonoTime> sent_;  // not yet answered, at most kHeartbeatsRemembered
  std::optional<MonoTime> end_;
};

}  // namespace switchyard::agent::reconcile

#endif  // SWITCHYARD_AGENT_RECONCILE_LEASE_H_
