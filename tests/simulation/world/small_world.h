// A cluster small enough for a test to know all of it: one site, one feeder, two GPU servers.
#ifndef SWITCHYARD_TESTS_SIMULATION_WORLD_SMALL_WORLD_H_
#define SWITCHYARD_TESTS_SIMULATION_WORLD_SMALL_WORLD_H_

#include <string>

#include "common/validation/job_spec.h"
#include "simulation/script/script.h"
#include "simulation/world/observer.h"

namespace switchyard::simulation {

inline v1::ClusterConfiguration SmallCluster() {
  v1::ClusterConfiguration cluster;
  cluster.set_cluster_id("small");
  v1::Site& site = *cluster.add_sites();
  site.set_id("site");
  v1::Budget& meter = *site.add_budgets();
  meter.set_id("meter");
  meter.set_kind(v1::METER);
  meter.set_cap_mw(20'000'000);
  v1::DeviceModel& gpu = *cluster.add_device_models();
  gpu.set_id("gpu");
  gpu.set_kind(v1::GPU);
  gpu.set_power_cycle(v1::SELF_IDLE);
  gpu.set_enforcer(v1::ENFORCER_SUPERVISOR);
  gpu.set_idle_mw(50'000);
  gpu.set_min_mw(100'000);
  gpu.set_max_mw(400'000);
  gpu.set_ramp_up_ms(500);
  gpu.set_ramp_down_ms(1'000);
  gpu.set_limiter(true);
  v1::NodeModel& model = *cluster.add_node_models();
  model.set_id("server");
  model.set_platform_mw(300'000);
  model.set_cpu_milli(32'000);
  model.set_memory_bytes(int64_t{256} << 30);
  v1::DeviceGroup& group = *model.add_groups();
  group.set_name("gpu");
  group.set_device_model("gpu");
  group.set_count(4);
  for (const char* name : {"n1", "n2"}) {
    v1::Node& node = *cluster.add_nodes();
    node.set_id(name);
    node.set_site("site");
    node.set_model("server");
    node.add_feeds_from()->set_budget("meter");
  }
  v1::Tenant& tenant = *cluster.add_tenants();
  tenant.set_id("lab");
  tenant.add_members("*");
  cluster.mutable_timing()->set_lease_ms(30'000);
  cluster.mutable_timing()->set_heartbeat_ms(5'000);
  cluster.mutable_timing()->set_report_interval_ms(5'000);
  return cluster;
}

inline Deed SubmitDeed(MonoTime at, const std::string& key, Duration runs) {
  Deed deed;
  deed.at = at;
  deed.kind = Deed::Kind::kSubmit;
  deed.key = key;
  deed.runs = runs;
  deed.job.set_name(key);
  deed.job.set_tenant("lab");
  deed.job.set_kind(v1::TRAINING);
  v1::TaskGroup& group = *deed.job.add_groups();
  group.set_count(1);
  group.add_command("/usr/bin/work");
  group.mutable_resources()->set_gpus(2);
  validation::ApplyJobDefaults(&deed.job);
  return deed;
}

inline Deed FaultDeed(MonoTime at, FaultKind fault, const std::string& subject, Duration span, int64_t amount = 0) {
  Deed deed;
  deed.at = at;
  deed.fault = fault;
  deed.subject = subject;
  deed.span = span;
  deed.amount = amount;
  return deed;
}

inline Script SmallScript(uint64_t seed, Duration length) {
  Script script;
  script.seed = seed;
  script.length = length;
  script.configuration = SmallCluster();
  return script;
}

// An observer that keeps nothing: a test overrides what it wants to know.
class Watcher : public Observer {
 public:
  void OnInstruction(MonoTime, const std::string&, const v1::DesiredAllocation&) override {}
  void OnGone(MonoTime, const std::string&, uint64_t, uint32_t) override {}
  void OnStart(MonoTime, Leader, const core::State&) override {}
  void OnDecided(MonoTime, Leader, const core::Stamp&, const std::vector<store::v1::Command>&, const core::Effects&,
                 const core::Core&) override {}
  void OnDurable(MonoTime, Leader, uint64_t, const std::vector<core::Row>&) override {}
  void OnDead(MonoTime, Leader) override {}
  void OnAnswer(MonoTime, const std::string&, const store::v1::Command&, const core::Reply&) override {}
  void OnDown(MonoTime, const v1::SchedulerMessage&, bool) override {}
  void OnUp(MonoTime, Leader, const v1::AgentMessage&) override {}
  void OnFault(MonoTime, const Deed&) override {}
  void OnEnd(MonoTime, const core::State&, bool) override {}
  absl::Status verdict() const override { return absl::OkStatus(); }
};

}  // namespace switchyard::simulation

#endif  // SWITCHYARD_TESTS_SIMULATION_WORLD_SMALL_WORLD_H_
