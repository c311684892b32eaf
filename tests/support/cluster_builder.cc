#include "tests/support/cluster_builder.h"

#include "common/check.h"

namespace switchyard::testing {
namespace {

v1::DeviceModel* AddDevice(v1::ClusterConfiguration& configuration, const std::string& id, v1::DeviceKind kind,
                           v1::PowerCycleClass power_cycle, v1::Enforcer enforcer, int64_t idle, int64_t min,
                           int64_t max) {
  v1::DeviceModel* model = configuration.add_device_models();
  model->set_id(id);
  model->set_kind(kind);
  model->set_power_cycle(power_cycle);
  model->set_enforcer(enforcer);
  model->set_idle_mw(idle * 1000);
  model->set_min_mw(min * 1000);
  model->set_max_mw(max * 1000);
  model->set_transient_mw(max * 1000);
  model->set_ramp_up_ms(2000);
  model->set_ramp_down_ms(1000);
  return model;
}

void AddPoint(v1::DeviceModel* model, const std::string& name, int64_t watts, int64_t ghs) {
  v1::OperatingPoint* point = model->add_operating_points();
  point->set_name(name);
  point->set_mw(watts * 1000);
  point->set_ghs(ghs);
}

void AddNodeModel(v1::ClusterConfiguration& configuration, const std::string& id, int64_t platform,
                  const std::string& group, const std::string& device, int count) {
  v1::NodeModel* model = configuration.add_node_models();
  model->set_id(id);
  model->set_platform_mw(platform * 1000);
  model->set_cpu_milli(64'000);
  model->set_memory_bytes(int64_t{512} << 30);
  model->set_disk_bytes(int64_t{1} << 40);
  v1::DeviceGroup* out = model->add_groups();
  out->set_name(group);
  out->set_device_model(device);
  out->set_count(count);
}

v1::JobSpec AiJob(const std::string& name, v1::JobKind kind, int tasks, int gpus, int priority) {
  v1::JobSpec spec;
  spec.set_name(name);
  spec.set_tenant("team");
  spec.set_kind(kind);
  spec.set_priority(priority);
  spec.set_grace_ms(5000);
  v1::TaskGroup* group = spec.add_groups();
  group->set_name("worker");
  group->set_count(tasks);
  group->add_command("/bin/true");
  group->mutable_resources()->set_gpus(gpus);
  return spec;
}

}  // namespace

ClusterBuilder::ClusterBuilder() {
  configuration_.set_cluster_id("test");
  v1::Site* site = configuration_.add_sites();
  site->set_id("site");
  v1::PricePoint* energy = site->add_energy_price();
  energy->set_value_micro_usd(40'000'000);  // 40 USD/MWh
  v1::PricePoint* hash = site->add_hashprice();
  hash->set_value_micro_usd(54'000'000);  // 54 USD/PH/day
  v1::Budget* meter = site->add_budgets();
  meter->set_id("meter");
  meter->set_kind(v1::METER);
  meter->set_cap_mw(1'000'000'000);
  meter->set_fault_reserve_mw(0);
  v1::DeviceModel* asic =
      AddDevice(configuration_, "asic", v1::ASIC, v1::PERSISTENT, v1::ENFORCER_DEVICE, 25, 1000, 3000);
  AddPoint(asic, "low", 1000, 80'000);
  AddPoint(asic, "high", 3000, 200'000);
  v1::DeviceModel* gpu =
      AddDevice(configuration_, "gpu", v1::GPU, v1::SELF_IDLE, v1::ENFORCER_SUPERVISOR, 100, 200, 700);
  gpu->set_limiter(true);
  gpu->set_memory_bytes(int64_t{80} << 30);
  v1::DeviceModel* cpu = AddDevice(configuration_, "cpu", v1::CPU, v1::SELF_IDLE, v1::ENFORCER_SUPERVISOR, 5, 5, 25);
  AddPoint(cpu, "full", 25, 1'000);  // far better than a real one, so that it pays in tests
  AddNodeModel(configuration_, "rack", 500, "asic", "asic", 10);
  AddNodeModel(configuration_, "server", 1000, "gpu", "gpu", 8);
  AddNodeModel(configuration_, "box", 20, "cpu", "cpu", 4);
  Tenant("team").add_members("*");
  timing().set_lease_ms(5000);
  timing().set_heartbeat_ms(1000);
  timing().set_dwell_ms(1);
  timing().set_margin_ms(500);
}

ClusterBuilder& ClusterBuilder::MeterCap(Power cap) {
  configuration_.mutable_sites(0)->mutable_budgets(0)->set_cap_mw(cap.count());
  return *this;
}

ClusterBuilder& ClusterBuilder::Budget(const std::string& id, v1::BudgetKind kind, Power cap,
                                       const std::string& parent) {
  v1::Budget* budget = configuration_.mutable_sites(0)->add_budgets();
  budget->set_id(id);
  budget->set_kind(kind);
  budget->set_cap_mw(cap.count());
  budget->set_fault_reserve_mw(0);
  if (!parent.empty()) {
    v1::BudgetEdge* edge = budget->add_feeds_from();
    edge->set_budget(parent);
    edge->set_coefficient_ppm(1'000'000);
  }
  return *this;
}

ClusterBuilder& ClusterBuilder::AddNode(const std::string& id, const std::string& model, const std::string& budget) {
  v1::Node* node = configuration_.add_nodes();
  node->set_id(id);
  node->set_site("site");
  node->set_model(model);
  v1::BudgetEdge* edge = node->add_feeds_from();
  edge->set_budget(budget);
  edge->set_coefficient_ppm(1'000'000);
  return *this;
}

v1::DeviceModel& ClusterBuilder::Device(const std::string& id) {
  for (v1::DeviceModel& model : *configuration_.mutable_device_models())
    if (model.id() == id) return model;
  SWITCHYARD_CHECK(false) << id;
  return *configuration_.mutable_device_models(0);
}

v1::Tenant& ClusterBuilder::Tenant(const std::string& id) {
  for (v1::Tenant& tenant : *configuration_.mutable_tenants())
    if (tenant.id() == id) return tenant;
  v1::Tenant* tenant = configuration_.add_tenants();
  tenant->set_id(id);
  return *tenant;
}

v1::JobSpec HashingJob(const std::string& name) {
  v1::JobSpec spec;
  spec.set_name(name);
  spec.set_tenant("team");
  spec.set_kind(v1::HASHING);
  spec.mutable_hashing()->set_pool("127.0.0.1:3333");
  spec.mutable_hashing()->set_user("wallet");
  return spec;
}

v1::JobSpec TrainingJob(const std::string& name, int tasks, int gpus, int priority) {
  return AiJob(name, v1::TRAINING, tasks, gpus, priority);
}
v1::JobSpec ServiceJob(const std::string& name, int replicas, int gpus, int priority) {
  return AiJob(name, v1::INFERENCE, replicas, gpus, priority);
}

}  // namespace switchyard::testing
