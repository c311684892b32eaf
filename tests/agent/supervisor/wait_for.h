// Waiting for a condition of another process: as long as it takes, up to a limit that only a broken program reaches.
#ifndef SWITCHYARD_TESTS_AGENT_SUPERVISOR_WAIT_FOR_H_
#define SWITCHYARD_TESTS_AGENT_SUPERVISOR_WAIT_FOR_H_

#include <poll.h>

#include "agent/supervisor/task_directory.h"

namespace switchyard::agent::supervisor {

inline constexpr int64_t kWaitLimitMs = 60'000;

template <typename Condition>
bool WaitFor(Condition condition) {
  const int64_t limit = BootMilliseconds() + kWaitLimitMs;
  while (!condition()) {
    if (BootMilliseconds() > limit) return false;
    poll(nullptr, 0, 2);
  }
  return true;
}

}  // namespace switchyard::agent::supervisor

#endif  // SWITCHYARD_TESTS_AGENT_SUPERVISOR_WAIT_FOR_H_
