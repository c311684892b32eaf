// The whole way of a job: EndToEnd/nodes:N/batch:B drives the real switchyardd, on RocksDB with synced batches, with N
// nodes that speak the agents' protocol over real gRPC and run nothing (hollow_fleet.h), and clients that submit B jobs
// a request. A job is a gang of one task that holds one CPU device, so that each start moves watts in three budgets.
//
//   latency      on an idle cluster, one request after another: from before the call to the order's arrival at the
//   agent
//                (submit_to_order_*), and to the arrival of the release after the agent's `prepared` (start_*)
//   submits      --jobs jobs by eight clients, which wait for a job that holds the queue: submits_per_second
//   starts       that job ends, and all of them start and run: starts_per_second
//   completions  the same again with tasks that end at once, until the scheduler has taken note of every end, durably:
//                completions_per_second
//
// Beside them, in the same run: what the store commits alone (the run's own rows, in batches of the run's mean size),
// what an empty gRPC method answers (same clients, same bytes), and the disk's fdatasync.
#include <algorithm>
#include <atomic>
#include <benchmark/benchmark.h>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <grpcpp/grpcpp.h>
#include <iostream>
#include <memory>
#include <optional>
#include <sstream>
#include <stdlib.h>
#include <string>
#include <thread>
#include <vector>

#include "bench/ceilings.h"
#include "bench/child_process.h"
#include "bench/hollow_fleet.h"
#include "common/check.h"
#include "common/platform/files.h"
#include "fmt/format.h"
#include "switchyard/v1/cluster_service.grpc.pb.h"
#include "switchyard/v1/job_service.grpc.pb.h"

