// Questions that only the core can answer: bounds, headroom, what blocks, why a job waits. They change nothing.
#ifndef SWITCHYARD_SCHEDULER_CORE_VIEWS_H_
#define SWITCHYARD_SCHEDULER_CORE_VIEWS_H_

#include "absl/status/status.h"
#include "scheduler/core/state.h"

namespace switchyard::core {

absl::Status Answer(const State& state, const pb::Command& command, const Stamp& stamp, pb::CommandResult* result);

// Why a job waits or where it runs, by the same table and the same proposal as the scheduling round (explain.cc).
absl::Status Explain(const State& state, const pb::Command& command, const Stamp& stamp, v1::ExplainResponse* response);

v1::NodeStatus ToNodeStatus(const State& state, const Node& node, const Stamp& stamp);

}  // namespace switchyard::core

#endif  // SWITCHYARD_SCHEDULER_CORE_VIEWS_H_
