#include "common/configuration/cluster_file.h"

#include <filesystem>

#include "common/platform/files.h"
#include "common/units.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace switchyard::configuration {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Every key of the schema stands here once. Rows of the table below change one line of it.
constexpr char kSound[] = R"(cluster: test
operators: [uid:0, cn:operator]
timing: {lease: 6s, heartbeat: 1s, margin: 1s, confirm_timeout: 5s, prepare_timeout: 30s, member_timeout: 1m, restart_hold: 1m, backoff_initial: 1s, backoff_max: 1m, dwell: 5s, report_interval: 1s, history: 7d, ramp_scale: 10%, start_grace: 5s}
sites:
  - id: s
    time_zone: America/Los_Angeles
    energy_price:
      - {value: 0.05USD/kWh}
      - {from: 2026-11-23T00:00:00Z, value: -12USD/MWh, source: utility, stale_after: 2h}
    hashprice: 54USD/PH/day
    overhead_fixed: 5kW
    overhead_marginal: 25%
    overhead_lag: 1m
    budgets:
      - {id: meter, kind: meter, cap: 1MW, shed_deadline: 20s, meter_lag: 2s, ramp_up: 100kW}
      - {id: a, kind: feeder, cap: 600kVA, power_factor: 0.95, feeds_from: meter}
      - {id: b, kind: feeder, cap: 600kW, feeds_from: [meter]}
      - {id: pdu-1, kind: pdu, cap: 500kW, base_load: 1kW, fault_reserve: 0W, feeds_from: [{budget: a, share: 50%}, {budget: b, share: 50%}]}
      - {id: pdu-2, kind: rack, cap: 500kW, feeds_from: a}
      - {id: air, kind: cooling_zone, cap: 900kW}
      - {id: water, kind: cooling_zone, cap: 900kW}
    feed_pairs:
      - {id: pair, a: a, b: b, failover_cap: 550kW}
device_models:
  - {id: miner, kind: asic, power_cycle: persistent, enforcer: device, idle: 25W, min: 2kW, max: 3.5kW, transient: 4kW, prepare_watts: 15W, fallback: 2kW, ramp_up: 60s, ramp_down: 5s, limiter: true, operating_points: [{name: low, power: 2kW, rate: 150TH/s}, {name: full, power: 3500W, rate: 234TH/s}]}
  - {id: gpu, kind: gpu, power_cycle: self_idle, enforcer: supervisor, idle: 50W, min: 200W, max: 700W, memory: 80GiB}
node_models:
  - {id: miners, platform: 500W, groups: [{name: asic, device_model: miner, count: 10}]}
  - {id: server, platform: 2kW, cpus: 64, memory: 1TiB, disk: 2TiB, groups: [{name: gpu, device_model: gpu, count: 8, liquid: 94%}], counts: {licences: 4}, labels: {gpu: h100}}
nodes:
  - {id: "rack-[1-2]", site: s, model: miners, feeds_from: pdu-$n, air_zone: air, rack: row-$n, owner: mining, labels: {row: r$n}}
  - {id: gpu-1, site: s, model: server, feeds_from: pdu-1, air_zone: air, liquid_zone: water, switch: leaf-1, taints: [ai]}
tenants:
  - {id: mining, members: ["*"], weight: 2}
  - {id: ai, members: [user:alice, uid:1000], quota: 20kW, quota_gpus: 8, borrow: 5kW, max_pending_jobs: 100}
)";

