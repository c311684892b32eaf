// The configuration and the job files of the tests, as text.
#include "fmt/format.h"
#include "tests/integration/support/cluster.h"

namespace switchyard::integration {
namespace {

constexpr char kModels[] = R"(
device_models:
  - id: core
    kind: cpu
    power_cycle: self_idle
    enforcer: supervisor
    idle: 2W
    min: 2W
    max: 12W
    ramp_up: 100ms
    ramp_down: 100ms
    operating_points: [{name: full, power: 12W, rate: 1TH/s}]
  - id: miner
    kind: asic
    power_cycle: persistent
    enforcer: device
    idle: 25W
    min: 2100W
    max: 3510W
    ramp_up: 300ms
    ramp_down: 200ms
    limiter: true
    operating_points:
      - {name: low, power: 2100W, rate: 160TH/s}
      - {name: full, power: 3510W, rate: 234TH/s}
  - id: gpu
    kind: gpu
    power_cycle: self_idle
    enforcer: supervisor
    idle: 70W
    min: 200W
    max: 700W
    ramp_up: 100ms
    ramp_down: 100ms
    limiter: true
    memory: 80GiB
node_models:
  - {id: machine, platform: 20W, cpus: 8, memory: 4GiB, disk: 10GiB, groups: [{name: cpu, device_model: core, count: 1}]}
  - {id: rack, platform: 500W, groups: [{name: asic, device_model: miner, count: 4}]}
  - {id: server, platform: 1kW, cpus: 32, memory: 256GiB, disk: 1TiB, groups: [{name: gpu, device_model: gpu, count: 2}]}
tenants:
  - {id: mining, members: ["*"]}
  - {id: research, members: ["*"], weight: 2}
)";

}  // namespace

std::string SiteYaml(const SiteOptions& options) {
  std::string text = fmt::format(
      "cluster: test\noperators: [uid:0{}{}]\n"
      "timing: {{lease: {}, heartbeat: 500ms, margin: 500ms, confirm_timeout: 4s, prepare_timeout: {}, member_timeout: "
      "{}, "
      "restart_hold: 4s, backoff_initial: 100ms, backoff_max: 1s, dwell: 200ms, report_interval: 200ms, start_grace: "
      "1s}}\n"
      "sites:\n  - id: s\n    energy_price: 0.05USD/kWh\n    hashprice: 54USD/PH/day\n    overhead_lag: 1s\n"
      "    budgets: [{{id: meter, kind: meter, cap: {}}}]\n",
      options.operators.empty() ? "" : ", ", options.operators, options.lease, options.prepare_timeout,
      options.member_timeout, options.cap);
  text += kModels;
  text += "nodes:\n";
  const auto add = [&](const char* letter, int count, const char* model) {
    if (count == 0) return;
    text += fmt::format("  - {{id: \"{}[1-{}]\", site: s, model: {}, feeds_from: meter, switch: leaf}}\n", letter,
                        count, model);
  };
  add("n", options.real_nodes, "machine");
  add("r", options.racks, "rack");
  add("g", options.servers, "server");
  return text;
}

std::string TrainingYaml(const std::string& name, const std::string& script, const std::string& tail) {
  return fmt::format("kind: training\nname: {}\ntenant: research\ncommand: [/bin/sh, -c, '{}']\ngrace: 2s\n{}", name,
                     script, tail);
}

std::string InferenceYaml(const std::string& name, const std::string& script, const std::string& tail) {
  return fmt::format("kind: inference\nname: {}\ntenant: research\ncommand: [/bin/sh, -c, '{}']\ngrace: 2s\n{}", name,
                     script, tail);
}

std::string HashingYaml(const std::string& name, const std::string& pool) {
  return fmt::format("kind: hashing\nname: {}\ntenant: mining\nhashing: {{pool: \"{}\", user: site}}\n", name, pool);
}

}  // namespace switchyard::integration
