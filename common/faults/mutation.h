// A mutation is one rule of the protocol broken on purpose, so that it can be shown that a check sees it. Its hook
// stands at the true place of the rule:
//
//   if (!allocation.acknowledged_at.has_value() && !SWITCHYARD_MUTATION(no_wait_for_confirmation)) return;
//
// Promises: in the shipped libraries the hook is the constant `false`, known to the compiler, so that nothing of it
// remains. In the fault variant (target `<room>_faults`, compiled with SWITCHYARD_FAULTS=1) it is true while that
// mutation is the active one; at most one is, for the whole process (common/faults/faults.h). A name that is not in
// common/faults/registry.inc does not compile in the variant. Pure rooms may use it: what they do still follows from
// their arguments and from a constant of the run.
#ifndef SWITCHYARD_COMMON_FAULTS_MUTATION_H_
#define SWITCHYARD_COMMON_FAULTS_MUTATION_H_

#ifndef SWITCHYARD_FAULTS

#define SWITCHYARD_MUTATION(name) false

#else

#include <atomic>
#include <cstdint>

namespace switchyard::faults {

enum class Mutation : int {
  none,
#define SWITCHYARD_FAILPOINT_ENTRY(name, path, sentence)
#define SWITCHYARD_MUTATION_ENTRY(name, profile, sentence) name,
#include "common/faults/registry.inc"
#undef SWITCHYARD_MUTATION_ENTRY
#undef SWITCHYARD_FAILPOINT_ENTRY
};

namespace internal {
extern std::atomic<Mutation> active_mutation;
extern std::atomic<uint64_t> mutations_reached;
}  // namespace internal

inline bool Broken(Mutation mutation) {
  if (internal::active_mutation.load(std::memory_order_relaxed) != mutation) [[likely]]
    return false;
  internal::mutations_reached.fetch_add(1, std::memory_order_relaxed);
  return true;
}

}  // namespace switchyard::faults

#define SWITCHYARD_MUTATION(name) (::switchyard::faults::Broken(::switchyard::faults::Mutation::name))

#endif  // SWITCHYARD_FAULTS

#endif  // SWITCHYARD_COMMON_FAULTS_MUTATION_H_
