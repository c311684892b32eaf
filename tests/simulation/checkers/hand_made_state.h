// States of the core made by hand, so that a checker can be shown what a correct core never shows it.
#ifndef SWITCHYARD_TESTS_SIMULATION_CHECKERS_HAND_MADE_STATE_H_
#define SWITCHYARD_TESTS_SIMULATION_CHECKERS_HAND_MADE_STATE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "scheduler/core/state.h"
#include "simulation/script/script.h"
#include "switchyard/store/v1/rows.pb.h"
#include "tests/support/cluster_builder.h"

namespace switchyard::simulation {

constexpr MonoTime At(int64_t ms) { return MonoTime(ms); }

// Every node was heard in this term and its unallocated devices count idle.
core::State MakeState(const v1::ClusterConfiguration& configuration);

// Charges `watts` more (or, negative, less) on the chain of a node's group.
void Charge(core::State* state, uint32_t node, int group, Power watts);

// An allocation of whole devices, charged with its grant above their idle watts, ordered at `revision` and confirmed.
core::Allocation& AddAllocation(core::State* state, uint64_t id, uint32_t node, std::vector<int32_t> devices,
                                v1::JobKind kind, Power grant, uint64_t revision);
core::Job& AddJob(core::State* state, uint64_t id, v1::JobSpec spec, v1::JobState job_state);

core::Row AllocationRow(uint64_t id);
core::Row Deleted(core::RowKind kind, uint64_t id);
core::Row JobRow(const store::v1::JobRow& job);
core::Effects WithRows(std::vector<core::Row> rows);
core::Stamp StampAt(int64_t ms, uint64_t sequence);

store::v1::Command Heartbeat(const std::string& node);
store::v1::Command Report(const std::string& node, uint64_t allocation, uint64_t revision, Power confirmed);
Deed Fault(FaultKind kind, const std::string& subject, Duration span);
v1::DesiredAllocation Desired(uint64_t id, v1::JobKind kind, std::vector<std::string> devices, int share_milli = 1000);

}  // namespace switchyard::simulation

#endif  // SWITCHYARD_TESTS_SIMULATION_CHECKERS_HAND_MADE_STATE_H_
