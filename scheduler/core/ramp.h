// How fast hashing may come back: a budget's ramp is the most by which grants of hashing beneath it rise within any
// minute, so that a fleet that returns after an expiry, an outage or a curtailment does not return in one step.
//
// Every raise beneath the budget counts, whatever for, and gross: what was lowered in the same minute gives nothing
// back. Nothing else is held back: lowerings never, firm AI never. The minute before a term is not known, so a term
// begins as if its allowance were spent; so does a budget whose ramp is new.
#ifndef SWITCHYARD_SCHEDULER_CORE_RAMP_H_
#define SWITCHYARD_SCHEDULER_CORE_RAMP_H_

#include "common/units.h"
#include "scheduler/core/entities.h"
#include "scheduler/core/state.h"

namespace switchyard::core {

// At the start of a term.
void BeginRamps(State& state, MonoTime now);
// Over a reload.
void InheritRaises(const Budget& before, Budget& budget, MonoTime now);

// Watts of the budget by which hashing beneath it was raised within the minute that ends now.
Power RaisedLately(const Budget& budget, MonoTime now);

// The most by which hashing that is charged on `chain` may rise now; Power::Max() where no budget above it has a ramp.
Power RampRoom(const State& state, uint32_t chain, MonoTime now);

// A raise of hashing on `chain` by `rise` is committed with this batch. REQUIRES: it is within RampRoom.
void SpendRamp(Step& step, uint32_t chain, Power rise);

// A raise waits for its ramp: asks for a round when the next part of what was spent comes back.
void AwaitRamp(Step& step, uint32_t chain);

}  // namespace switchyard::core

#endif  // SWITCHYARD_SCHEDULER_CORE_RAMP_H_
