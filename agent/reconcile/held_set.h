// The desired set of one node as its agent holds it: differences applied to their base, checked by the hash of the
// result, never backwards (docs/protocol.md, "Session"). Pure.
#ifndef SWITCHYARD_AGENT_RECONCILE_HELD_SET_H_
#define SWITCHYARD_AGENT_RECONCILE_HELD_SET_H_

#include <cstdint>
#include <map>

#include "absl/status/status.h"
#include "switchyard/v1/agent.pb.h"

namespace switchyard::agent::reconcile {

class HeldSet {
 public:
  // OK also for a set older than the one held, which is ignored: repeated and late messages are normal input.
  // FAILED_PRECONDITION: the base is not the set held, or the result's hash differs from the sender's. The set held
  // stays as it was and needs_full() is true until a full set comes. `stretch` is the lease's stretch at receipt, 0
  // without a running lease.
  absl::Status Receive(const v1::DesiredSet& set, uint64_t stretch);

  // A new stream: differences have no base until a full set came over it.
  void ForgetBase() {
    has_base_ = false;
    stretch_ = 0;
  }

  // Another store: its revisions are not comparable with those held.
  void ForgetRevision() {
    ForgetBase();
    revision_ = 0;
  }

  bool needs_full() const { return !has_base_; }

  // The lease's stretch under which the whole set was last learned. Raises need it to be the stretch that runs now: a
  // set that came without a lease, or under one that ran out since, raises nothing.
  uint64_t stretch() const { return stretch_; }

  uint64_t revision() const { return revision_; }
  uint64_t hash() const;
  const std::map<uint64_t, v1::DesiredAllocation>& allocations() const { return allocations_; }

 private:
  bool has_base_ = false;
  uint64_t stretch_ = 0;
  uint64_t revision_ = 0;
  std::map<uint64_t, v1::DesiredAllocation> allocations_;
};

}  // namespace switchyard::agent::reconcile

#endif  // SWITCHYARD_AGENT_RECONCILE_HELD_SET_H_
