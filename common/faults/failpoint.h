// A failpoint is a named place at which a process can be made to die as if it were murdered there:
//
//   SWITCHYARD_FAILPOINT("commit.before");
//
// Promises: in the shipped libraries the statement is nothing. In the fault variant (compiled with SWITCHYARD_FAULTS=1)
// the n-th pass of the armed failpoint ends the process by SIGKILL, after one line about it was appended to a file
// (common/faults/faults.h says how one is armed). A name that is not in common/faults/registry.inc does not compile in
// the variant. Not for pure rooms: they are killed at the edges of what they decide.
#ifndef SWITCHYARD_COMMON_FAULTS_FAILPOINT_H_
#define SWITCHYARD_COMMON_FAULTS_FAILPOINT_H_

#ifndef SWITCHYARD_FAULTS

#define SWITCHYARD_FAILPOINT(name) static_cast<void>(0)
// Passes only where the condition holds; it is evaluated only while this failpoint is armed.
#define SWITCHYARD_FAILPOINT_IF(name, condition) static_cast<void>(0)

#else

#include <atomic>
#include <string_view>

namespace switchyard::faults {

inline constexpr std::string_view kFailpointNames[] = {
#define SWITCHYARD_FAILPOINT_ENTRY(name, path, sentence) name,
#define SWITCHYARD_MUTATION_ENTRY(name, profile, sentence)
#include "common/faults/registry.inc"
#undef SWITCHYARD_MUTATION_ENTRY
#undef SWITCHYARD_FAILPOINT_ENTRY
};

// Position in the registry; -1: it is not there.
constexpr int FailpointIndex(std::string_view name) {
  int index = 0;
  for (const std::string_view known : kFailpointNames) {
    if (known == name) return index;
    ++index;
  }
  return -1;
}

namespace internal {
extern std::atomic<int> armed_failpoint;  // -1: none
void CountPass();                         // of the armed failpoint; does not return from the pass that was armed
}  // namespace internal

inline bool Armed(int index) { return internal::armed_failpoint.load(std::memory_order_relaxed) == index; }

}  // namespace switchyard::faults

#define SWITCHYARD_FAILPOINT(name) SWITCHYARD_FAILPOINT_IF(name, true)
#define SWITCHYARD_FAILPOINT_IF(name, condition)                                                                       \
  do {                                                                                                                 \
    constexpr int switchyard_failpoint = ::switchyard::faults::FailpointIndex(name);                                   \
    static_assert(switchyard_failpoint >= 0, "this failpoint is not in common/faults/registry.inc");                   \
    if (::switchyard::faults::Armed(switchyard_failpoint) && (condition)) ::switchyard::faults::internal::CountPass(); \
  } while (false)

#endif  // SWITCHYARD_FAULTS

#endif  // SWITCHYARD_COMMON_FAULTS_FAILPOINT_H_
