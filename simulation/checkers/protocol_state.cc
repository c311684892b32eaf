#include "simulation/checkers/protocol_state.h"

#include <algorithm>
#include <array>

#include "scheduler/core/plans.h"

namespace switchyard::simulation {
namespace {

constexpr std::array<const char*, kProtocolStates> kNames = {
    "never-heard", "scanning", "ready-idle",           "hashing",          "preparing", "prepared",
    "running-ai",  "stopping", "lowering-outstanding", "renewal-withheld", "plan-open", "plan-full",
    "expired",     "orphan",   "quarantined",          "commissioning",    "recovery",  "reload-pending"};

ProtocolStates OfAllocations(const core::State& state, const core::Node& node) {
  ProtocolStates states = 0;
  for (const uint64_t id : node.allocations) {
    const core::Allocation& allocation = state.allocations.at(id);
    if (allocation.phase == v1::STOP || allocation.reported == v1::TASK_STOPPING) {
      states |= Bit(ProtocolState::kStopping);
    } else if (allocation.kind == v1::HASHING) {
      states |= allocation.reported == v1::TASK_RUNNING ? Bit(ProtocolState::kHashing) : 0;
    } else if (allocation.reported == v1::TASK_PREPARED) {
      states |= Bit(ProtocolState::kPrepared);
    } else if (allocation.reported == v1::TASK_RUNNING) {
      states |= Bit(ProtocolState::kRunningAi);
    } else if (allocation.phase == v1::PREPARE) {
      states |= Bit(ProtocolState::kPreparing);
    }
  }
  return states;
}

bool Touches(const core::State& state, const core::Plan& plan, uint32_t node) {
  const auto member = [&](const store::v1::PlanMember& m) { return m.node() == state.nodes[node].id; };
  const auto victim = [&](const store::v1::PlanVictim& v) {
    const auto found = state.allocations.find(v.allocation());
    return found != state.allocations.end() && found->second.node == node;
  };
  return std::any_of(plan.row.members().begin(), plan.row.members().end(), member) ||
         std::any_of(plan.row.victims().begin(), plan.row.victims().end(), victim);
}

bool Unreported(const core::Node& node) { return !node.reported && !node.admitted && !node.lost; }

}  // namespace

const char* Name(ProtocolState state) { return kNames[static_cast<size_t>(state)]; }

ProtocolStates StatesOf(const core::State& state, uint32_t index, MonoTime mono) {
  const core::Node& node = state.nodes[index];
  ProtocolStates states = OfAllocations(state, node);
  if (Unreported(node)) states |= Bit(ProtocolState::kNeverHeard);
  if (node.scanning) states |= Bit(ProtocolState::kScanning);
  if (node.heard && node.allocations.empty() && node.session != 0) states |= Bit(ProtocolState::kReadyIdle);
  if (!node.lowerings.empty()) states |= Bit(ProtocolState::kLoweringOutstanding);
  const Duration confirm = Milliseconds(state.timing().confirm_timeout_ms());
  if (std::any_of(node.lowerings.begin(), node.lowerings.end(),
                  [&](const auto& l) { return mono > l.second + confirm; }))
    states |= Bit(ProtocolState::kRenewalWithheld);
  for (const auto& [id, plan] : state.plans) {
    if (!Touches(state, plan, index)) continue;
    states |= core::IsFull(plan) ? Bit(ProtocolState::kPlanFull) : Bit(ProtocolState::kPlanOpen);
  }
  if (node.expired) states |= Bit(ProtocolState::kExpired);
  const auto orphan = state.orphans.lower_bound({index, 0});
  if (orphan != state.orphans.end() && orphan->first.first == index) states |= Bit(ProtocolState::kOrphanPresent);
  for (const core::Group& group : node.groups) {
    if (!group.quarantined.empty()) states |= Bit(ProtocolState::kQuarantined);
  }
  // Some node of its site was never heard: the site's meter, if no other budget, is above both.
  if (std::any_of(state.nodes.begin(), state.nodes.end(),
                  [&](const core::Node& n) { return n.site_index == node.site_index && Unreported(n); }))
    states |= Bit(ProtocolState::kCommissioning);
  if (node.reported && !node.heard && !node.lost) states |= Bit(ProtocolState::kRecovery);
  return states;
}

}  // namespace switchyard::simulation
