// What an agent says (docs/protocol.md, "Lease" and "Session"): who it is, what its machine shows, that it lives.
#ifndef SWITCHYARD_SCHEDULER_CORE_SESSIONS_H_
#define SWITCHYARD_SCHEDULER_CORE_SESSIONS_H_

#include "scheduler/core/state.h"

namespace switchyard::core {

// A start of a term: every node counts as renewed now, nothing is heard yet, the sets get this batch's revision.
void StartTerm(Step& step, const pb::StartTerm& term);

void Hello(Step& step, const pb::AgentHello& hello);
void Report(Step& step, const pb::AgentReport& report);
void Heartbeat(Step& step, const pb::AgentHeartbeat& heartbeat);
void TakeTelemetry(Step& step, const pb::AgentTelemetry& telemetry);
void EndSession(Step& step, uint64_t session);

// A node's timer: expiry of its lease, silence, drain deadline, a lowering not acknowledged, an unreachable gang
// member.
void NodeTimer(Step& step, uint32_t node);

// When the lease of a node has run out for certain: receipt x drift + enforcement + worst ramp. Never without a lease.
MonoTime LeaseExpiry(const State& state, const Node& node);

// A sign of life came within the last three heartbeats.
bool Speaks(const State& state, const Node& node, MonoTime now);

// No sign of life for three heartbeats, or none at all to a restored store: raises beneath its budgets freeze.
bool Silent(const State& state, const Node& node, MonoTime now);

// Takes new work: ready, heard from in this term, its lease runs, and what it draws is known.
bool Available(const State& state, const Node& node, MonoTime now);

v1::NodeState StateOf(const Node& node);

}  // namespace switchyard::core

#endif  // SWITCHYARD_SCHEDULER_CORE_SESSIONS_H_
