// Why a hashing job hashes nothing, or less than it could: what keeps each group of devices from its best paying
// operating point, by the constraint that binds first there. Read from the division that the round itself carries out.
#ifndef SWITCHYARD_SCHEDULER_CORE_HASHING_LACKS_H_
#define SWITCHYARD_SCHEDULER_CORE_HASHING_LACKS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "scheduler/core/hashing_division.h"
#include "scheduler/core/state.h"
#include "scheduler/placement/constraint.h"

namespace switchyard::core {

// What one constraint holds back.
struct HashingLack {
  int64_t shortfall = 0;  // where it is smallest
  std::string subject;    // there
  int32_t nodes = 0;      // on which it binds
  Power missing;          // grants that they could have besides; nothing where the job may not hash at all
  uint32_t site_index = 0;
  int64_t earned_micro_usd_per_mwh = 0;  // kBreakEven: by the best watt there
};
using HashingLacks = std::map<placement::Constraint, HashingLack>;

// REQUIRES: a hashing job that has not ended and does not stop.
HashingLacks LacksOf(const State& state, const Job& job, const HashingDivision& division, MonoTime now, UtcTime utc);

// The one true reason: while the job hashes nothing the constraint that is nearest to a start, else the one that holds
// back most. Nothing: it hashes all that it could.
std::optional<v1::PendingReason> HashingReason(const State& state, const Job& job, const HashingLacks& lacks,
                                               UtcTime utc);

// Keeps the reasons of all hashing jobs current, and tells readers of changes. REQUIRES: the division was carried out
// as far as it could be.
void NoteHashingLacks(Step& step, const HashingDivision& division);

// The whole of it for a person. REQUIRES: as LacksOf.
void ExplainHashing(const State& state, const Job& job, const Stamp& stamp, v1::ExplainResponse* response);

}  // namespace switchyard::core

#endif  // SWITCHYARD_SCHEDULER_CORE_HASHING_LACKS_H_
