// switchyardd --dev: a cluster of one machine for newcomers. A site "dev" with a meter that is too small for all that hangs on it,
// so that hashing really has to yield: this machine as a real node, simulated racks of miners and GPU servers, and a pool.
//
// Everything is in one directory (default ~/.switchyard/dev), whose files are written once and may then be edited.
#ifndef SWITCHYARD_SCHEDULER_DAEMON_DEV_CLUSTER_H_
#define SWITCHYARD_SCHEDULER_DAEMON_DEV_CLUSTER_H_

#include <string>

#include "absl/status/status.h"
#include "scheduler/daemon/child_processes.h"
#include "scheduler/daemon/options.h"

namespace switchyard::daemon {

class DevCluster {
 public:
  // Writes what is missing in the directory and points `options` there: configuration, store, socket. What the command line gave
  // (--config, --listen) is kept.
  absl::Status Prepare(Options* options);

  // Once the scheduler listens: starts agents and pool, and prints how to talk to the cluster.
  absl::Status Start(const Options& options);

  // Ends agents and pool. Tasks are the supervisors', not the agents': the next --dev finds them as they are.
  void Stop() { children_.End(); }

 private:
  absl::Status WriteOnce(const std::string& name, const std::string& text) const;

  std::string directory_;
  ChildProcesses children_;
};

}  // namespace switchyard::daemon

#endif  // SWITCHYARD_SCHEDULER_DAEMON_DEV_CLUSTER_H_
