#include "scheduler/daemon/dev_cluster.h"

#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <thread>

#include "common/platform/files.h"
#include "fmt/format.h"

namespace switchyard::daemon {
namespace {

constexpr char kPool[] = "127.0.0.1:3333";

// Hashing on everything would draw some 450 kW, the GPU servers another 20: the meter allows 300.
constexpr char kSite[] = R"(# The cluster of `switchyardd --dev`. Edit it and send switchyardd a SIGHUP.
cluster: dev

sites:
  - id: dev
    energy_price: 0.055USD/kWh
    hashprice: 54USD/PH/day
    overhead_fixed: 5kW
    overhead_marginal: 8%
    overhead_lag: 1s  # of a site without chillers, so that AI need not wait for them
    budgets:
      - {{id: meter, kind: meter, cap: 300kW}}
      - {{id: pdu-miners, kind: pdu, cap: 280kW, feeds_from: meter}}
      - {{id: pdu-servers, kind: pdu, cap: 40kW, feeds_from: meter}}

device_models:
  - id: miner
    kind: asic
    power_cycle: persistent
    enforcer: device
    idle: 25W
    min: 2100W
    max: 3510W
    ramp_up: 10s
    ramp_down: 5s
    limiter: true
    operating_points:
      - {{name: low, power: 2100W, rate: 160TH/s}}
      - {{name: mid, power: 2800W, rate: 200TH/s}}
      - {{name: full, power: 3510W, rate: 234TH/s}}
  - id: gpu
    kind: gpu
    power_cycle: self_idle
    enforcer: supervisor
    idle: 70W
    min: 200W
    max: 700W
    ramp_up: 1s
    ramp_down: 1s
    limiter: true
    memory: 80GiB
  - id: core
    kind: cpu
    power_cycle: self_idle
    enforcer: supervisor
    idle: 2W
    min: 2W
    max: 12W
    ramp_up: 100ms
    ramp_down: 100ms
    operating_points:
      - {{name: full, power: 12W, rate: 0.01TH/s}}

node_models:
  - id: miner-rack
    platform: 500W
    groups:
      - {{name: asic, device_model: miner, count: 64}}
  - id: gpu-server
    platform: 2500W
    cpus: 64
    memory: 1024GiB
    disk: 4TiB
    groups:
      - {{name: gpu, device_model: gpu, count: 8}}
  - id: this-machine
    platform: 100W
    memory: {0}GiB
    disk: 10GiB
    groups:
      - {{name: cpu, device_model: core, count: {1}}}

nodes:
  - {{id: "rack-[1-2]", site: dev, model: miner-rack, feeds_from: pdu-miners}}
  - {{id: "gpu-[1-2]", site: dev, model: gpu-server, feeds_from: pdu-servers, switch: leaf-1}}
  - {{id: local, site: dev, model: this-machine, feeds_from: pdu-servers}}

tenants:
  - {{id: mining, members: ["*"]}}
  - {{id: research, members: ["*"], weight: 2}}

timing: {{lease: 10s, dwell: 5s}}
)";

constexpr char kLocalAgent[] = R"(# This machine, for real.
scheduler: {0}
state_dir: {1}/agent-local
nodes: [dev/local]
)";

constexpr char kSimulatedAgent[] = R"(# Racks of miners and GPU servers that exist only here; tasks on them do nothing but draw.
scheduler: {0}
state_dir: {1}/agent-simulated
mode: simulated
nodes: ["dev/rack-[1-2]", "dev/gpu-[1-2]"]
)";

std::string HomeDirectory() {
  const char* const home = std::getenv("HOME");
  return home != nullptr && *home != '\0' ? home : "/root";
}

std::string ProgramBeside(const std::string& name) {
  std::error_code error;
  return (std::filesystem::read_symlink("/proc/self/exe", error).parent_path() / name).string();
}

int64_t HalfOfMemoryGib() {
  const int64_t bytes = static_cast<int64_t>(::sysconf(_SC_PHYS_PAGES)) * ::sysconf(_SC_PAGESIZE);
  return std::max<int64_t>(1, bytes / 2 >> 30);
}

}  // namespace

absl::Status DevCluster::Prepare(Options* options) {
  directory_ = options->store_given ? options->store : HomeDirectory() + "/.switchyard/dev";
  directory_ = std::filesystem::absolute(directory_).string();
  if (absl::Status made = platform::MakeDirectories(directory_, 0700); !made.ok()) return made;
  options->store = directory_ + "/store";
  const bool default_listen = options->listen == std::vector<std::string>{kDefaultSocket};
  if (default_listen) options->listen = {"unix:" + directory_ + "/switchyard.sock"};
  if (options->listen[0].size() >= sizeof(sockaddr_un::sun_path) + 5) {
    return absl::InvalidArgumentError(fmt::format("socket \"{}\": the path of a socket has at most {} bytes; give a shorter --store",
                                                  options->listen[0], sizeof(sockaddr_un::sun_path) - 1));
  }
  const int cores = std::clamp<int>(static_cast<int>(std::thread::hardware_concurrency()), 1, 512);
  const std::string& address = options->listen[0];
  absl::Status written = WriteOnce("site.yaml", fmt::format(kSite, HalfOfMemoryGib(), cores));
  if (written.ok()) written = WriteOnce("agent-local.yaml", fmt::format(kLocalAgent, address, directory_));
  if (written.ok()) written = WriteOnce("agent-simulated.yaml", fmt::format(kSimulatedAgent, address, directory_));
  if (options->config.empty()) options->config = directory_ + "/site.yaml";
  return written;
}

absl::Status DevCluster::WriteOnce(const std::string& name, const std::string& text) const {
  const std::string path = directory_ + "/" + name;
  return platform::FileExists(path) ? absl::OkStatus() : platform::WriteFileAtomically(path, text, 0600);
}

absl::Status DevCluster::Start(const Options& options) {
  const std::string agent = ProgramBeside("switchyard-agent");
  for (const char* const who : {"agent-local", "agent-simulated"}) {
    const std::string base = directory_ + "/" + who;
    if (absl::Status s = children_.Start({agent, "--config", base + ".yaml"}, base + ".log"); !s.ok()) return s;
  }
  const std::vector<std::string> pool = {ProgramBeside("switchyard-pool"), "--listen", kPool};
  if (absl::Status started = children_.Start(pool, directory_ + "/pool.log"); !started.ok()) return started;
  std::cout << fmt::format(
      "A cluster of this machine, two simulated racks of miners and two simulated GPU servers is up; its files are in {1}.\n\n"
      "  export SWITCHYARD_SERVER={0}\n"
      "  switchyard nodes\n"
      "  switchyard submit JOB.yaml          hashing jobs: pool {2}\n"
      "  switchyard budgets\n\n"
      "Ctrl-C ends it.\n",
      options.listen[0], directory_, kPool);
  std::cout.flush();
  return absl::OkStatus();
}

}  // namespace switchyard::daemon
