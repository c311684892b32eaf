// Entities to rows and back. A row is the whole entity; what is derived or belongs to this term stays out.
#ifndef SWITCHYARD_SCHEDULER_CORE_ROWS_H_
#define SWITCHYARD_SCHEDULER_CORE_ROWS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "scheduler/core/entities.h"
#include "scheduler/core/state.h"

namespace switchyard::core {

pb::AllocationRow ToRow(const State& state, const Allocation& allocation);
// Position lists are kept as ranges.
std::vector<int32_t> Positions(const google::protobuf::RepeatedPtrField<pb::DeviceRange>& ranges);
void SetRanges(const std::vector<int32_t>& positions, google::protobuf::RepeatedPtrField<pb::DeviceRange>* ranges);
// DATA_LOSS if the node or group that it names is not configured.
absl::StatusOr<Allocation> FromRow(const State& state, const pb::AllocationRow& row);

pb::NodeRow ToRow(const Node& node);
void FromRow(const pb::NodeRow& row, Node* node);

// The face of a task that `job` shows, out of its allocation.
v1::Task ToTask(const State& state, const Allocation& allocation);
v1::AllocationStatus ToStatus(const State& state, const Allocation& allocation);

// What an agent shall do with an allocation.
v1::DesiredAllocation ToDesired(const State& state, const Allocation& allocation);

std::string OrphanKey(const Node& node, uint64_t id);

// Stable bytes of a message: equal messages give equal bytes within one build. For digests and rows; none has a map
// field.
std::string Bytes(const google::protobuf::MessageLite& message);

}  // namespace switchyard::core

#endif  // SWITCHYARD_SCHEDULER_CORE_ROWS_H_
