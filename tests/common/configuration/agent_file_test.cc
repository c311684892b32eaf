#include "common/configuration/agent_file.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace switchyard::configuration {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string Error(const std::string& text) { return std::string(ParseAgentText(text, "agent.yaml").status().message()); }

TEST(AgentFileTest, EveryKeyOfARealMachineFillsItsField) {
  const absl::StatusOr<AgentFile> file = ParseAgentText(R"(
scheduler: scheduler.example:7443
tls: {ca: /e/ca.pem, certificate: /e/a.pem, key: /e/a.key}
state_dir: /var/lib/a
mode: real
nodes: [moses-lake/cpu-1]
run_as: worker
allowed_users: [ml]
cpus: [3, 1, 1]
supervisor_program: /b/sup
hasher_program: /b/hash
checkpoint_dir: /srv/ckpt
log_file_size: 1MiB
log_files: 2
hardware_id: h1
boot_id_file: /t/boot
sysfs_root: /t/sys
cgroup_root: /t/cgroup
meters:
  - {budget: moses-lake/pdu-1, path: /sys/power1_input, microwatts_per_count: 1000, lag: 2s}
)",
                                                        "agent.yaml");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->scheduler, "scheduler.example:7443");
  EXPECT_EQ(file->tls.key, "/e/a.key");
  EXPECT_EQ(file->state_dir, "/var/lib/a");
  EXPECT_EQ(file->mode, AgentFile::Mode::kReal);
  EXPECT_THAT(file->nodes, ElementsAre("moses-lake/cpu-1"));
  EXPECT_EQ(file->run_as, "worker");
  EXPECT_THAT(file->allowed_users, ElementsAre("ml"));
  EXPECT_THAT(file->cpus, ElementsAre(1, 3));
  EXPECT_EQ(file->supervisor_program, "/b/sup");
  EXPECT_EQ(file->hasher_program, "/b/hash");
  EXPECT_EQ(file->checkpoint_dir, "/srv/ckpt");
  EXPECT_EQ(file->log_file_bytes, 1 << 20);
  EXPECT_EQ(file->log_files, 2);
  EXPECT_EQ(file->hardware_id, "h1");
  EXPECT_EQ(file->boot_id_file, "/t/boot");
  EXPECT_EQ(file->sysfs_root, "/t/sys");
  EXPECT_EQ(file->cgroup_root, "/t/cgroup");
  ASSERT_EQ(file->meters.size(), 1u);
  EXPECT_EQ(file->meters[0].microwatts_per_count, 1000);
  EXPECT_EQ(file->meters[0].lag, Seconds(2));
}

