// What confirms a bound (docs/protocol.md, "Evidence"): an agent's claim becomes a confirmation only with its witness -
// the device's own reading, or the acknowledgement plus the worst ramp - and never against the lowest meter above that
// can see the drop. Also the other direction: quarantine, unknown load, and a meter above the ledger.
#ifndef SWITCHYARD_SCHEDULER_CORE_EVIDENCE_H_
#define SWITCHYARD_SCHEDULER_CORE_EVIDENCE_H_

#include "common/units.h"
#include "scheduler/core/entities.h"
#include "scheduler/core/state.h"

namespace switchyard::core {

// Remembers what the lowest capable meter shows when a drop is ordered.
void BeginDropWatch(Step& step, Allocation& allocation, Power target);

// An agent's claim "at report.revision() at most report.confirmed_mw()". Confirms it, or keeps it until its witness is
// there.
void TakeClaim(Step& step, Allocation& allocation, const v1::AllocationReport& report);

// Looks again at a kept claim: a ramp ended, a meter spoke.
void TryClaim(Step& step, Allocation& allocation);

// Confirms without a further witness: expiry under an enforcer that counts, an operator's word, an end.
void ConfirmBound(Step& step, Allocation& allocation, uint64_t revision, Power watts, const char* witness);

// Devices that acknowledged and did not comply count their nameplate from now on and are named.
void TakeFaults(Step& step, Node& node, const google::protobuf::RepeatedPtrField<v1::DeviceFault>& faults);

// A meter's value: feeds its window, the claims that wait for it, and the search for unknown load.
void TakeMeterReading(Step& step, const v1::MeterReading& reading);

// Counts unknown load in the budget whose meter shows it and in every budget of the power tree above.
void RecountUnknown(State& state);

}  // namespace switchyard::core

#endif  // SWITCHYARD_SCHEDULER_CORE_EVIDENCE_H_
