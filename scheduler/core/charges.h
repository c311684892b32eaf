// The one place where the ledger is written: what each node, device group and allocation counts, by the rules of
// docs/protocol.md, "Ledger". Everything else calls these after it changed an entity.
#ifndef SWITCHYARD_SCHEDULER_CORE_CHARGES_H_
#define SWITCHYARD_SCHEDULER_CORE_CHARGES_H_

#include "common/units.h"
#include "scheduler/core/entities.h"
#include "scheduler/core/state.h"

namespace switchyard::core {

// What the entities count by themselves, without the ledger: CheckInvariants recounts with the same three functions.
Power PlatformWatts(const Node& node);
Power UnallocatedWatts(const Node& node, const Group& group);
Power AllocationWatts(const Node& node, const Allocation& allocation);
// What it would count, were `grant` ordered now, with `transient` for the start.
Power AllocationWattsAt(const Node& node, const Allocation& allocation, Power grant, Power transient);
// Thousandths of GPUs that it holds.
int64_t GpuMilli(const State& state, const Allocation& allocation);

// Bring the ledger up to date with an entity.
void ChargePlatform(Step& step, Node& node);
void ChargeGroup(Step& step, Node& node, Group& group);
void ChargeAllocation(Step& step, Allocation& allocation);
void ChargeNode(Step& step, Node& node);  // all of it

// Brings its tenant's use up to date with a firm allocation's grant, or takes it out. ChargeAllocation does so by
// itself.
void ShareAllocation(State& state, Allocation& allocation);
void UnshareAllocation(State& state, Allocation& allocation);

// Binds devices to an allocation, and gives them back with everything that it was charged. Devices of a PERSISTENT
// class carry their last setting along: the allocation inherits it as its first confirmed watts, and the pool inherits
// the allocation's last confirmed watts.
void HoldDevices(Step& step, Allocation& allocation);
void ReturnDevices(Step& step, Allocation& allocation);

// The most that the devices count while nothing is allocated on them.
Power IdleWatts(const Node& node, const Group& group, size_t devices);

// This batch's revision lowers or stops something on the node: its acknowledgement is awaited from now on.
void NoteLowering(Step& step, uint32_t node);
// What the node owes from before its first session of the term - which lowerings it has acknowledged is in no row - is
// awaited from now on: a node that stays mute about it must not be renewed for ever.
void NoteOwed(Step& step, uint32_t node);

// Orders `grant` for the allocation with this batch's revision. A lowering starts the node's clock for its
// acknowledgement and the watch of the lowest meter above.
void OrderGrant(Step& step, Allocation& allocation, Power grant, Power transient = Power());

}  // namespace switchyard::core

#endif  // SWITCHYARD_SCHEDULER_CORE_CHARGES_H_
