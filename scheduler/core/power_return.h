// Power that comes back (docs/protocol.md, "Ledger"): a device of a PERSISTENT class whose power was lost before its
// dead-man timer fired comes up at the setting that it kept, whatever an expiry said meanwhile. Nobody is told of the
// moment; the first node behind the feed that says hello with a new boot id is the news. From then on everything behind
// that feed counts what it may have come up with, and nothing beneath rises, until each node has reported.
#ifndef SWITCHYARD_SCHEDULER_CORE_POWER_RETURN_H_
#define SWITCHYARD_SCHEDULER_CORE_POWER_RETURN_H_

#include "scheduler/core/state.h"

namespace switchyard::core {

// A node whose last word came at `silent_since` said hello with a new boot id. Every budget of the power tree above it beneath which nobody else
// speaks was without power as well, for all that is known: its silent nodes are counted alike.
void TakePowerReturn(Step& step, uint32_t node, MonoTime silent_since);

}  // namespace switchyard::core

#endif  // SWITCHYARD_SCHEDULER_CORE_POWER_RETURN_H_
