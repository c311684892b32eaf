// The operator's words about nodes and devices, and what runs without being known: orphans.
#ifndef SWITCHYARD_SCHEDULER_CORE_NODES_H_
#define SWITCHYARD_SCHEDULER_CORE_NODES_H_

#include <set>

#include "absl/status/statusor.h"
#include "scheduler/core/state.h"

namespace switchyard::core {

absl::Status NodeAction(Step& step, const v1::NodeActionRequest& request);
absl::Status OrphanAction(Step& step, const v1::OrphanActionRequest& request);
absl::Status ClearQuarantine(Step& step, const v1::ClearQuarantineRequest& request);
absl::Status CreateToken(Step& step, const pb::CreateToken& request);
absl::Status UseToken(Step& step, const pb::UseToken& request);

void StopForDrain(Step& step, Node& node);

// What a node runs and the store does not know: counted in watts and devices, visible, alarmed.
void TakeOrphan(Step& step, Node& node, const v1::AllocationReport& report);
void EndMissingOrphans(Step& step, const Node& node, const std::set<uint64_t>& present);

}  // namespace switchyard::core

#endif  // SWITCHYARD_SCHEDULER_CORE_NODES_H_