TEST(AgentFileTest, EveryKeyOfSimulatedNodesFillsItsField) {
  const absl::StatusOr<AgentFile> file = ParseAgentText(R"(
scheduler: 127.0.0.1:7070
insecure_loopback: true
mode: simulated
nodes: ["s/rack-[001-150]", s/dgx-1]
simulated:
  seed: 7
  defects: {liars: 1%, stuck: 0.5%, slow: 2%}
  draw_file: /t/draw
  device_draw_file: /t/devices
  control_socket: /t/control
  speed: 10
  meters:
    - budget: s/meter
      base: 5kW
      noise_sigma: 100W
      lag: 2s
      interval: 500ms
      terms:
        - {nodes: ["s/rack-[001-150]"], group: asic, coefficient: 1.25}
        - {nodes: [s/dgx-1]}
)",
                                                        "agent.yaml");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_TRUE(file->insecure_loopback);
  EXPECT_EQ(file->nodes.size(), 151u);
  EXPECT_EQ(file->simulated.seed, 7u);
  EXPECT_EQ(file->simulated.defects.stuck, PartsPerMillion(5'000));
  EXPECT_EQ(file->simulated.draw_file, "/t/draw");
  EXPECT_EQ(file->simulated.device_draw_file, "/t/devices");
  EXPECT_EQ(file->simulated.control_socket, "/t/control");
  EXPECT_EQ(file->simulated.speed, 10);
  ASSERT_EQ(file->simulated.meters.size(), 1u);
  const SimulatedMeter& meter = file->simulated.meters[0];
  EXPECT_EQ(meter.base, Watts(5'000));
  EXPECT_EQ(meter.noise_sigma, Watts(100));
  EXPECT_EQ(meter.interval, Milliseconds(500));
  EXPECT_EQ(meter.terms[0].nodes.size(), 150u);
  EXPECT_EQ(meter.terms[0].coefficient, PartsPerMillion(1'250'000));
  EXPECT_EQ(meter.terms[1].group, "");
  EXPECT_EQ(meter.terms[1].coefficient, kOne);
}

TEST(AgentFileTest, WhatIsNotSaidHasADefault) {
  const AgentFile file = *ParseAgentText("nodes: [s/a]\n", "agent.yaml");
  EXPECT_EQ(file.scheduler, "unix:/run/switchyard/switchyard.sock");
  EXPECT_EQ(file.state_dir, "/var/lib/switchyard-agent");
  EXPECT_EQ(file.boot_id_file, "/proc/sys/kernel/random/boot_id");
}

TEST(AgentFileTest, EveryErrorIsReportedWithItsPlace) {
  const struct {
    const char* text;
    const char* says;
  } rows[] = {
      {"nodes: [s/a]\nschedular: x\n", "agent.yaml:2:1: unknown key \"schedular\" in agent"},
      {"nodes: [s/a]\nmode: fake\n", "agent.yaml:2:7: mode: \"fake\", allowed are real and simulated"},
      {"mode: real\n", "nodes: empty, required is at least one"},
      {"nodes: [s/a, s/b]\n", "agent.yaml:1:8: nodes: 2 nodes, required is one for a real machine"},
      {"mode: simulated\nnodes: [s/a, s/a]\n", "\"s/a\" stands twice"},
      {"nodes: [a]\n", "agent.yaml:1:9: nodes: \"a\", required is <site>/<node>"},
      {"nodes: [\"s/a[2-1]\"]\n", "range \"s/a[2-1]\""},
      {"nodes: s/a\n", "nodes: \"s/a\", allowed is a list"},
      {"nodes: [s/a]\nscheduler: host:1\n", "over TCP without tls.ca"},
      {"nodes: [s/a]\nscheduler: host\n", "allowed are unix:PATH and HOST:PORT"},
      {"nodes: [s/a]\nscheduler: host:1\ninsecure_loopback: true\n", "agent.yaml:3:20: insecure_loopback: \"host:1\" is not a loopback address"},
      {"nodes: [s/a]\ntls: {certificate: a}\n", "certificate and key go together"},
      {"nodes: [s/a]\ntls: {cert: a}\n", "agent.yaml:2:7: unknown key \"cert\" in tls"},
      {"nodes: [s/a]\ncpus: [-1]\n", "allowed are core numbers 0 to 4095"},
      {"nodes: [s/a]\nlog_file_size: 1B\n", "allowed is 4KiB to 1GiB"},
      {"nodes: [s/a]\nlog_files: 1\n", "log_files: 1, allowed is 2 to 64"},
      {"nodes: [s/a]\nmeters: [{budget: x, path: /x}]\n", "budget: \"x\", required is <site>/<budget>"},
      {"nodes: [s/a]\nmeters: [{budget: s/x}]\n", "path: missing"},
      {"nodes: [s/a]\nsimulated: {speed: 0}\n", "speed: 0, allowed is 1 to 1000"},
      {"nodes: [s/a]\nsimulated: {defects: {liars: 60%, stuck: 60%}}\n", "sum to more than 100%"},
      {"nodes: [s/a]\nsimulated: {meters: [{budget: s/m, interval: 1ms}]}\n", "interval: allowed is 100ms or more"},
      {"nodes: [s/a]\nsimulated: [x]\n", "simulated: a list, allowed is a map"},
  };
  for (const auto& row : rows) EXPECT_THAT(Error(row.text), HasSubstr(row.says)) << row.text;
}

}  // namespace
}  // namespace switchyard::configuration
