// A small sound cluster for this room's tests, built by message: a meter with a PUE of 1.25, a pair of feeders, a PDU on both, one
// rack behind it, and an air and a liquid zone.
#ifndef SWITCHYARD_TESTS_COMMON_TOPOLOGY_SAMPLE_H_
#define SWITCHYARD_TESTS_COMMON_TOPOLOGY_SAMPLE_H_

#include <string>
#include <vector>

#include "common/units.h"
#include "switchyard/v1/configuration.pb.h"

namespace switchyard::topology {

inline v1::Budget* AddBudget(v1::Site* site, const std::string& id, v1::BudgetKind kind, Power cap) {
  v1::Budget* budget = site->add_budgets();
  budget->set_id(id);
  budget->set_kind(kind);
  budget->set_cap_mw(cap.count());
  return budget;
}

template <typename Owner>
void AddFeed(Owner* owner, const std::string& budget, int64_t ppm = 1'000'000) {
  v1::BudgetEdge* edge = owner->add_feeds_from();
  edge->set_budget(budget);
  edge->set_coefficient_ppm(ppm);
}

inline v1::ClusterConfiguration Sample() {
  v1::ClusterConfiguration configuration;
  configuration.set_cluster_id("test");
  v1::Site* site = configuration.add_sites();
  site->set_id("s");
  site->set_overhead_fixed_mw(Watts(5'000).count());
  site->set_overhead_marginal_ppm(250'000);
  AddBudget(site, "meter", v1::METER, Watts(100'000));
  AddFeed(AddBudget(site, "a", v1::FEEDER, Watts(60'000)), "meter");
  AddFeed(AddBudget(site, "b", v1::FEEDER, Watts(60'000)), "meter");
  v1::Budget* pdu = AddBudget(site, "pdu", v1::PDU, Watts(50'000));
  AddFeed(pdu, "a", 500'000);
  AddFeed(pdu, "b", 500'000);
  pdu->set_base_load_mw(Watts(1'000).count());
  AddFeed(AddBudget(site, "rack", v1::RACK, Watts(40'000)), "pdu");
  AddBudget(site, "air", v1::COOLING_ZONE, Watts(60'000));
  AddBudget(site, "water", v1::COOLING_ZONE, Watts(60'000));
  v1::FeedPair* pair = site->add_feed_pairs();
  pair->set_id("pair");
  pair->set_a("a");
  pair->set_b("b");
  pair->set_failover_cap_mw(Watts(55'000).count());

  v1::DeviceModel* gpu = configuration.add_device_models();
  gpu->set_id("gpu");
  gpu->set_kind(v1::GPU);
  gpu->set_power_cycle(v1::SELF_IDLE);
  gpu->set_enforcer(v1::ENFORCER_SUPERVISOR);
  gpu->set_idle_mw(Watts(50).count());
  gpu->set_min_mw(Watts(200).count());
  gpu->set_max_mw(Watts(700).count());
  v1::NodeModel* model = configuration.add_node_models();
  model->set_id("server");
  model->set_platform_mw(Watts(2'000).count());
  v1::DeviceGroup* group = model->add_groups();
  group->set_name("gpu");
  group->set_device_model("gpu");
  group->set_count(8);
  group->set_liquid_ppm(940'000);

  for (const char* id : {"n1", "n2"}) {
    v1::Node* node = configuration.add_nodes();
    node->set_id(id);
    node->set_site("s");
    node->set_model("server");
    node->set_air_zone("air");
    node->set_liquid_zone("water");
    AddFeed(node, "rack");
  }
  configuration.add_tenants()->set_id("t");
  return configuration;
}

}  // namespace switchyard::topology

#endif  // SWITCHYARD_TESTS_COMMON_TOPOLOGY_SAMPLE_H_
