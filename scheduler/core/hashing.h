// Hashing as the core keeps it: which devices hash for which job, and carrying out what the fill proposes.
#ifndef SWITCHYARD_SCHEDULER_CORE_HASHING_H_
#define SWITCHYARD_SCHEDULER_CORE_HASHING_H_

#include <vector>

#include "scheduler/core/state.h"

namespace switchyard::core {

// What an allocation's devices count when all are off.
Power OffWatts(const Node& node, const Allocation& allocation);

// Every live hashing allocation, in the order of their numbers.
std::vector<uint64_t> HashingAllocations(const State& state);

// What hashing beneath each budget could still give up, beyond what was ordered down and was not confirmed in time.
std::vector<Power> YieldableWatts(const State& state, MonoTime now);

// Whether an expired lease on this node leaves nothing in doubt: every hashing allocation's enforcer counts.
bool ExpiryReleases(const Node& node);

// How many devices run at each operating point; `devices_at` is by the group's operating point, empty: all off.
void SetSegments(const Group& group, Allocation& allocation, const std::vector<int32_t>& devices_at);

// One pass of the fill: lowers at once, raises into headroom.
void FillHashing(Step& step);

// micro-USD an hour that the allocation earns at its grant.
int64_t HashingValue(const State& state, const Allocation& allocation, UtcTime utc);
HashRate GrantedHashRate(const State& state, const Allocation& allocation);

}  // namespace switchyard::core

#endif  // SWITCHYARD_SCHEDULER_CORE_HASHING_H_