std::string Changed(const std::string& from, const std::string& to) {
  std::string text = kSound;
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

std::string Error(const std::string& text) { return std::string(ParseClusterText(text, "site.yaml").status().message()); }

TEST(ClusterFileTest, EveryKeyFillsItsField) {
  const absl::StatusOr<ClusterFile> file = ParseClusterText(kSound, "site.yaml");
  ASSERT_TRUE(file.ok()) << file.status();
  const v1::ClusterConfiguration& c = file->configuration;
  EXPECT_EQ(c.cluster_id(), "test");
  EXPECT_THAT(c.operators(), ElementsAre("uid:0", "cn:operator"));
  EXPECT_EQ(c.timing().lease_ms(), 6'000);
  EXPECT_EQ(c.timing().history_ms(), Hours(168).count());
  EXPECT_EQ(c.timing().ramp_scale_ppm(), 100'000);
  const v1::Site& site = c.sites(0);
  EXPECT_EQ(site.energy_price(1).from_utc_ms(), 1'795'392'000'000);
  EXPECT_EQ(site.energy_price(1).value_micro_usd(), -12'000'000);
  EXPECT_EQ(site.energy_price(1).source(), "utility");
  EXPECT_EQ(site.energy_price(1).stale_after_ms(), Hours(2).count());
  EXPECT_EQ(site.hashprice(0).value_micro_usd(), 54'000'000);
  EXPECT_EQ(site.overhead_marginal_ppm(), 250'000);
  EXPECT_EQ(site.budgets(0).shed_deadline_ms(), 20'000);
  EXPECT_EQ(site.budgets(0).ramp_up_mw(), Watts(100'000).count());
  EXPECT_EQ(site.budgets(1).cap_mw(), Watts(600'000).count());
  EXPECT_EQ(site.budgets(1).power_factor_ppm(), 950'000);
  EXPECT_EQ(site.budgets(1).fault_reserve_mw(), -1);
  EXPECT_EQ(site.budgets(3).fault_reserve_mw(), 0);
  EXPECT_EQ(site.budgets(3).base_load_mw(), Watts(1'000).count());
  EXPECT_EQ(site.budgets(3).feeds_from(1).coefficient_ppm(), 500'000);
  EXPECT_EQ(site.feed_pairs(0).failover_cap_mw(), Watts(550'000).count());
  const v1::DeviceModel& miner = c.device_models(0);
  EXPECT_EQ(miner.enforcer(), v1::ENFORCER_DEVICE);
  EXPECT_EQ(miner.power_cycle(), v1::PERSISTENT);
  EXPECT_EQ(miner.transient_mw(), Watts(4'000).count());
  EXPECT_EQ(miner.prepare_mw(), Watts(15).count());
  EXPECT_EQ(miner.fallback_mw(), Watts(2'000).count());
  EXPECT_TRUE(miner.limiter());
  EXPECT_EQ(miner.operating_points(1).ghs(), 234'000);
  EXPECT_EQ(c.device_models(1).memory_bytes(), int64_t{80} << 30);
  EXPECT_EQ(c.node_models(1).cpu_milli(), 64'000);
  EXPECT_EQ(c.node_models(1).groups(0).liquid_ppm(), 940'000);
  EXPECT_EQ(c.node_models(1).counts(0).count(), 4);
  EXPECT_EQ(c.node_models(1).labels(0).value(), "h100");
  ASSERT_EQ(c.nodes_size(), 3);
  EXPECT_EQ(c.nodes(1).id(), "rack-2");
  EXPECT_EQ(c.nodes(1).feeds_from(0).budget(), "pdu-2");
  EXPECT_EQ(c.nodes(1).rack(), "row-2");
  EXPECT_EQ(c.nodes(1).labels(0).value(), "r2");
  EXPECT_EQ(c.nodes(2).switch_name(), "leaf-1");
  EXPECT_THAT(c.nodes(2).taints(), ElementsAre("ai"));
  EXPECT_EQ(c.tenants(1).quota_gpu_milli(), 8'000);
  EXPECT_EQ(c.tenants(1).borrow_mw(), Watts(5'000).count());
  EXPECT_THAT(file->warnings, testing::IsEmpty());
}

struct Row {
  const char* from;
  const char* to;
  const char* says;
};

TEST(ClusterFileTest, EveryErrorOfAFileHasItsPlaceAndItsCure) {
  const Row rows[] = {
      {"cluster: test", "clutser: test", "site.yaml:1:1: unknown key \"clutser\" in cluster, allowed are cluster, catalogue, operators, timing, sites, "
                                         "device_models, node_models, nodes, nodes_csv, tenants; did you mean \"cluster\"?"},
      {"cap: 1MW", "cap: 1000000", "site.yaml:15:39: cap: power \"1000000\": a bare number without a unit, allowed are mW, W, kW, MW, GW; write for example 12.5kW"},
      {"cap: 1MW", "cap: [1MW]", "site.yaml:15:39: cap: a list, allowed is one value"},
      {"kind: meter,", "kind: metre,", "site.yaml:15:27: kind: \"metre\", allowed are meter, feeder, survivor, pdu, rack, cooling_zone; did you mean \"meter\"?"},
      {"cap: 600kVA, power_factor: 0.95", "cap: 600kVA", "site.yaml:16:36: cap: \"600kVA\" without a power_factor"},
      {"cap: 600kW, feeds_from: [meter]", "cap: 600kW, power_factor: 1, feeds_from: [meter]", "site.yaml:17:57: power_factor: given for a cap of \"600kW\""},
      {"share: 50%}, {budget: b", "share: half}, {budget: b", "share: factor \"half\": not a decimal"},
      {"share: 50%}, {budget: b", "share: 40%}, {budget: b", "site.yaml:18:91: budget \"s/pdu-1\": shares of its feeds sum to 90.0000%"},
      {"feeds_from: [meter]", "feeds_from: [mains]", "site.yaml:17:56: budget \"s/b\": feeds from \"mains\", which is not a budget of site \"s\""},
      {"feeds_from: meter", "feeds_from: pdu-2", "circle: pdu-2 -> a -> pdu-2"},
      {"lease: 6s", "lease: 6", "site.yaml:3:17: lease: duration \"6\": a bare number"},
      {"limiter: true", "limiter: yes", "limiter: \"yes\", allowed are true and false"},
      {"count: 10", "count: ten", "count: \"ten\", allowed is a whole number"},
      {"count: 10", "count: 5000000000", "count: 5000000000, allowed is at most 2147483647"},
      {"cpus: 64", "cpus: 0.0001", "cpus: \"0.0001\", allowed is a decimal of at most three places"},
      {"rate: 150TH/s", "rate: 150", "rate: hash rate \"150\": a bare number"},
      {"fallback: 2kW", "fallback: 3kW",
       "site.yaml:25:151: device model \"miner\": fallback 3kW is none of its operating points, allowed is 0W (off) or 2kW or 3.5kW; choose one"},
      {"ramp_up: 100kW", "ramp_up: 1kW", "site.yaml:15:88: budget \"s/meter\": ramp_up 1kW a minute, required is 0W (no limit) or at least"},
      {"memory: 80GiB", "memory: 80GB", "memory: memory \"80GB\": not a number with a known unit"},
      {"hashprice: 54USD/PH/day", "hashprice: 54", "hashprice: hashprice \"54\": a bare number"},
      {"-12USD/MWh", "-12USD", "value: energy price"},
      {"2026-11-23T00:00:00Z", "2026-11-23", "site.yaml:9:16: from: time \"2026-11-23\": not a time in UTC"},
      {"id: \"rack-[1-2]\"", "id: \"rack-[2-1]\"", "site.yaml:31:10: id: range \"rack-[2-1]\""},
      {"id: \"rack-[1-2]\", site: s, model: miners", "id: \"rack-[1-2]\", site: s, model: minerz",
       "site.yaml:31:40: node \"s/rack-1\": model \"minerz\" is not known"},
      {"members: [\"*\"]", "members: everybody", "members: \"everybody\", allowed is a list; write `members: [a, b]`"},
      {"labels: {gpu: h100}", "labels: [gpu]", "labels: a list, allowed is a map"},
      {"taints: [ai]", "taints: [[ai]]", "taints: a list, allowed is one word or text"},
      {"tenants:\n", "tenants: 5\nothers:\n", "tenants: \"5\", allowed is a list; write one `- ` for each tenant"},
      {"cluster: test", "cluster: test\ncatalogue: absent.yaml", "site.yaml:2:12: catalogue: file \"absent.yaml\": cannot open"},
      {"cluster: test", "cluster: test\nnodes_csv: {a: b}", "nodes_csv: a map, allowed is a file name"},
  };
  for (const Row& row : rows) EXPECT_THAT(Error(Changed(row.from, row.to)), HasSubstr(row.says)) << row.from << " -> " << row.to;
}

TEST(ClusterFileTest, AllErrorsAreReportedInTheOrderOfTheFileAndWithoutEchoes) {
  std::string text = Changed("cap: 1MW", "cap: 1");
  text.replace(text.find("taints: [ai]"), 12, "tains: [ai]");
  text.replace(text.find("lease: 6s"), 9, "lease: 1h");
  EXPECT_EQ(Error(text),
            "site.yaml:3:17: timing: lease 1h, allowed is 1s to 10m; choose one in that range\n"
            "site.yaml:15:39: cap: power \"1\": a bare number without a unit, allowed are mW, W, kW, MW, GW; write for example 12.5kW\n"
            "site.yaml:32:111: unknown key \"tains\" in node, allowed are id, site, model, feeds_from, air_zone, liquid_zone, rack, switch, labels, "
            "taints, owner; did you mean \"taints\"?");
}

TEST(ClusterFileTest, WhatIsWrongWithARangeIsSaidOnce) {
  const std::string error = Error(Changed("feeds_from: pdu-$n", "feeds_from: other"));
  EXPECT_EQ(error, "site.yaml:31:60: node \"s/rack-1\": feeds from \"other\", which is not a budget of site \"s\"; define it or correct the name");
}

TEST(ClusterFileTest, EmptyAndDoubledDocumentsAreRefused) {
  EXPECT_EQ(Error(""), "site.yaml:1:1: an empty file, required is a map of settings");
  EXPECT_THAT(Error("cluster: a\n---\ncluster: b\n"), HasSubstr("2 documents, allowed is one"));
  EXPECT_THAT(Error("- a\n"), HasSubstr("site.yaml:1:1: cluster: a list, allowed is a map"));
}

TEST(ClusterFileTest, AMutilatedFileIsAnErrorOrAFileButNeverACrash) {
  const std::string sound = kSound;
  const std::string noise = "[]{}:,-#&*!|>'\"%@`\t\n\\ \x01\xff";
  for (size_t at = 0; at < sound.size(); at += 11) {
    const absl::StatusOr<ClusterFile> cut = ParseClusterText(sound.substr(0, at), "site.yaml");
    EXPECT_TRUE(cut.ok() || !cut.status().message().empty());
    std::string changed = sound;
    changed[at] = noise[at % noise.size()];
    const absl::StatusOr<ClusterFile> mutilated = ParseClusterText(changed, "site.yaml");
    EXPECT_TRUE(mutilated.ok() || !mutilated.status().message().empty());
  }
}

class ClusterFilesTest : public testing::Test {
 protected:
  ClusterFilesTest() {
    std::string pattern = testing::TempDir() + "/switchyard-cluster-XXXXXX";
    directory_ = mkdtemp(pattern.data());
  }
  ~ClusterFilesTest() override { std::filesystem::remove_all(directory_); }
  void Write(const std::string& name, const std::string& text) { ASSERT_TRUE(platform::WriteFileAtomically(directory_ + "/" + name, text).ok()); }
  std::string directory_;
};

TEST_F(ClusterFilesTest, NodesComeFromATableBesideTheFile) {
  Write("site.yaml", Changed("cluster: test", "cluster: test\nnodes_csv: nodes.csv"));
  Write("nodes.csv",
        "# from the asset register\n"
        "id,site,model,feeds_from,air_zone,liquid_zone,labels,taints,rack\r\n"
        "gpu-2, s, server, pdu-1=50%;pdu-2=50%, air, water, gpu=h100;row=7, ai;new,\r\n"
        "\n"
        "rack-[3-4],s,miners,pdu-2,air,,,,row-$n\n");
  const absl::StatusOr<ClusterFile> file = LoadClusterFile(directory_ + "/site.yaml");
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_EQ(file->configuration.nodes_size(), 6);
  const v1::Node& gpu = file->configuration.nodes(3);
  EXPECT_EQ(gpu.id(), "gpu-2");
  EXPECT_EQ(gpu.feeds_from(1).budget(), "pdu-2");
  EXPECT_EQ(gpu.feeds_from(1).coefficient_ppm(), 500'000);
  EXPECT_EQ(gpu.labels(1).value(), "7");
  EXPECT_THAT(gpu.taints(), ElementsAre("ai", "new"));
  EXPECT_EQ(gpu.rack(), "gpu-2");
  EXPECT_EQ(file->configuration.nodes(5).rack(), "row-4");
}

TEST_F(ClusterFilesTest, ErrorsInATableAndACatalogueNameThoseFiles) {
  Write("site.yaml", Changed("cluster: test", "cluster: test\ncatalogue: [catalogue.yaml]\nnodes_csv: nodes.csv"));
  Write("catalogue.yaml", "device_models:\n  - {id: gpu, kind: gpu}\nnode_model: []\n");
  Write("nodes.csv", "id,site,modl\ngpu-2,s,server\ngpu-3,s\n");
  const std::string error(LoadClusterFile(directory_ + "/site.yaml").status().message());
  EXPECT_THAT(error, HasSubstr(directory_ + "/catalogue.yaml:2:10: device model \"gpu\": the name stands twice"));
  EXPECT_THAT(error, HasSubstr(directory_ + "/catalogue.yaml:3:1: unknown key \"node_model\" in catalogue"));
  EXPECT_THAT(error, HasSubstr(directory_ + "/nodes.csv:2:9: unknown key \"modl\" in node"));
  EXPECT_THAT(error, HasSubstr(directory_ + "/nodes.csv:3:1: 2 fields, required are 3"));
}

TEST_F(ClusterFilesTest, AMissingFileIsNotFound) {
  EXPECT_EQ(LoadClusterFile(directory_ + "/absent.yaml").status().code(), absl::StatusCode::kNotFound);
}

TEST(ClusterFileTest, WarningsHaveTheirPlace) {
  const absl::StatusOr<ClusterFile> file = ParseClusterText(Changed("{id: pdu-2, kind: rack, cap: 500kW", "{id: pdu-2, kind: rack, cap: 5kW"), "site.yaml");
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_EQ(file->warnings.size(), 1u);
  EXPECT_THAT(file->warnings[0], HasSubstr("site.yaml:19:38: budget \"s/pdu-2\": nameplates beneath it sum to 35.5kW, its cap is 5kW"));
}

TEST(ClusterFileTest, TheExampleSiteIsAccepted) {
  const absl::StatusOr<ClusterFile> file = LoadClusterFile(std::string(SWITCHYARD_SOURCE_DIR) + "/examples/sites/small.yaml");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->configuration.nodes_size(), 5);
}

}  // namespace
}  // namespace switchyard::configuration
