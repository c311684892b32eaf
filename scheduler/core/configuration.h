// Loading and reloading the cluster's description: whole or not at all.
#ifndef SWITCHYARD_SCHEDULER_CORE_CONFIGURATION_H_
#define SWITCHYARD_SCHEDULER_CORE_CONFIGURATION_H_

#include "absl/status/status.h"
#include "scheduler/core/state.h"

namespace switchyard::core {

// INVALID_ARGUMENT lists what is wrong in itself; FAILED_PRECONDITION what still lives and is gone, moved or grown,
// with the command that frees it. Nothing is applied unless everything is.
absl::Status LoadConfiguration(Step& step, const v1::ClusterConfiguration& configuration);

// The stored configuration at a restart: no history yet, nothing charged.
absl::Status RestoreConfiguration(Step& step, const v1::ClusterConfiguration& configuration);

// Charges every node and every plan into a ledger that is empty.
void RebuildLedger(Step& step);

}  // namespace switchyard::core

#endif  // SWITCHYARD_SCHEDULER_CORE_CONFIGURATION_H_
