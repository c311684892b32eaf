#include "simulation/script/cluster.h"

#include <algorithm>
#include <string>
#include <utility>

#include "common/check.h"
#include "common/topology/topology.h"
#include "common/topology/validate_configuration.h"
#include "fmt/format.h"
#include "simulation/script/dice.h"

namespace switchyard::simulation {
namespace {

constexpr int64_t kWhole = 1'000'000;
constexpr int64_t kUsd = 1'000'000;
constexpr int64_t kGiB = int64_t{1} << 30;

int64_t Milli(int64_t watts) { return watts * 1000; }
int64_t Percent(int64_t value, int64_t percent) { return value * percent / 100; }

class Maker {
 public:
  Maker(uint64_t seed, const Recipe& recipe) : seed_(seed), recipe_(recipe), dice_(seed, "cluster") {}

  v1::ClusterConfiguration Make() {
    out_.set_cluster_id("simulated");
    out_.add_operators("user:ops");
    MakeTiming(dice_.For("timing"));
    MakeMiners(dice_.For("miners"));
    MakeServers(dice_.For("servers"));
    MakeBudgets(dice_.For("budgets"));
    MakeTenants(dice_.For("tenants"));
    MakeNodes(dice_.For("nodes"));
    MakeCaps(dice_.For("caps"));
    topology::ApplyDefaults(&out_);
    return std::move(out_);
  }

