// A small cluster whose clients and agents say whatever the fuzzer makes them say, through the gate's own validation.
// Between the hostile words the honest agents of the harness work on, and time passes. Every batch is checked against
// the invariants; a violation or a failed CHECK ends the process, which is what the fuzzer looks for.
#ifndef SWITCHYARD_TESTS_FUZZ_HOSTILE_CLUSTER_H_
#define SWITCHYARD_TESTS_FUZZ_HOSTILE_CLUSTER_H_

#include <string>

#include "tests/fuzz/message_maker.h"
#include "tests/support/core_harness.h"

namespace switchyard::testing {

class HostileCluster {
 public:
  HostileCluster();

  // One request of any kind; what the gate would refuse goes no further.
  void Request(Bytes* bytes);
  // One message of an agent, or an honest report with some of its fields changed.
  void AgentMessage(Bytes* bytes);
  // Agents work, time passes, a job of a known good shape arrives, the scheduler restarts.
  void Meanwhile(Bytes* bytes);

 private:
  std::string AnyNode(Bytes* bytes) const;

  CoreHarness cluster_;
};

}  // namespace switchyard::testing

#endif  // SWITCHYARD_TESTS_FUZZ_HOSTILE_CLUSTER_H_
