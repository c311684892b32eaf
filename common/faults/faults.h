// Which mutation is active and which failpoint is armed: for the programs of the fault variant (switchyardd-faults,
// switchyard-sim) and for tests. Everything that is broken on purpose is named, with one sentence, in registry.inc.
//
// Promises: at most one mutation is active and at most one failpoint armed in a process; a name that is not in the
// registry is an error that lists what is. Nothing of this is in what ships.
#ifndef SWITCHYARD_COMMON_FAULTS_FAULTS_H_
#define SWITCHYARD_COMMON_FAULTS_FAULTS_H_

#ifndef SWITCHYARD_FAULTS
#error "only the fault variant can be broken: link <room>_faults or common_faults"
#endif

#include <cstdint>
#include <span>
#include <string>

#include "absl/status/status.h"

namespace switchyard::faults {

struct MutationInfo {
  const char* name;
  const char* profile;   // the scenario profile that provokes it
  const char* sentence;  // what the broken code does
};
struct FailpointInfo {
  const char* name;
  const char* path;      // request, commit, reply, order, expiry, plan, term
  const char* sentence;  // where the process dies
};

// The whole registry, in its own order.
std::span<const MutationInfo> Mutations();
std::span<const FailpointInfo> Failpoints();

// Makes this mutation the active one; "none" makes the process whole again. NOT_FOUND: no mutation has this name. Call
// it while nothing runs: a change of the rules in the middle of a run proves nothing.
absl::Status Activate(const std::string& mutation);

// How often a hook of the active mutation was asked since it was activated. A mutation that is never asked is never
// seen either: zero says that the profile does not provoke it.
uint64_t Reached();

// Arms the failpoint and the mutation that the environment names; neither where it names none. A program calls it
// first.
//   SWITCHYARD_MUTATION=<name>
//   SWITCHYARD_FAILPOINT=<name>[:<n>]    dies by SIGKILL at the n-th pass (default 1)
//   SWITCHYARD_FAILPOINT_HITS=<file>     to which the line "<name> <n>" is appended just before that
// INVALID_ARGUMENT: an unknown name, or an n that is not a number from 1 on.
absl::Status ArmFromEnvironment();

}  // namespace switchyard::faults

#endif  // SWITCHYARD_COMMON_FAULTS_FAULTS_H_