 private:
  void MakeTiming(Dice dice) {
    v1::Timing* timing = out_.mutable_timing();
    timing->set_lease_ms(dice.Between(recipe_.lease_least.count() / 1000, recipe_.lease_most.count() / 1000) * 1000);
    timing->set_heartbeat_ms(std::min<int64_t>(timing->lease_ms() / 5, 10'000));
    timing->set_margin_ms(dice.Between(1, 3) * 1000);
    timing->set_confirm_timeout_ms(dice.Between(6, 12) * 1000);
    timing->set_prepare_timeout_ms(recipe_.prepare_timeout.count());
    timing->set_member_timeout_ms(dice.Between(50, 100) * 1000);
    timing->set_restart_hold_ms(dice.Between(20, 60) * 1000);
    timing->set_backoff_initial_ms(1000);
    timing->set_backoff_max_ms(dice.Between(20, 40) * 1000);
    timing->set_dwell_ms(dice.Span(recipe_.dwell_least, recipe_.dwell_most).count());
    timing->set_report_interval_ms(dice.Between(4, 7) * 1000);
    timing->set_start_grace_ms(10'000);
  }

  v1::DeviceModel* AddDevice(const std::string& id, v1::DeviceKind kind, v1::PowerCycleClass power_cycle,
                             v1::Enforcer enforcer) {
    v1::DeviceModel* model = out_.add_device_models();
    model->set_id(id);
    model->set_kind(kind);
    model->set_power_cycle(power_cycle);
    model->set_enforcer(enforcer);
    return model;
  }

  // Two to four points from the lowest limit to the maximum, ever less worth per watt.
  void AddPoints(v1::DeviceModel* model, Dice* dice) {
    const int points = dice->Int(2, 4);
    int64_t mw = model->min_mw(), ghs = mw / 1000 * dice->Between(48, 70);
    for (int i = 0; i < points; ++i) {
      v1::OperatingPoint* point = model->add_operating_points();
      point->set_name(fmt::format("p{}", i));
      point->set_mw(mw);
      point->set_ghs(ghs);
      const int64_t next = i + 2 == points ? model->max_mw() : mw + (model->max_mw() - mw) / (points - i);
      ghs += (next - mw) / 1000 * dice->Between(26 - 4 * i, 34 - 4 * i) + 1;
      mw = next;
    }
  }

  void MakeMiners(Dice dice) {
    const int models = dice.Int(2, 3);
    for (int m = 0; m < models; ++m) {
      const bool sure = m == 0 && recipe_.sure_miner;
      v1::DeviceModel* model =
          AddDevice(fmt::format("asic-{}", m), v1::ASIC, sure ? v1::PERSISTENT : dice.Pick(recipe_.classes),
                    sure ? v1::ENFORCER_DEVICE : dice.Pick(recipe_.enforcers));
      model->set_idle_mw(Milli(dice.Between(8, 40)));
      model->set_min_mw(Milli(dice.Between(800, 1400)));
      model->set_max_mw(Milli(dice.Between(2400, 3600)));
      if (dice.Chance(recipe_.transient_percent))
        model->set_transient_mw(Percent(model->max_mw(), dice.Between(101, 112)));
      model->set_ramp_up_ms(dice.Between(1000, 12'000));
      model->set_ramp_down_ms(dice.Span(recipe_.ramp_down_least, recipe_.ramp_down_most).count());
      model->set_limiter(true);
      AddPoints(model, &dice);
      for (int size = 0; size < 2; ++size) {
        AddMinerNode(fmt::format("miners-{}-{}", m, size), model->id(),
                     dice.Int(recipe_.devices_least, recipe_.devices_most), &dice);
      }
    }
    if (recipe_.large_rack_every > 0 && seed_ % static_cast<uint64_t>(recipe_.large_rack_every) == 0) {
      AddMinerNode("miners-large", "asic-0", kLargeRack, &dice);
    }
  }
  void AddMinerNode(const std::string& id, const std::string& device, int count, Dice* dice) {
    v1::NodeModel* model = out_.add_node_models();
    model->set_id(id);
    model->set_platform_mw(Milli(dice->Between(150, 600)));
    model->set_memory_bytes(kGiB);
    v1::DeviceGroup* group = model->add_groups();
    group->set_name("asic");
    group->set_device_model(device);
    group->set_count(count);
    if (dice->Chance(30)) group->set_liquid_ppm(dice->Between(100'000, 950'000));
  }

  void MakeServers(Dice dice) {
    v1::DeviceModel* cpu = AddDevice("cpu", v1::CPU, v1::SELF_IDLE, v1::ENFORCER_SUPERVISOR);
    cpu->set_idle_mw(Milli(4));
    cpu->set_min_mw(Milli(4));
    cpu->set_max_mw(Milli(dice.Between(18, 30)));
    cpu->set_ramp_up_ms(200);
    cpu->set_ramp_down_ms(dice.Between(100, 1000));
    v1::OperatingPoint* full = cpu->add_operating_points();
    full->set_name("full");
    full->set_mw(cpu->max_mw());
    full->set_ghs(cpu->max_mw() / 1000 * 40);  // as good as an ASIC, or it would never hash

    for (int m = 0; m < 2; ++m) {
      const std::vector<v1::Enforcer> enforcers = {v1::ENFORCER_SUPERVISOR, v1::ENFORCER_SUPERVISOR,
                                                   v1::ENFORCER_DEVICE, v1::ENFORCER_NONE};
      v1::DeviceModel* gpu = AddDevice(fmt::format("gpu-{}", m), v1::GPU, v1::SELF_IDLE,
                                       m == 0 ? v1::ENFORCER_SUPERVISOR : dice.Pick(enforcers));
      gpu->set_idle_mw(Milli(dice.Between(40, 100)));
      gpu->set_min_mw(Milli(dice.Between(150, 250)));
      gpu->set_max_mw(Milli(dice.Between(400, 1000)));
      if (dice.Chance(recipe_.transient_percent)) gpu->set_transient_mw(Percent(gpu->max_mw(), dice.Between(101, 108)));
      gpu->set_ramp_up_ms(dice.Between(100, 1500));
      gpu->set_ramp_down_ms(dice.Between(100, 1500));
      gpu->set_limiter(m == 0 || dice.Chance(60));
      gpu->set_memory_bytes(dice.Between(1, 2) * 40 * kGiB);
      gpu->set_prepare_mw(Milli(dice.Between(0, 40)));

      v1::NodeModel* server = out_.add_node_models();
      server->set_id(fmt::format("server-{}", m));
      server->set_platform_mw(Milli(dice.Between(500, 1200)));
      server->set_cpu_milli(64'000);
      server->set_memory_bytes(512 * kGiB);
      server->set_disk_bytes(1024 * kGiB);
      AddGroup(server, "gpu", gpu->id(), dice.Chance(50) ? 8 : 4)
          ->set_liquid_ppm(dice.Chance(50) ? dice.Between(300'000, 900'000) : 0);
      if (dice.Chance(40)) AddGroup(server, "cpu", "cpu", 8);
    }
    v1::NodeModel* box = out_.add_node_models();
    box->set_id("box");
    box->set_platform_mw(Milli(dice.Between(60, 120)));
    box->set_memory_bytes(128 * kGiB);
    box->set_disk_bytes(256 * kGiB);
    AddGroup(box, "cpu", "cpu", dice.Chance(50) ? 16 : 12);
  }
  v1::DeviceGroup* AddGroup(v1::NodeModel* model, const std::string& name, const std::string& device, int count) {
    v1::DeviceGroup* group = model->add_groups();
    group->set_name(name);
    group->set_device_model(device);
    group->set_count(count);
    return group;
  }

  v1::Budget* AddBudget(v1::Site* site, const std::string& id, v1::BudgetKind kind, Dice* dice) {
    v1::Budget* budget = site->add_budgets();
    budget->set_id(id);
    budget->set_kind(kind);
    budget->set_cap_mw(topology::kMaxCap.count());  // until MakeCaps knows what hangs on it
    if (!reserves_) budget->set_fault_reserve_mw(0);
    budget->set_meter_lag_ms(dice->Between(200, 2000));
    return budget;
  }
  template <typename Owner>
  void Feed(Owner* owner, const std::string& budget, int64_t share_ppm = kWhole) {
    v1::BudgetEdge* edge = owner->add_feeds_from();
    edge->set_budget(budget);
    edge->set_coefficient_ppm(share_ppm);
  }

  // The meter, two feeders with their survivor, PDUs of two racks each; zones that cross them.
  void MakeBudgets(Dice dice) {
    reserves_ = dice.Chance(recipe_.reserve_percent);
    v1::Site* site = out_.add_sites();
    site->set_id("s");
    site->add_energy_price()->set_value_micro_usd(dice.Between(30, 70) * kUsd);
    site->add_hashprice()->set_value_micro_usd(dice.Between(45, 75) * kUsd);
    site->set_overhead_fixed_mw(Milli(dice.Between(1000, 8000)));
    site->set_overhead_marginal_ppm(dice.Between(recipe_.overhead_least_ppm, recipe_.overhead_most_ppm));
    site->set_overhead_lag_ms(dice.Span(recipe_.overhead_lag_least, recipe_.overhead_lag_most).count());
    AddBudget(site, "meter", v1::METER, &dice);
    for (const char* feeder : {"feeder-a", "feeder-b"}) Feed(AddBudget(site, feeder, v1::FEEDER, &dice), "meter");
    const int pdus = (recipe_.racks + 1) / 2;
    for (int p = 0; p < pdus; ++p) MakePdu(AddBudget(site, fmt::format("pdu-{}", p), v1::PDU, &dice), &dice);
    for (int r = 0; r < recipe_.racks; ++r) {
      Feed(AddBudget(site, fmt::format("rack-{}", r), v1::RACK, &dice), fmt::format("pdu-{}", r / 2));
    }
    for (const char* zone : {"air-0", "air-1", "liquid"}) AddBudget(site, zone, v1::COOLING_ZONE, &dice);
    v1::FeedPair* pair = site->add_feed_pairs();
    pair->set_id("survivor");
    pair->set_a("feeder-a");
    pair->set_b("feeder-b");
    pair->set_failover_cap_mw(topology::kMaxCap.count());
  }
  void MakePdu(v1::Budget* pdu, Dice* dice) {
    if (dice->Chance(25)) pdu->set_base_load_mw(Milli(dice->Between(100, 2000)));
    const bool a_first = dice->Chance(50);
    const std::string first = a_first ? "feeder-a" : "feeder-b", second = a_first ? "feeder-b" : "feeder-a";
    const int draw = dice->Int(0, 99);
    if (draw < recipe_.paired_percent) {
      Feed(pdu, first, kWhole / 2);
      Feed(pdu, second, kWhole / 2);
    } else if (draw < recipe_.paired_percent + recipe_.odd_shares_percent) {
      Feed(pdu, first, 333'333);
      Feed(pdu, second, 666'667);
    } else {
      Feed(pdu, first);
    }
  }

  void MakeTenants(Dice dice) {
    const std::vector<std::string> names = {"mine", "lab", "web", "guest"};
    const int count = dice.Int(2, 4);
    for (int t = 0; t < count; ++t) {
      v1::Tenant* tenant = out_.add_tenants();
      tenant->set_id(names[static_cast<size_t>(t)]);
      tenant->add_members("user:" + tenant->id());
      tenant->set_weight(dice.Between(1, 3));
      if (t > 0 && dice.Chance(40)) tenant->set_quota_gpu_milli(dice.Between(12, 40) * 1000);
      if (t > 0 && dice.Chance(25)) {
        tenant->set_quota_mw(Milli(dice.Between(10'000, 40'000)));
        tenant->set_borrow_mw(Milli(dice.Between(0, 10'000)));
      }
    }
  }

  // Kinds in random order over the racks, so that every rack is a mixture; at least two nodes of each kind.
  void MakeNodes(Dice dice) {
    std::vector<std::string> miners;
    for (const v1::NodeModel& model : out_.node_models()) {
      if (model.id().starts_with("miners-") && model.id() != "miners-large") miners.push_back(model.id());
    }
    const bool large = out_.node_models().end() !=
                       std::find_if(out_.node_models().begin(), out_.node_models().end(),
                                    [](const v1::NodeModel& model) { return model.id() == "miners-large"; });
    for (int n = 0; n < recipe_.nodes; ++n) {
      const int draw = dice.Int(0, 99);
      std::string model;
      if (n < 2 || (n >= 6 && draw < recipe_.miners_percent)) {
        model = n < 2 ? miners.front() : dice.Pick(miners);
      } else if (n < 4 || (n >= 6 && draw < 100 - recipe_.boxes_percent)) {
        model = dice.Chance(50) ? "server-0" : "server-1";
      } else {
        model = "box";
      }
      MakeNode(n, large && n == 0 ? "miners-large" : model, &dice);
    }
  }
  void MakeNode(int n, const std::string& model, Dice* dice) {
    v1::Node* node = out_.add_nodes();
    node->set_id(fmt::format("n{:02}", n));
    node->set_site("s");
    node->set_model(model);
    const int rack = dice->Int(0, recipe_.racks - 1);
    if (dice->Chance(10)) {  // two cords, in two racks
      Feed(node, fmt::format("rack-{}", rack), kWhole / 2);
      Feed(node, fmt::format("rack-{}", (rack + 1) % recipe_.racks), kWhole / 2);
    } else {
      Feed(node, fmt::format("rack-{}", rack));
    }
    node->set_rack(fmt::format("r{}", rack));
    node->set_switch_name(fmt::format("sw{}", rack / 3));
    node->set_air_zone(n % 2 == 0 ? "air-0" : "air-1");
    node->set_liquid_zone("liquid");
    v1::Label* hall = node->add_labels();
    hall->set_key("hall");
    hall->set_value(n % 3 == 0 ? "north" : "south");
    if (model.starts_with("miners-") && dice->Chance(6)) node->set_owner("mine");
  }

  void MakeCaps(Dice dice) {
    v1::ClusterConfiguration complete = out_;
    topology::ApplyDefaults(&complete);
    const std::vector<BudgetLoad> loads = Loads(complete);
    const auto survivor = loads.size() - 1;
    for (size_t b = 0; b < loads.size(); ++b) {
      const Power range = loads[b].most - loads[b].always;
      const int64_t percent = b == survivor ? dice.Between(recipe_.survivor_least, recipe_.survivor_most)
                                            : dice.Between(recipe_.cap_least, recipe_.cap_most);
      // A watt above zero where nothing hangs; a little room where everything that hangs there counts its maximum
      // always.
      SetCap(&out_, b, loads[b].always + range * percent / 100 + loads[b].always / 50 + Watts(100));
    }
  }

  const uint64_t seed_;
  const Recipe& recipe_;
  const Dice dice_;
  bool reserves_ = true;
  v1::ClusterConfiguration out_;
};

// What a device counts with nothing granted, once its first setting is confirmed.
Power AtRest(const v1::DeviceModel& model) {
  return Milliwatts(model.power_cycle() == v1::NEITHER ? model.max_mw() : model.idle_mw());
}

}  // namespace

v1::ClusterConfiguration MakeCluster(uint64_t seed, const Recipe& recipe) { return Maker(seed, recipe).Make(); }

std::vector<BudgetLoad> Loads(const v1::ClusterConfiguration& configuration) {
  const absl::StatusOr<topology::Topology> topology = topology::Topology::Build(configuration);
  SWITCHYARD_CHECK(topology.ok()) << topology.status().message();
  std::map<std::string, const v1::DeviceModel*> devices;
  for (const v1::DeviceModel& model : configuration.device_models()) devices.emplace(model.id(), &model);
  std::map<std::string, const v1::NodeModel*> models;
  for (const v1::NodeModel& model : configuration.node_models()) models.emplace(model.id(), &model);

  std::vector<BudgetLoad> loads;
  for (const topology::BudgetInfo& budget : topology->budgets()) loads.push_back({budget.base, budget.base});
  const auto add = [&](uint32_t node, int group, Power always, Power most) {
    for (const topology::ChainEdge& edge : topology->ChainFor(node, group)) {
      loads[edge.budget].always += ScaleUp(always, edge.coefficient);
      loads[edge.budget].most += ScaleUp(most, edge.coefficient);
    }
  };
  for (int n = 0; n < configuration.nodes_size(); ++n) {
    const v1::NodeModel& model = *models.at(configuration.nodes(n).model());
    const Power platform = Milliwatts(model.platform_mw());
    add(static_cast<uint32_t>(n), topology::kPlatform, platform, platform);
    for (int g = 0; g < model.groups_size(); ++g) {
      const v1::DeviceModel& device = *devices.at(model.groups(g).device_model());
      const int64_t count = model.groups(g).count();
      add(static_cast<uint32_t>(n), g, AtRest(device) * count, Milliwatts(device.max_mw()) * count);
    }
  }
  return loads;
}

std::vector<std::string> BudgetNames(const v1::ClusterConfiguration& configuration) {
  std::vector<std::string> names;
  for (const v1::Site& site : configuration.sites()) {
    for (const v1::Budget& budget : site.budgets()) names.push_back(site.id() + "/" + budget.id());
    for (const v1::FeedPair& pair : site.feed_pairs()) names.push_back(site.id() + "/" + pair.id());
  }
  return names;
}

Power CapOf(const v1::ClusterConfiguration& configuration, size_t index) {
  for (const v1::Site& site : configuration.sites()) {
    const auto budgets = static_cast<size_t>(site.budgets_size()), pairs = static_cast<size_t>(site.feed_pairs_size());
    if (index < budgets) return Milliwatts(site.budgets(static_cast<int>(index)).cap_mw());
    if (index < budgets + pairs)
      return Milliwatts(site.feed_pairs(static_cast<int>(index - budgets)).failover_cap_mw());
    index -= budgets + pairs;
  }
  SWITCHYARD_CHECK(false) << "no such budget";
  return Power();
}

void SetCap(v1::ClusterConfiguration* configuration, size_t index, Power cap) {
  const int64_t mw = (cap.count() + 999) / 1000 * 1000;
  for (v1::Site& site : *configuration->mutable_sites()) {
    const auto budgets = static_cast<size_t>(site.budgets_size()), pairs = static_cast<size_t>(site.feed_pairs_size());
    if (index < budgets) return site.mutable_budgets(static_cast<int>(index))->set_cap_mw(mw);
    if (index < budgets + pairs)
      return site.mutable_feed_pairs(static_cast<int>(index - budgets))->set_failover_cap_mw(mw);
    index -= budgets + pairs;
  }
  SWITCHYARD_CHECK(false) << "no such budget";
}

}  // namespace switchyard::simulation
