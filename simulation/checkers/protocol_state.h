// The states of the protocol in which a fault can strike a node, for the table fault kind x protocol state.
#ifndef SWITCHYARD_SIMULATION_CHECKERS_PROTOCOL_STATE_H_
#define SWITCHYARD_SIMULATION_CHECKERS_PROTOCOL_STATE_H_

#include <cstdint>

#include "common/units.h"
#include "scheduler/core/state.h"

namespace switchyard::simulation {

enum class ProtocolState : uint8_t {
  kNeverHeard,  // configured, no report in this store's history
  kScanning,
  kReadyIdle,  // heard, and nothing is placed on it
  kHashing,
  kPreparing,
  kPrepared,
  kRunningAi,
  kStopping,
  kLoweringOutstanding,  // a lowering is not yet acknowledged
  kRenewalWithheld,      // for longer than confirm_timeout
  kPlanOpen,             // of which the node is a member or holds a victim
  kPlanFull,
  kExpired,
  kOrphanPresent,
  kQuarantined,
  kCommissioning,  // a budget above it is
  kRecovery,       // it was heard in an earlier term and not yet in this one
  kReloadPending,  // a changed configuration is on its way to the disk
  kCount
};
inline constexpr int kProtocolStates = static_cast<int>(ProtocolState::kCount);
const char* Name(ProtocolState state);

// A set of states, one bit each.
using ProtocolStates = uint32_t;
inline ProtocolStates Bit(ProtocolState state) { return uint32_t{1} << static_cast<int>(state); }

// Of one node; kReloadPending is not the core's to know. `mono` is on the term's clock.
ProtocolStates StatesOf(const core::State& state, uint32_t node, MonoTime mono);

}  // namespace switchyard::simulation

#endif  // SWITCHYARD_SIMULATION_CHECKERS_PROTOCOL_STATE_H_
