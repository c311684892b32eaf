// The file in which a simulated node's devices outlive its process. One record, written to a neighbour and renamed: a
// killed process leaves the old one or the new one. Not synced: what is simulated need not survive the machine. Times
// stand in it as UTC, so that ramps go on by time under another process's clock.
#ifndef SWITCHYARD_AGENT_RUNTIME_SIMULATED_STATE_CODEC_H_
#define SWITCHYARD_AGENT_RUNTIME_SIMULATED_STATE_CODEC_H_

#include "absl/status/status.h"

namespace switchyard::agent::simulated {

class Node;

class StateCodec {
 public:
  // OK without a file: the node is new. DATA_LOSS names a file that cannot be read.
  static absl::Status Load(Node* node);
  static absl::Status Save(const Node& node);
};

}  // namespace switchyard::agent::simulated

#endif  // SWITCHYARD_AGENT_RUNTIME_SIMULATED_STATE_CODEC_H_