namespace switchyard::bench {
namespace {

constexpr int kClients = 8;
constexpr int kDevices = 16;  // of each node
constexpr int kNodesPerPdu = 40;
constexpr int64_t kIdleMw = 2'000;
constexpr int kLatencyJobs = 1000;  // samples, or so: whole requests
constexpr int kFdatasyncs = 1000;
constexpr std::chrono::seconds kPatience(300);

struct Settings {
  std::string store_dir = "/dev/shm";  // the benchmark makes a directory of its own in it
  int jobs = 10'000;
};
Settings settings;

double Seconds(SteadyTime from, SteadyTime to) { return std::chrono::duration<double>(to - from).count(); }

std::string NodeName(int index) { return fmt::format("node-{:05}", index + 1); }

// One site: a meter with overhead, feeders of 40 nodes, CPU servers.
std::string Configuration(int nodes) {
  std::ostringstream out;
  const int pdus = (nodes + kNodesPerPdu - 1) / kNodesPerPdu;
  out << "cluster: bench\n"
         "device_models:\n"
         "  - {id: core, kind: cpu, power_cycle: self_idle, enforcer: supervisor, idle: 2W, min: 2W, max: 12W, "
         "ramp_up: 100ms, "
         "ramp_down: 100ms}\n"
         "node_models:\n"
         "  - {id: server, platform: 120W, memory: 64GiB, disk: 500GiB, groups: [{name: cpu, device_model: core, "
         "count: "
      << kDevices
      << "}]}\n"
         "sites:\n"
         "  - id: site\n"
         "    energy_price: 0.055USD/kWh\n"
         "    hashprice: 54USD/PH/day\n"
         "    overhead_marginal: 8%\n"
         "    budgets:\n"
         "      - {id: meter, kind: meter, cap: 100MW}\n"
         "      - {id: hall-air, kind: cooling_zone, cap: 90MW}\n";
  for (int p = 0; p < pdus; ++p)
    out << fmt::format("      - {{id: pdu-{}, kind: pdu, cap: 60kW, feeds_from: meter}}\n", p);
  out << "nodes:\n";
  for (int p = 0; p < pdus; ++p) {
    const int last = std::min(nodes, (p + 1) * kNodesPerPdu);
    out << fmt::format(
        "  - {{id: \"node-[{:05}-{:05}]\", site: site, model: server, feeds_from: pdu-{}, air_zone: hall-air}}\n",
        p * kNodesPerPdu + 1, last, p);
  }
  out << "tenants:\n"
         "  - {id: team, members: [\"*\"]}\n";
  return out.str();
}

v1::JobSpec OneCpuJob(uint64_t after) {
  v1::JobSpec spec;
  spec.set_name("hollow");
  spec.set_tenant("team");
  spec.set_kind(v1::TRAINING);
  if (after != 0) spec.add_after(after);
  v1::TaskGroup* group = spec.add_groups();
  group->set_name("task");
  group->set_count(1);
  group->mutable_resources()->set_cpu_devices(1);
  group->mutable_resources()->set_cpu_milli(1000);
  group->mutable_resources()->set_memory_bytes(int64_t{1} << 30);
  group->add_command("/bin/true");
  return spec;
}

v1::SubmitRequest Request(int batch, uint64_t after) {
  static std::atomic<uint64_t> next_key = 0;
  v1::SubmitRequest request;
  for (int i = 0; i < batch; ++i) *request.add_jobs() = OneCpuJob(after);
  request.set_idempotency_key(fmt::format("bench-{}", ++next_key));
  return request;
}

std::shared_ptr<grpc::Channel> Connect(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // a connection of its own
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

std::vector<uint64_t> Submit(v1::JobService::Stub& stub, const v1::SubmitRequest& request) {
  grpc::ClientContext context;
  v1::SubmitResponse response;
  const grpc::Status status = stub.Submit(&context, request, &response);
  SWITCHYARD_CHECK(status.ok()) << status.error_message();
  return {response.job_ids().begin(), response.job_ids().end()};
}

// Submits `jobs` jobs, `batch` a request, by all clients at once; jobs a second.
double SubmitMany(const std::string& address, int jobs, int batch, uint64_t after) {
  std::vector<std::unique_ptr<v1::JobService::Stub>> stubs;
  for (int c = 0; c < kClients; ++c) stubs.push_back(v1::JobService::NewStub(Connect(address)));
  std::atomic<int> left = jobs;
  const SteadyTime start = std::chrono::steady_clock::now();
  std::vector<std::thread> clients;
  for (const auto& stub : stubs) {
    clients.emplace_back([&] {
      for (int before = left.fetch_sub(batch); before > 0; before = left.fetch_sub(batch)) {
        Submit(*stub, Request(std::min(batch, before), after));
      }
    });
  }
  for (std::thread& client : clients) client.join();
  return jobs / Seconds(start, std::chrono::steady_clock::now());
}

// Addresses out of a port file: "tcp ADDRESS" and "metrics ADDRESS", a line each.
std::string AddressIn(const std::string& port_file, const std::string& kind) {
  std::istringstream lines(port_file);
  for (std::string word, address; lines >> word >> address;)
    if (word == kind) return address;
  SWITCHYARD_CHECK(false) << "no " << kind << " address in: " << port_file;
  return "";
}

// The daemon, its fleet and the figures of one run.
class Run {
 public:
  Run(benchmark::State& state, std::string directory)
      : state_(state),
        nodes_(static_cast<int>(state.range(0))),
        batch_(static_cast<int>(state.range(1))),
        directory_(std::move(directory)) {}

  absl::Status Go() {
    auto syncs = MeasureFdatasync(directory_, kFdatasyncs);
    if (!syncs.ok()) return syncs.status();
    Show("fdatasync_p50_ms", Percentile(*syncs, 50));
    Show("fdatasync_p99_ms", Percentile(*syncs, 99));
    std::map<std::string, double> metrics;
    if (absl::Status status = Measure(&metrics); !status.ok()) return status;
    if (absl::Status status = Echo(); !status.ok()) return status;
    auto rows = RowsOf(directory_ + "/store");
    if (!rows.ok()) return rows.status();
    const int rows_per_commit =
        static_cast<int>(metrics["switchyard_engine_rows"] / metrics["switchyard_engine_commits"]) + 1;
    auto alone = CommitAlone(directory_ + "/alone", *rows, rows_per_commit);
    if (!alone.ok()) return alone.status();
    Show("store_rows_per_second", *alone);
    Show("rows_per_commit", rows_per_commit);
    return absl::OkStatus();
  }

 private:
  void Show(const char* name, double value) { state_.counters[name] = value; }

  absl::Status Measure(std::map<std::string, double>* metrics) {
    const std::string config = directory_ + "/cluster.yaml", port_file = directory_ + "/ports";
    if (absl::Status status = platform::WriteFileAtomically(config, Configuration(nodes_)); !status.ok()) return status;
    auto daemon = ChildProcess::Start({ProgramDirectory() + "/switchyardd", "--config", config, "--store",
                                       directory_ + "/store", "--listen", "127.0.0.1:0", "--insecure-loopback",
                                       "--http", "127.0.0.1:0", "--port-file", port_file, "--log-level", "error"});
    if (!daemon.ok()) return daemon.status();
    auto ports = daemon->AwaitFile(port_file);
    if (!ports.ok()) return ports.status();
    address_ = AddressIn(*ports, "tcp");

    FleetOptions options{.address = address_, .nodes = {}, .group = "cpu", .devices = kDevices, .idle_mw = kIdleMw};
    for (int n = 0; n < nodes_; ++n) options.nodes.push_back("site/" + NodeName(n));
    HollowFleet fleet(std::move(options));
    if (absl::Status status = AwaitReady(); !status.ok()) return status;
    if (absl::Status status = Latency(fleet); !status.ok()) return status;
    if (absl::Status status = Throughput(fleet); !status.ok()) return status;
    auto read = ReadMetrics(AddressIn(*ports, "metrics"));
    if (!read.ok()) return read.status();
    *metrics = *std::move(read);
    Show("decide_seconds", (*metrics)["switchyard_engine_decide_seconds"]);
    Show("commit_seconds", (*metrics)["switchyard_engine_commit_seconds"]);
    return CheckSucceeded();
  }

  // Until every node is ready and its lease runs.
  absl::Status AwaitReady() {
    const auto stub = v1::ClusterService::NewStub(Connect(address_));
    const SteadyTime end = std::chrono::steady_clock::now() + kPatience;
    while (std::chrono::steady_clock::now() < end) {
      grpc::ClientContext context;
      v1::ListSitesResponse response;
      const grpc::Status status = stub->ListSites(&context, {}, &response);
      if (status.ok() && response.sites_size() == 1 && response.sites(0).nodes_ready() == nodes_)
        return absl::OkStatus();
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return absl::DeadlineExceededError("nodes: not all became ready");
  }

  absl::Status Latency(HollowFleet& fleet) {
    const auto stub = v1::JobService::NewStub(Connect(address_));
    std::vector<double> order_ms, start_ms;
    const int requests = std::max(1, kLatencyJobs / batch_);
    constexpr int kWarmUp = 3;
    for (int i = 0; i < requests + kWarmUp; ++i) {
      const v1::SubmitRequest request = Request(batch_, 0);
      const SteadyTime start = std::chrono::steady_clock::now();
      const std::vector<uint64_t> jobs = Submit(*stub, request);
      ended_ += jobs.size();
      if (!fleet.AwaitForgotten(ended_, kPatience))
        return absl::DeadlineExceededError("jobs: not all of an idle cluster's ended");
      for (const uint64_t job : jobs) {
        if (i < kWarmUp) continue;
        order_ms.push_back(Seconds(start, fleet.TimesOf(job).ordered) * 1e3);
        start_ms.push_back(Seconds(start, fleet.TimesOf(job).released) * 1e3);
      }
    }
    Show("submit_to_order_p50_ms", Percentile(order_ms, 50));
    Show("submit_to_order_p99_ms", Percentile(order_ms, 99));
    Show("start_p50_ms", Percentile(start_ms, 50));
    Show("start_p99_ms", Percentile(start_ms, 99));
    return absl::OkStatus();
  }

  // Queues settings.jobs jobs behind one that runs; the moment at which that one is told to end.
  absl::StatusOr<SteadyTime> QueueAndLetGo(HollowFleet& fleet, bool hold, double* submits) {
    const auto stub = v1::JobService::NewStub(Connect(address_));
    fleet.Hold(true);
    const uint64_t gate = Submit(*stub, Request(1, 0)).front();
    if (!fleet.AwaitReleased(ended_ + 1, kPatience))
      return absl::DeadlineExceededError("jobs: the first does not start");
    *submits = SubmitMany(address_, settings.jobs, batch_, gate);
    fleet.Hold(hold);
    const SteadyTime start = std::chrono::steady_clock::now();
    fleet.EndHeld();
    ended_ += 1 + static_cast<uint64_t>(settings.jobs);
    return start;
  }

  absl::Status Throughput(HollowFleet& fleet) {
    double submits = 0, ignored = 0;
    const absl::StatusOr<SteadyTime> starts = QueueAndLetGo(fleet, /*hold=*/true, &submits);
    if (!starts.ok()) return starts.status();
    if (!fleet.AwaitReleased(ended_, kPatience)) return absl::DeadlineExceededError("jobs: not all started");
    Show("starts_per_second", settings.jobs / Seconds(*starts, std::chrono::steady_clock::now()));
    Show("submits_per_second", submits);
    fleet.EndHeld();
    if (!fleet.AwaitForgotten(ended_, kPatience)) return absl::DeadlineExceededError("jobs: not all ended");

    const absl::StatusOr<SteadyTime> completions = QueueAndLetGo(fleet, /*hold=*/false, &ignored);
    if (!completions.ok()) return completions.status();
    if (!fleet.AwaitForgotten(ended_, kPatience)) return absl::DeadlineExceededError("jobs: not all ended at once");
    Show("completions_per_second", settings.jobs / Seconds(*completions, std::chrono::steady_clock::now()));
    return absl::OkStatus();
  }

  // A figure of jobs that did not succeed would be none.
  absl::Status CheckSucceeded() {
    const auto stub = v1::JobService::NewStub(Connect(address_));
    v1::ListJobsRequest request;
    request.set_state(v1::SUCCEEDED);
    request.set_page_size(1000);
    uint64_t succeeded = 0;
    do {
      grpc::ClientContext context;
      v1::ListJobsResponse response;
      const grpc::Status status = stub->ListJobs(&context, request, &response);
      if (!status.ok()) return absl::UnavailableError("jobs: " + status.error_message());
      succeeded += static_cast<uint64_t>(response.jobs_size());
      request.set_page_token(response.next_page_token());
    } while (!request.page_token().empty());
    if (succeeded == ended_) return absl::OkStatus();
    return absl::InternalError(fmt::format("jobs: {} succeeded, {} were submitted", succeeded, ended_));
  }

  absl::Status Echo() {
    const std::string port_file = directory_ + "/echo";
    auto echo = ChildProcess::Start({ProgramDirectory() + "/cluster_bench", "--echo=" + port_file});
    if (!echo.ok()) return echo.status();
    auto ports = echo->AwaitFile(port_file);
    if (!ports.ok()) return ports.status();
    // Requests, not jobs: the empty method does not look inside.
    const int requests = std::max(kClients, settings.jobs / batch_) * 4;
    Show("echo_per_second", SubmitMany(AddressIn(*ports, "tcp"), requests * batch_, batch_, 1) / batch_);
    return absl::OkStatus();
  }

  benchmark::State& state_;
  const int nodes_, batch_;
  const std::string directory_;
  std::string address_;
  uint64_t ended_ = 0;  // jobs that have ended, or will without further ado
};

void EndToEnd(benchmark::State& state) {
  std::string directory = settings.store_dir + "/switchyard-bench-XXXXXX";
  if (mkdtemp(directory.data()) == nullptr) {
    state.SkipWithError(("store_dir \"" + settings.store_dir + "\": no directory can be made in it").c_str());
    return;
  }
  for (auto _ : state) {
    const absl::Status status = Run(state, directory).Go();
    if (!status.ok()) state.SkipWithError(std::string(status.message()).c_str());
  }
  std::filesystem::remove_all(directory);
}

// Takes "--name=value" out of the arguments.
std::optional<std::string> TakeFlag(int* argc, char** argv, const std::string& name) {
  const std::string prefix = "--" + name + "=";
  for (int i = 1; i < *argc; ++i) {
    const std::string argument = argv[i];
    if (argument.rfind(prefix, 0) != 0) continue;
    std::copy(argv + i + 1, argv + *argc + 1, argv + i);
    --*argc;
    return argument.substr(prefix.size());
  }
  return std::nullopt;
}

int Main(int argc, char** argv) {
  if (const auto port_file = TakeFlag(&argc, argv, "echo")) return ServeEcho(*port_file);
  if (const auto directory = TakeFlag(&argc, argv, "store_dir")) settings.store_dir = *directory;
  if (const auto jobs = TakeFlag(&argc, argv, "jobs")) settings.jobs = std::atoi(jobs->c_str());
  if (settings.jobs < 1) {
    std::cerr << "cluster_bench: --jobs: not a number above 0\n";
    return 2;
  }
  benchmark::RegisterBenchmark("EndToEnd", EndToEnd)
      ->ArgNames({"nodes", "batch"})
      ->Args({1000, 1})
      ->Args({1000, 100})
      ->Args({5000, 100})
      ->Unit(benchmark::kMillisecond);
  // One iteration is a whole run. Said by the default of a flag, for Iterations(1) would change the benchmark's name.
  std::vector<char*> arguments(argv, argv + argc);
  char once[] = "--benchmark_min_time=0";
  arguments.insert(arguments.begin() + 1, once);
  arguments.push_back(nullptr);
  argc = static_cast<int>(arguments.size()) - 1;
  argv = arguments.data();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}

}  // namespace
}  // namespace switchyard::bench

int main(int argc, char** argv) { return switchyard::bench::Main(argc, argv); }
