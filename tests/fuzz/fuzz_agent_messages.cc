// What agents say, through the gate's validation into the core: hellos, reports, heartbeats and readings that lie.
#include <cstddef>
#include <cstdint>

#include "tests/fuzz/hostile_cluster.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  switchyard::testing::Bytes bytes(data, size);
  switchyard::testing::HostileCluster cluster;
  for (int step = 0; step < 40 && !bytes.empty(); ++step) {
    if (bytes.Below(3) == 0)
      cluster.Meanwhile(&bytes);
    else
      cluster.AgentMessage(&bytes);
  }
  return 0;
}
