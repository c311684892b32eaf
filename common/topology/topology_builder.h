// Internal to this room: the build behind Topology::Build, for the validator that must see the sums of a sound structure.
#ifndef SWITCHYARD_COMMON_TOPOLOGY_TOPOLOGY_BUILDER_H_
#define SWITCHYARD_COMMON_TOPOLOGY_TOPOLOGY_BUILDER_H_

#include "common/topology/topology.h"
#include "switchyard/v1/configuration.pb.h"

namespace switchyard::topology {

// REQUIRES: names resolve, there is no cycle, defaults are applied. Chains may be too long and caps too small.
Topology BuildTopology(const v1::ClusterConfiguration& configuration);

}  // namespace switchyard::topology

#endif  // SWITCHYARD_COMMON_TOPOLOGY_TOPOLOGY_BUILDER_H_
