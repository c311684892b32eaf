// W, Y, D and G, recounted from the entities alone, and the digest of the whole state.
#ifndef SWITCHYARD_SCHEDULER_CORE_INVARIANTS_H_
#define SWITCHYARD_SCHEDULER_CORE_INVARIANTS_H_

#include <cstdint>

#include "absl/status/status.h"
#include "scheduler/core/state.h"

namespace switchyard::core {

// The first violation, with its numbers. W is the state's own: a budget above its cap must be recorded as overage.
absl::Status CheckInvariants(const State& state);

uint64_t Digest(const State& state);

}  // namespace switchyard::core

#endif  // SWITCHYARD_SCHEDULER_CORE_INVARIANTS_H_
