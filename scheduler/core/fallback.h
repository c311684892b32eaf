// What hashing still draws when its lease has run out where that counts (docs/protocol.md, "Lease"): each of its devices
// at the lower of what it drew and its fallback, and the ledger keeps exactly that reserved.
#ifndef SWITCHYARD_SCHEDULER_CORE_FALLBACK_H_
#define SWITCHYARD_SCHEDULER_CORE_FALLBACK_H_

#include "common/units.h"
#include "scheduler/core/state.h"

namespace switchyard::core {

// The most that all devices of the allocation draw at their fallback; idle where that is off.
Power FallbackWatts(const Node& node, const Allocation& allocation);

// Lowers a hashing allocation to its fallback, in its order and in the ledger. REQUIRES: its enforcer is one under which
// an expiry counts, and the lease has run out for certain.
void FallBack(Step& step, Allocation& allocation);

}  // namespace switchyard::core

#endif  // SWITCHYARD_SCHEDULER_CORE_FALLBACK_H_
