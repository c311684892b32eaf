// Builds cluster configurations for tests: only the fields that matter are said, the rest has plain values.
#ifndef SWITCHYARD_TESTS_SUPPORT_CLUSTER_BUILDER_H_
#define SWITCHYARD_TESTS_SUPPORT_CLUSTER_BUILDER_H_

#include <string>

#include "common/units.h"
#include "switchyard/v1/configuration.pb.h"
#include "switchyard/v1/job.pb.h"

namespace switchyard::testing {

// One site "site" with the meter "meter"; models "asic" (1 kW and 3 kW points, persistent, enforcer device), "gpu"
// (idle 100 W, max 700 W, limiter) and "cpu" (idle 5 W, max 25 W, one operating point); node models "rack" (10 asics),
// "server" (8 gpus) and "box" (4 cpus). Tenant "team" is everybody's.
class ClusterBuilder {
 public:
  ClusterBuilder();
  ClusterBuilder& MeterCap(Power cap);
  ClusterBuilder& Budget(const std::string& id, v1::BudgetKind kind, Power cap, const std::string& parent = "meter");
  ClusterBuilder& Rack(const std::string& id, const std::string& budget = "meter") {
    return AddNode(id, "rack", budget);
  }
  ClusterBuilder& Server(const std::string& id, const std::string& budget = "meter") {
    return AddNode(id, "server", budget);
  }
  ClusterBuilder& Box(const std::string& id, const std::string& budget = "meter") { return AddNode(id, "box", budget); }
  ClusterBuilder& AddNode(const std::string& id, const std::string& model, const std::string& budget);
  v1::DeviceModel& Device(const std::string& id);
  v1::Tenant& Tenant(const std::string& id);
  v1::Timing& timing() { return *configuration_.mutable_timing(); }
  v1::ClusterConfiguration& configuration() { return configuration_; }

 private:
  v1::ClusterConfiguration configuration_;
};

v1::JobSpec HashingJob(const std::string& name = "hash");
// A gang of `tasks`, each with `gpus` whole GPUs.
v1::JobSpec TrainingJob(const std::string& name, int tasks, int gpus, int priority = 100);
v1::JobSpec ServiceJob(const std::string& name, int replicas, int gpus, int priority = 100);

}  // namespace switchyard::testing

#endif  // SWITCHYARD_TESTS_SUPPORT_CLUSTER_BUILDER_H_
