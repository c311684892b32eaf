// The one place of configuration.proto's defaults.
#include "common/topology/validate_configuration.h"

namespace switchyard::topology {
namespace {

constexpr int64_t kWhole = 1'000'000;

template <typename Message>
void Default(Message* message, int64_t (Message::*get)() const, void (Message::*set)(int64_t), int64_t value) {
  if ((message->*get)() == 0) (message->*set)(value);
}

void DefaultTiming(v1::Timing* timing) {
  using T = v1::Timing;
  Default(timing, &T::lease_ms, &T::set_lease_ms, Seconds(30).count());
  Default(timing, &T::heartbeat_ms, &T::set_heartbeat_ms, timing->lease_ms() / 6);
  Default(timing, &T::margin_ms, &T::set_margin_ms, Seconds(2).count());
  Default(timing, &T::confirm_timeout_ms, &T::set_confirm_timeout_ms, Seconds(10).count());
  Default(timing, &T::prepare_timeout_ms, &T::set_prepare_timeout_ms, Seconds(60).count());
  Default(timing, &T::member_timeout_ms, &T::set_member_timeout_ms, Minutes(2).count());
  Default(timing, &T::restart_hold_ms, &T::set_restart_hold_ms, Minutes(2).count());
  Default(timing, &T::backoff_initial_ms, &T::set_backoff_initial_ms, Seconds(1).count());
  Default(timing, &T::backoff_max_ms, &T::set_backoff_max_ms, Minutes(5).count());
  Default(timing, &T::dwell_ms, &T::set_dwell_ms, Seconds(30).count());
  Default(timing, &T::report_interval_ms, &T::set_report_interval_ms, Seconds(1).count());
  Default(timing, &T::history_ms, &T::set_history_ms, Hours(24 * 30).count());
  Default(timing, &T::ramp_scale_ppm, &T::set_ramp_scale_ppm, kWhole);
  Default(timing, &T::start_grace_ms, &T::set_start_grace_ms, Seconds(10).count());
}

template <typename Owner>
void DefaultEdges(Owner* owner) {
  for (v1::BudgetEdge& edge : *owner->mutable_feeds_from()) {
    Default(&edge, &v1::BudgetEdge::coefficient_ppm, &v1::BudgetEdge::set_coefficient_ppm, kWhole);
  }
}

void DefaultSite(v1::Site* site) {
  if (site->time_zone().empty()) site->set_time_zone("UTC");
  Default(site, &v1::Site::overhead_lag_ms, &v1::Site::set_overhead_lag_ms, Seconds(30).count());
  for (v1::Budget& budget : *site->mutable_budgets()) {
    using B = v1::Budget;
    Default(&budget, &B::power_factor_ppm, &B::set_power_factor_ppm, kWhole);
    Default(&budget, &B::shed_deadline_ms, &B::set_shed_deadline_ms, Seconds(10).count());
    Default(&budget, &B::meter_lag_ms, &B::set_meter_lag_ms, Seconds(1).count());
    if (!budget.has_fault_reserve_mw()) budget.set_fault_reserve_mw(-1);
    DefaultEdges(&budget);
  }
}

// Thousandths of a CPU that a node offers when its model does not say: all of its CPU devices.
int64_t CpuDevices(const v1::ClusterConfiguration& configuration, const v1::NodeModel& model) {
  int64_t devices = 0;
  for (const v1::DeviceGroup& group : model.groups()) {
    for (const v1::DeviceModel& device : configuration.device_models()) {
      if (device.id() == group.device_model() && device.kind() == v1::CPU) devices += group.count();
    }
  }
  return devices;
}

}  // namespace

void ApplyDefaults(v1::ClusterConfiguration* configuration) {
  DefaultTiming(configuration->mutable_timing());
  if (configuration->operators().empty()) configuration->add_operators("uid:0");
  for (v1::Site& site : *configuration->mutable_sites()) DefaultSite(&site);
  for (v1::DeviceModel& model : *configuration->mutable_device_models()) {
    Default(&model, &v1::DeviceModel::transient_mw, &v1::DeviceModel::set_transient_mw, model.max_mw());
  }
  for (v1::NodeModel& model : *configuration->mutable_node_models()) {
    Default(&model, &v1::NodeModel::cpu_milli, &v1::NodeModel::set_cpu_milli, 1000 * CpuDevices(*configuration, model));
  }
  for (v1::Node& node : *configuration->mutable_nodes()) {
    DefaultEdges(&node);
    if (node.rack().empty()) node.set_rack(node.id());
  }
  for (v1::Tenant& tenant : *configuration->mutable_tenants()) {
    Default(&tenant, &v1::Tenant::weight, &v1::Tenant::set_weight, 1);
    Default(&tenant, &v1::Tenant::max_pending_jobs, &v1::Tenant::set_max_pending_jobs, 100'000);
  }
}

}  // namespace switchyard::topology
