// A store that was restored from a backup (docs/protocol.md, "Recovery"): its rows do not know what was granted, taken
// back or started after they were copied. So nothing is built upon them before the machines themselves have spoken:
//
//  - from the first batch of the new incarnation on, nothing rises beneath the budgets of a node that is `unclaimed`:
//  it
//    has not said yet, at a revision of this store, what it draws. Operators' words from before the copy (admitted,
//    lost) may have been overtaken, and do not count until they are said again;
//  - an unclaimed node is sent no set before its first complete report of a session. That report counts: it raises
//  bounds,
//    what runs and is not in the rows is an orphan. Then no order of the node's set raises anything: hashing is granted
//    at most what it draws, and what does not run yet is stopped and placed anew;
//  - stops, lowerings and renewals go on.
#ifndef SWITCHYARD_SCHEDULER_CORE_RESTORED_H_
#define SWITCHYARD_SCHEDULER_CORE_RESTORED_H_

#include "scheduler/core/state.h"

namespace switchyard::core {

// The rows are those of another incarnation: every node is unclaimed, and what was held for another attempt is given
// back.
void BeginIncarnation(Step& step);

// How many nodes the restored store waits for: unclaimed ones that no operator has admitted since.
int64_t UnclaimedNodes(const State& state);

// What an unclaimed node says of an allocation counts at whatever revision, where it is more than the rows know. Where
// it does not say what it draws, the nameplate of its devices does.
void CountClaim(Step& step, Allocation& allocation, const v1::AllocationReport& report);
// The same for unallocated devices that keep their setting.
void CountUnallocated(Step& step, Node& node, const v1::NodeReport& report);

// After a complete report of an unclaimed node was taken. The first one of a session: its set becomes one that raises
// nothing, and may be sent from now on. One that has applied a set of this term: the node is claimed.
void TakeStock(Step& step, Node& node, const v1::NodeReport& report);

}  // namespace switchyard::core

#endif  // SWITCHYARD_SCHEDULER_CORE_RESTORED_H_
