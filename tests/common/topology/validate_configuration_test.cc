// Every rule once, as table rows: a change to a sound configuration, where the problem is seen, and a part of what is said.
#include "common/topology/validate_configuration.h"

#include <functional>

#include "common/topology/topology.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/common/topology/sample.h"

namespace switchyard::topology {
namespace {

using Configuration = v1::ClusterConfiguration;
using testing::HasSubstr;

struct Rule {
  const char* path;
  const char* says;
  std::function<void(Configuration*)> change;
};

v1::Site* Site(Configuration* c) { return c->mutable_sites(0); }
v1::Budget* Budget(Configuration* c, int i) { return c->mutable_sites(0)->mutable_budgets(i); }
v1::DeviceModel* Device(Configuration* c) { return c->mutable_device_models(0); }
v1::NodeModel* Model(Configuration* c) { return c->mutable_node_models(0); }
v1::Node* Node(Configuration* c) { return c->mutable_nodes(0); }
v1::Tenant* Tenant(Configuration* c) { return c->mutable_tenants(0); }

void AddPoint(Configuration* c, const char* name, int64_t watts, int64_t ghs) {
  Device(c)->set_kind(v1::ASIC);
  v1::OperatingPoint* point = Device(c)->add_operating_points();
  point->set_name(name);
  point->set_mw(Watts(watts).count());
  point->set_ghs(ghs);
}

const std::vector<Rule>& Rules() {
  static const std::vector<Rule> kRules = {
      {"cluster_id", "allowed are 1 to 63", [](Configuration* c) { c->set_cluster_id("Upper"); }},
      {"operators[0]", "is not a principal", [](Configuration* c) { c->add_operators("root"); }},
      {"sites", "0 sites, allowed are 1 to 64", [](Configuration* c) { c->clear_sites(); c->clear_nodes(); }},
      {"sites[1].id", "stands twice", [](Configuration* c) { *c->add_sites() = c->sites(0); }},
      {"sites[0].time_zone", "not an IANA name", [](Configuration* c) { Site(c)->set_time_zone("Pacific time"); }},
      {"sites[0].overhead_fixed_mw", "fixed overhead -1mW", [](Configuration* c) { Site(c)->set_overhead_fixed_mw(-1); }},
      {"sites[0].overhead_marginal_ppm", "allowed is 0 to 2000000", [](Configuration* c) { Site(c)->set_overhead_marginal_ppm(2'000'001); }},
      {"sites[0].overhead_lag_ms", "overhead lag", [](Configuration* c) { Site(c)->set_overhead_lag_ms(Hours(2).count()); }},
      {"sites[0].energy_price[0].value_micro_usd", "is the unit right?", [](Configuration* c) { Site(c)->add_energy_price()->set_value_micro_usd(int64_t{1} << 40); }},
      {"sites[0].hashprice[0].value_micro_usd", "is the unit right?", [](Configuration* c) { Site(c)->add_hashprice()->set_value_micro_usd(-1); }},
      {"sites[0].energy_price[1].from_utc_ms", "sort them", [](Configuration* c) { Site(c)->add_energy_price(); Site(c)->add_energy_price(); }},
      {"sites[0].energy_price[0].stale_after_ms", "stale_after", [](Configuration* c) { Site(c)->add_energy_price()->set_stale_after_ms(-1); }},
      {"sites[0].budgets", "no budget of kind meter",
       [](Configuration* c) { Budget(c, 0)->set_kind(v1::FEEDER); AddFeed(Budget(c, 0), "a"); }},
      {"sites[0].budgets", "2 budgets of kind meter (meter, extra)", [](Configuration* c) { AddBudget(Site(c), "extra", v1::METER, Watts(9)); }},
      {"sites[0].budgets", "in a circle: pdu -> a -> pdu; remove one",
       [](Configuration* c) { Budget(c, 1)->mutable_feeds_from(0)->set_budget("pdu"); }},
      {"sites[0].budgets[4].id", "stands twice", [](Configuration* c) { Budget(c, 4)->set_id("pdu"); Node(c)->mutable_feeds_from(0)->set_budget("pdu");
                                                                       c->mutable_nodes(1)->mutable_feeds_from(0)->set_budget("pdu"); }},
      {"sites[0].budgets[4].kind", "kind missing", [](Configuration* c) { Budget(c, 4)->clear_kind(); }},
      {"sites[0].budgets[4].kind", "made from feed_pairs", [](Configuration* c) { Budget(c, 4)->set_kind(v1::SURVIVOR); c->clear_nodes(); }},
      {"sites[0].budgets[4].cap_mw", "cap 0mW", [](Configuration* c) { Budget(c, 4)->clear_cap_mw(); }},
      {"sites[0].budgets[4].cap_mw", "required is at least 4kW (base load 0mW and platform watts 4kW beneath it)",
       [](Configuration* c) { Budget(c, 4)->set_cap_mw(Watts(3'999).count()); Budget(c, 4)->set_fault_reserve_mw(0); }},
      {"sites[0].feed_pairs[0].failover_cap_mw", "required is at least 5kW", [](Configuration* c) { Site(c)->mutable_feed_pairs(0)->set_failover_cap_mw(1); }},
      {"sites[0].budgets[4].power_factor_ppm", "power factor", [](Configuration* c) { Budget(c, 4)->set_power_factor_ppm(1'000'001); }},
      {"sites[0].budgets[4].base_load_mw", "base load", [](Configuration* c) { Budget(c, 4)->set_base_load_mw(-1); }},
      {"sites[0].budgets[4].fault_reserve_mw", "fault reserve", [](Configuration* c) { Budget(c, 4)->set_fault_reserve_mw(-2); }},
      {"sites[0].budgets[4].shed_deadline_ms", "shed deadline", [](Configuration* c) { Budget(c, 4)->set_shed_deadline_ms(1); }},
      {"sites[0].budgets[4].meter_lag_ms", "meter lag", [](Configuration* c) { Budget(c, 4)->set_meter_lag_ms(-1); }},
      {"sites[0].budgets[4].feeds_from", "feeds from nothing", [](Configuration* c) { Budget(c, 4)->clear_feeds_from(); }},
      {"sites[0].budgets[0].feeds_from", "a meter that feeds from", [](Configuration* c) { AddFeed(Budget(c, 0), "air"); }},
      {"sites[0].budgets[5].feeds_from", "a cooling zone that feeds from", [](Configuration* c) { AddFeed(Budget(c, 5), "meter"); }},
      {"sites[0].budgets[4].feeds_from[0].budget", "\"gone\", which is not a budget", [](Configuration* c) { Budget(c, 4)->mutable_feeds_from(0)->set_budget("gone"); }},
      {"sites[0].budgets[4].feeds_from[0].budget", "\"air\", a cooling zone", [](Configuration* c) { Budget(c, 4)->mutable_feeds_from(0)->set_budget("air"); }},
      {"sites[0].budgets[3].feeds_from[1].budget", "twice", [](Configuration* c) { Budget(c, 3)->mutable_feeds_from(1)->set_budget("a"); }},
      {"sites[0].budgets[3].feeds_from", "sum to 90.0000%, required is 100%", [](Configuration* c) { Budget(c, 3)->mutable_feeds_from(1)->set_coefficient_ppm(400'000); }},
      {"sites[0].budgets[3].feeds_from[1].coefficient_ppm", "allowed is above 0%",
       [](Configuration* c) { Budget(c, 3)->mutable_feeds_from(1)->set_coefficient_ppm(-1); }},
      {"sites[0].feed_pairs[0].id", "stands twice", [](Configuration* c) { Site(c)->mutable_feed_pairs(0)->set_id("air"); }},
      {"sites[0].feed_pairs[0].a", "not a budget of this site", [](Configuration* c) { Site(c)->mutable_feed_pairs(0)->set_a("gone"); }},
      {"sites[0].feed_pairs[0].a", "not of kind feeder", [](Configuration* c) { Site(c)->mutable_feed_pairs(0)->set_a("pdu"); }},
      {"sites[0].feed_pairs[0].b", "required are two", [](Configuration* c) { Site(c)->mutable_feed_pairs(0)->set_b("a"); }},
      {"sites[0].feed_pairs[0].failover_cap_mw", "failover cap", [](Configuration* c) { Site(c)->mutable_feed_pairs(0)->set_failover_cap_mw(0); }},
      {"device_models[1].id", "stands twice", [](Configuration* c) { *c->add_device_models() = c->device_models(0); }},
      {"device_models[0].kind", "kind missing", [](Configuration* c) { Device(c)->clear_kind(); }},
      {"device_models[0].power_cycle", "power_cycle missing", [](Configuration* c) { Device(c)->clear_power_cycle(); }},
      {"device_models[0].enforcer", "enforcer missing", [](Configuration* c) { Device(c)->clear_enforcer(); }},
      {"device_models[0].min_mw", "min 49W is below idle 50W", [](Configuration* c) { Device(c)->set_min_mw(Watts(49).count()); }},
      {"device_models[0].max_mw", "max 199W is below min 200W", [](Configuration* c) { Device(c)->set_max_mw(Watts(199).count()); }},
      {"device_models[0].transient_mw", "transient 1W is below max 700W", [](Configuration* c) { Device(c)->set_transient_mw(Watts(1).count()); }},
      {"device_models[0].prepare_mw", "prepare_watts 651W above idle 50W is more than max 700W",
       [](Configuration* c) { Device(c)->set_prepare_mw(Watts(651).count()); }},
      {"device_models[0].prepare_mw", "allowed is 0mW to 1MW", [](Configuration* c) { Device(c)->set_prepare_mw(-1); }},
      {"device_models[0].fallback_mw", "without operating points it never hashes", [](Configuration* c) { Device(c)->set_fallback_mw(Watts(300).count()); }},
      {"device_models[0].fallback_mw", "allowed is 0W (off) or 300W or 400W; choose one",
       [](Configuration* c) { AddPoint(c, "x", 300, 1); AddPoint(c, "y", 400, 2); Device(c)->set_fallback_mw(Watts(350).count()); }},
      {"device_models[0].fallback_mw", "fallback 701W, allowed is 200W to 700W",
       [](Configuration* c) { AddPoint(c, "x", 300, 1); Device(c)->set_kind(v1::CPU); Device(c)->set_limiter(true); Device(c)->set_fallback_mw(Watts(701).count()); }},
      {"sites[0].budgets[4].ramp_up_mw", "ramp_up (a minute) -1mW", [](Configuration* c) { Budget(c, 4)->set_ramp_up_mw(-1); }},
      {"sites[0].budgets[4].ramp_up_mw", "required is 0W (no limit) or at least 250W, the largest step of one device beneath it",
       [](Configuration* c) { AddPoint(c, "x", 300, 1); Budget(c, 4)->set_ramp_up_mw(Watts(249).count()); }},
      {"device_models[0].max_mw", "allowed is 1mW to 1MW", [](Configuration* c) { Device(c)->set_max_mw(Watts(1'000'001).count()); }},
      {"device_models[0].ramp_up_ms", "ramp_up", [](Configuration* c) { Device(c)->set_ramp_up_ms(-1); }},
      {"device_models[0].ramp_down_ms", "ramp_down", [](Configuration* c) { Device(c)->set_ramp_down_ms(Hours(2).count()); }},
      {"device_models[0].memory_bytes", "memory", [](Configuration* c) { Device(c)->set_memory_bytes(-1); }},
      {"device_models[0].operating_points", "a GPU with operating points", [](Configuration* c) { AddPoint(c, "x", 300, 1); Device(c)->set_kind(v1::GPU); }},
      {"device_models[0].operating_points[0].mw", "allowed is min 200W to max 700W", [](Configuration* c) { AddPoint(c, "x", 100, 1); }},
      {"device_models[0].operating_points[1].mw", "required are rising watts", [](Configuration* c) { AddPoint(c, "x", 300, 1); AddPoint(c, "y", 300, 2); }},
      {"device_models[0].operating_points[1].ghs", "only costs watts", [](Configuration* c) { AddPoint(c, "x", 300, 2); AddPoint(c, "y", 400, 2); }},
      {"device_models[0].operating_points[1].name", "stands twice", [](Configuration* c) { AddPoint(c, "x", 300, 2); AddPoint(c, "x", 400, 3); }},
      {"node_models[1].id", "stands twice", [](Configuration* c) { *c->add_node_models() = c->node_models(0); }},
      {"node_models[0].platform_mw", "platform", [](Configuration* c) { Model(c)->set_platform_mw(-1); }},
      {"node_models[0].cpu_milli", "cpus", [](Configuration* c) { Model(c)->set_cpu_milli(-1); }},
      {"node_models[0].memory_bytes", "memory", [](Configuration* c) { Model(c)->set_memory_bytes(-1); }},
      {"node_models[0].disk_bytes", "disk", [](Configuration* c) { Model(c)->set_disk_bytes(-1); }},
      {"node_models[0].groups", "0 device groups, allowed are 1 to 8", [](Configuration* c) { Model(c)->clear_groups(); }},
      {"node_models[0].groups[0].name", "the node's own watts", [](Configuration* c) { Model(c)->mutable_groups(0)->set_name("platform"); }},
      {"node_models[0].groups[1].name", "stands twice", [](Configuration* c) { *Model(c)->add_groups() = Model(c)->groups(0); }},
      {"node_models[0].groups[0].device_model", "is not known", [](Configuration* c) { Model(c)->mutable_groups(0)->set_device_model("x"); }},
      {"node_models[0].groups[0].count", "allowed is 1 to 512", [](Configuration* c) { Model(c)->mutable_groups(0)->set_count(513); }},
      {"node_models[0].groups[0].liquid_ppm", "liquid share", [](Configuration* c) { Model(c)->mutable_groups(0)->set_liquid_ppm(1'000'001); }},
      {"node_models[0].counts[0].count", "allowed is 1 to", [](Configuration* c) { Model(c)->add_counts()->set_name("licences"); }},
      {"node_models[0].labels[0].key", "label \"\"", [](Configuration* c) { Model(c)->add_labels(); }},
      {"nodes[1].id", "stands twice", [](Configuration* c) { c->mutable_nodes(1)->set_id("n1"); }},
      {"nodes[0].id", "not a name", [](Configuration* c) { Node(c)->set_id("n_1"); }},
      {"nodes[0].site", "site \"x\" is not known", [](Configuration* c) { Node(c)->set_site("x"); }},
      {"nodes[0].model", "model \"x\" is not known", [](Configuration* c) { Node(c)->set_model("x"); }},
      {"nodes[0].feeds_from", "0 feeds, allowed are 1 to 4", [](Configuration* c) { Node(c)->clear_feeds_from(); }},
      {"nodes[0].feeds_from[0].budget", "a survivor, which carries no power", [](Configuration* c) { Node(c)->mutable_feeds_from(0)->set_budget("pair"); }},
      {"nodes[0].air_zone", "is not a budget", [](Configuration* c) { Node(c)->set_air_zone("x"); }},
      {"nodes[0].air_zone", "not of kind cooling_zone", [](Configuration* c) { Node(c)->set_air_zone("pdu"); }},
      {"nodes[0].liquid_zone", "gives heat to liquid", [](Configuration* c) { Node(c)->clear_liquid_zone(); }},
      {"nodes[0].rack", "rack \"R 1\"", [](Configuration* c) { Node(c)->set_rack("R 1"); }},
      {"nodes[0].switch_name", "switch", [](Configuration* c) { Node(c)->set_switch_name("S/1"); }},
      {"nodes[0].labels[1].key", "stands twice", [](Configuration* c) { Node(c)->add_labels()->set_key("k"); Node(c)->add_labels()->set_key("k"); }},
      {"nodes[0].taints[0]", "taint", [](Configuration* c) { Node(c)->add_taints("A b"); }},
      {"nodes[0].owner", "is not a tenant", [](Configuration* c) { Node(c)->set_owner("x"); }},
      {"tenants[1].id", "stands twice", [](Configuration* c) { c->add_tenants()->set_id("t"); }},
      {"tenants[0].members[0]", "for everybody", [](Configuration* c) { Tenant(c)->add_members("alice"); }},
      {"tenants[0].weight", "allowed is 1 to 1000000", [](Configuration* c) { Tenant(c)->set_weight(-1); }},
      {"tenants[0].quota_mw", "quota", [](Configuration* c) { Tenant(c)->set_quota_mw(-1); }},
      {"tenants[0].quota_gpu_milli", "GPU quota", [](Configuration* c) { Tenant(c)->set_quota_gpu_milli(-1); }},
      {"tenants[0].borrow_mw", "borrow without a quota", [](Configuration* c) { Tenant(c)->set_borrow_mw(1); }},
      {"tenants[0].max_pending_jobs", "max_pending_jobs", [](Configuration* c) { Tenant(c)->set_max_pending_jobs(-1); }},
      {"timing.lease_ms", "lease 500ms", [](Configuration* c) { c->mutable_timing()->set_lease_ms(500); }},
      {"timing.heartbeat_ms", "allowed is 100ms to 15s", [](Configuration* c) { c->mutable_timing()->set_heartbeat_ms(15'001); }},
      {"timing.margin_ms", "margin", [](Configuration* c) { c->mutable_timing()->set_margin_ms(-1); }},
      {"timing.confirm_timeout_ms", "confirm_timeout", [](Configuration* c) { c->mutable_timing()->set_confirm_timeout_ms(1); }},
      {"timing.prepare_timeout_ms", "prepare_timeout", [](Configuration* c) { c->mutable_timing()->set_prepare_timeout_ms(1); }},
      {"timing.member_timeout_ms", "member_timeout", [](Configuration* c) { c->mutable_timing()->set_member_timeout_ms(1); }},
      {"timing.restart_hold_ms", "restart_hold", [](Configuration* c) { c->mutable_timing()->set_restart_hold_ms(1); }},
      {"timing.backoff_initial_ms", "backoff_initial", [](Configuration* c) { c->mutable_timing()->set_backoff_initial_ms(1); }},
      {"timing.backoff_max_ms", "backoff_max", [](Configuration* c) { c->mutable_timing()->set_backoff_max_ms(500); }},
      {"timing.dwell_ms", "dwell", [](Configuration* c) { c->mutable_timing()->set_dwell_ms(-1); }},
      {"timing.report_interval_ms", "report_interval", [](Configuration* c) { c->mutable_timing()->set_report_interval_ms(1); }},
      {"timing.history_ms", "history", [](Configuration* c) { c->mutable_timing()->set_history_ms(1); }},
      {"timing.start_grace_ms", "start_grace", [](Configuration* c) { c->mutable_timing()->set_start_grace_ms(1); }},
      {"timing.ramp_scale_ppm", "ramp_scale", [](Configuration* c) { c->mutable_timing()->set_ramp_scale_ppm(1); }},
  };
  return kRules;
}

TEST(ValidateConfigurationTest, TheSampleIsSound) { EXPECT_EQ(validation::FormatProblems(ValidateConfiguration(Sample())), ""); }

TEST(ValidateConfigurationTest, EveryRuleIsSeenAtItsPlaceAndSaysWhatIsWrong) {
  for (const Rule& rule : Rules()) {
    Configuration configuration = Sample();
    rule.change(&configuration);
    bool found = false;
    const std::vector<validation::Problem> problems = ValidateConfiguration(configuration);
    for (const validation::Problem& problem : problems) {
      found = found || (problem.path == rule.path && problem.message.find(rule.says) != std::string::npos);
    }
    EXPECT_TRUE(found) << rule.path << " saying \"" << rule.says << "\" among:\n" << validation::FormatProblems(problems);
  }
}

TEST(ValidateConfigurationTest, AllProblemsAreFoundAtOnce) {
  Configuration configuration = Sample();
  Node(&configuration)->set_model("x");
  Budget(&configuration, 4)->set_cap_mw(0);
  Tenant(&configuration)->set_weight(-1);
  EXPECT_EQ(ValidateConfiguration(configuration).size(), 3u);
}

TEST(ValidateConfigurationTest, AFeedOfItselfIsACircle) {
  Configuration configuration = Sample();
  Budget(&configuration, 4)->mutable_feeds_from(0)->set_budget("rack");
  EXPECT_THAT(validation::FormatProblems(ValidateConfiguration(configuration)), HasSubstr("in a circle: rack -> rack"));
}

TEST(ValidateConfigurationTest, AChainAboveSixteenBudgetsNamesTheNode) {
  Configuration configuration = Sample();
  std::string above = "rack";
  for (int i = 0; i < 10; ++i) {
    const std::string id = "r" + std::to_string(i);
    AddFeed(AddBudget(Site(&configuration), id, v1::RACK, Watts(40'000)), above);
    above = id;
  }
  Node(&configuration)->mutable_feeds_from(0)->set_budget(above);
  const std::vector<validation::Problem> problems = ValidateConfiguration(configuration);
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0].path, "nodes[0].feeds_from");
  EXPECT_THAT(problems[0].message, HasSubstr("its watts load 18 budgets, allowed are 16"));
}

TEST(ValidateConfigurationTest, ProblemsAreBounded) {
  Configuration configuration = Sample();
  for (int i = 0; i < 1000; ++i) configuration.add_nodes()->set_id("n1");
  EXPECT_EQ(ValidateConfiguration(configuration).size(), validation::kMaxProblems);
}

TEST(ApplyDefaultsTest, WhatIsNotSetGetsItsDefaultAndTwiceIsOnce) {
  Configuration configuration = Sample();
  ApplyDefaults(&configuration);
  EXPECT_EQ(configuration.timing().lease_ms(), 30'000);
  EXPECT_EQ(configuration.timing().heartbeat_ms(), 5'000);
  EXPECT_EQ(configuration.sites(0).time_zone(), "UTC");
  EXPECT_EQ(configuration.sites(0).budgets(0).shed_deadline_ms(), 10'000);
  EXPECT_EQ(configuration.sites(0).budgets(0).fault_reserve_mw(), -1);
  EXPECT_EQ(configuration.device_models(0).transient_mw(), Watts(700).count());
  EXPECT_EQ(configuration.nodes(0).rack(), "n1");
  EXPECT_EQ(configuration.tenants(0).weight(), 1);
  EXPECT_EQ(configuration.operators(0), "uid:0");
  Configuration again = configuration;
  ApplyDefaults(&again);
  EXPECT_EQ(again.SerializeAsString(), configuration.SerializeAsString());
}

TEST(ApplyDefaultsTest, ALeaseOfItsOwnBringsItsHeartbeat) {
  Configuration configuration = Sample();
  configuration.mutable_timing()->set_lease_ms(6'000);
  ApplyDefaults(&configuration);
  EXPECT_EQ(configuration.timing().heartbeat_ms(), 1'000);
}

TEST(ApplyDefaultsTest, ANodeOffersItsCpuDevicesWhereItsModelDoesNotSay) {
  Configuration configuration = Sample();
  Device(&configuration)->set_kind(v1::CPU);
  ApplyDefaults(&configuration);
  EXPECT_EQ(configuration.node_models(0).cpu_milli(), 8'000);
}

TEST(WarningsTest, NameplatesAboveACapAreNamedWithTheirSum) {
  Configuration configuration = Sample();
  Budget(&configuration, 4)->set_cap_mw(Watts(10'000).count());
  const std::vector<validation::Problem> warnings = Warnings(configuration);
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_EQ(warnings[0].path, "sites[0].budgets[4].cap_mw");
  EXPECT_THAT(warnings[0].message, HasSubstr("budget \"s/rack\": nameplates beneath it sum to 15.2kW, its cap is 10kW; it starts in commissioning"));
}

TEST(WarningsTest, MinersThatCannotFundFirmAiAreNamedWithTheReason) {
  Configuration configuration = Sample();
  AddPoint(&configuration, "x", 300, 1);
  EXPECT_TRUE(Warnings(configuration).empty());
  Device(&configuration)->set_enforcer(v1::ENFORCER_AGENT);
  ASSERT_EQ(Warnings(configuration).size(), 1u);
  EXPECT_THAT(Warnings(configuration)[0].message, HasSubstr("enforcer agent means"));
  Device(&configuration)->set_power_cycle(v1::NEITHER);
  ASSERT_EQ(Warnings(configuration).size(), 1u);
  EXPECT_THAT(Warnings(configuration)[0].message, HasSubstr("counts its nameplate always"));
  configuration.clear_nodes();
  EXPECT_TRUE(Warnings(configuration).empty()) << "a model that no node has";
}

}  // namespace
}  // namespace switchyard::topology
