#include "tests/integration/support/cluster.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <gtest/gtest.h>
#include <iostream>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

#include "agent/supervisor/cgroup.h"
#include "common/check.h"
#include "fmt/format.h"

namespace switchyard::integration {
namespace {

constexpr size_t kLogTail = 40;
constexpr size_t kCgroupTagDigits = 12;  // agents name their cgroups by so much of their incarnation
constexpr char kCgroupRoot[] = "/sys/fs/cgroup";

void KillProcessesWith(const std::string& text) {
  EXPECT_TRUE(Eventually([&] {
    const std::vector<pid_t> left = ProcessesWith(text);
    for (const pid_t pid : left) kill(pid, SIGKILL);
    return left.empty();
  })) << "processes with "
      << text << " outlived SIGKILL";
}

}  // namespace

Cluster::Cluster() {
  std::string pattern = "/tmp/sy-XXXXXX";  // short: paths of sockets are limited
  SWITCHYARD_CHECK(mkdtemp(pattern.data()) != nullptr) << pattern;
  folder_ = pattern;
  chmod(folder_.c_str(), 0711);
  scheduler_arguments_ = {"--config", Path("site.yaml"), "--store", Path("store"), "--listen", address()};
}

Cluster::Cluster(const SiteOptions& options) : Cluster() { WriteFile(Path("site.yaml"), SiteYaml(options)); }

Cluster::~Cluster() {
  KillEverything();
  RemoveCgroups();
  if (testing::Test::HasFailure()) {
    PrintLogs();
    return;
  }
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

std::string Cluster::Program(const std::string& name) {
  const char* const installed = std::getenv("SWITCHYARD_PROGRAMS");
  return (installed != nullptr ? std::string(installed) : std::string(SWITCHYARD_BINARY_DIR) + "/bin") + "/" + name;
}

void Cluster::KillEverything() {
  scheduler_.reset();
  for (const auto& file : std::filesystem::recursive_directory_iterator(folder_)) {
    if (file.path().filename() == "incarnation") NoteIncarnation(file.path().string());
  }
  agents_.clear();
  pool_.reset();
  // Supervisors and tasks belong to nobody any more, but they name the directory.
  KillProcessesWith(folder_ + "/");
}

void Cluster::KillWhatNames(const std::string& name) { KillProcessesWith(Path(name) + "/"); }

void Cluster::NoteIncarnation(const std::string& file) {
  const std::string incarnation = ReadFile(file).substr(0, kCgroupTagDigits);
  if (!incarnation.empty()) incarnations_.push_back(incarnation);
}

void Cluster::RemoveCgroups() const {
  for (const std::string& incarnation : incarnations_) {
    const auto cgroup = agent::supervisor::Cgroup::At(kCgroupRoot, "switchyard/" + incarnation);
    for (const agent::supervisor::CgroupHierarchy& hierarchy : cgroup.hierarchies()) {
      std::error_code ignored;
      for (const auto& task : std::filesystem::directory_iterator(hierarchy.path, ignored)) {
        if (task.is_directory()) rmdir(task.path().c_str());
      }
      rmdir(hierarchy.path.c_str());
    }
  }
}

void Cluster::PrintLogs() const {
  std::cerr << "The cluster's files are in " << folder_ << ".\n";
  for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
    if (entry.path().extension() != ".log") continue;
    const std::vector<std::string> lines = Lines(ReadFile(entry.path().string()));
    std::cerr << "---- " << entry.path().string() << "\n";
    for (size_t i = lines.size() > kLogTail ? lines.size() - kLogTail : 0; i < lines.size(); ++i)
      std::cerr << lines[i] << "\n";
  }
}

void Cluster::StartScheduler(const std::vector<std::string>& more) {
  scheduler_arguments_.insert(scheduler_arguments_.end(), more.begin(), more.end());
  std::filesystem::remove(Path("ports"));
  std::vector<std::string> command = {Program("switchyardd"), "--port-file", Path("ports")};
  command.insert(command.end(), scheduler_arguments_.begin(), scheduler_arguments_.end());
  scheduler_ = std::make_unique<Process>(command, Path("scheduler.log"), Path("scheduler.log"));
  ASSERT_TRUE(Eventually([this] { return std::filesystem::exists(Path("ports")) || !scheduler_->Running(); }));
  ASSERT_TRUE(scheduler_->Running()) << "switchyardd ended with " << scheduler_->Wait();
}

bool Cluster::LetSchedulerRun(const std::string& program, const std::vector<std::string>& environment) {
  std::filesystem::remove(Path("ports"));
  std::vector<std::string> command = {"/usr/bin/env"};
  command.insert(command.end(), environment.begin(), environment.end());
  command.insert(command.end(), {Program(program), "--port-file", Path("ports")});
  command.insert(command.end(), scheduler_arguments_.begin(), scheduler_arguments_.end());
  scheduler_ = std::make_unique<Process>(command, Path("scheduler.log"), Path("scheduler.log"));
  EXPECT_TRUE(Eventually([this] { return std::filesystem::exists(Path("ports")) || !scheduler_->Running(); }));
  return std::filesystem::exists(Path("ports"));
}

int Cluster::EndScheduler(int signal) {
  const int status = scheduler_->End(signal);
  scheduler_.reset();
  return status;
}

void Cluster::WriteRealAgent(const std::string& name, const std::string& node, const std::string& more) {
  // Nodes share the machine's cores; each is a machine of its own to the scheduler.
  const size_t core = std::hash<std::string>()(name) % std::max(1u, std::thread::hardware_concurrency());
  std::string text =
      fmt::format("scheduler: {}\nnodes: [{}]\nstate_dir: {}\ncpus: [{}]\n", address(), node, Path(name), core);
  if (more.find("hardware_id:") == std::string::npos) text += fmt::format("hardware_id: hw{}\n", name);
  WriteFile(Path(name + ".yaml"), text + more);
}

void Cluster::WriteSimulatedAgent(const std::string& name, const std::string& nodes, const std::string& more) {
  WriteFile(Path(name + ".yaml"), fmt::format("scheduler: {}\nmode: simulated\nnodes: [{}]\nstate_dir: {}\n{}",
                                              address(), nodes, Path(name), more));
}

void Cluster::StartAgent(const std::string& name, const std::vector<std::string>& more) {
  StartAgentAs(Program("switchyard-agent"), name, more);
}

void Cluster::StartAgentAs(const std::string& program, const std::string& name, const std::vector<std::string>& more) {
  std::vector<std::string> command = {program, "--config", Path(name + ".yaml")};
  command.insert(command.end(), more.begin(), more.end());
  agents_[name] = std::make_unique<Process>(command, Path(name + ".log"), Path(name + ".log"));
}

int Cluster::EndAgent(const std::string& name, int signal) { return agents_.at(name)->End(signal); }

void Cluster::ForgetIdentity(const std::string& name) {
  NoteIncarnation(Path(name + "/incarnation"));
  ASSERT_TRUE(std::filesystem::remove(Path(name + "/incarnation")));
}

void Cluster::WipeAgent(const std::string& name) {
  NoteIncarnation(Path(name + "/incarnation"));
  std::filesystem::remove_all(Path(name));
}

bool Cluster::Ready(const std::string& node) {
  const v1::NodeStatus status = Node(node);
  return status.state() == v1::READY && status.lease_remaining_ms() > 0;
}

void Cluster::StartRealAgents(int count) {
  for (int i = 1; i <= count; ++i) {
    const std::string name = "n" + std::to_string(i);
    WriteRealAgent(name, "s/" + name);
    StartAgent(name);
  }
  for (int i = 1; i <= count; ++i) {
    ASSERT_TRUE(Eventually([&] { return Ready("s/n" + std::to_string(i)); })) << i;
  }
}

std::string Cluster::StartPool() {
  std::filesystem::remove(Path("pool-port"));
  pool_ = std::make_unique<Process>(
      std::vector<std::string>{Program("switchyard-pool"), "--listen", "127.0.0.1:0", "--port-file", Path("pool-port"),
                               "--difficulty", "0.0002", "--shares-file", Path("shares")},
      Path("pool.log"), Path("pool.log"));
  EXPECT_TRUE(Eventually([this] { return !ReadFile(Path("pool-port")).empty(); }));
  return "127.0.0.1:" + std::to_string(std::stoi(ReadFile(Path("pool-port"))));
}

Outcome Cluster::Run(const std::vector<std::string>& command) {
  const std::string base = Path("run-" + std::to_string(++files_));
  Outcome outcome;
  outcome.exit_code = Process(command, base + ".out", base + ".err").Wait();
  outcome.out = ReadFile(base + ".out");
  outcome.err = ReadFile(base + ".err");
  return outcome;
}

Outcome Cluster::Cli(std::vector<std::string> words) {
  words.insert(words.begin(), {Program("switchyard"), "--server", address()});
  return Run(words);
}

Json Cluster::CliJson(std::vector<std::string> words) {
  words.insert(words.begin(), {"-o", "json"});
  const Outcome outcome = Cli(words);
  EXPECT_EQ(outcome.exit_code, 0) << testing::PrintToString(words) << "\n" << outcome.err;
  const Json json = outcome.json();
  EXPECT_FALSE(json.is_discarded()) << testing::PrintToString(words) << " printed\n" << outcome.out;
  return json;
}

std::vector<uint64_t> Cluster::Submit(const std::string& yaml, const std::vector<std::string>& more) {
  const std::string file = Path("job-" + std::to_string(++files_) + ".yaml");
  WriteFile(file, yaml);
  std::vector<std::string> words = {"submit", file};
  words.insert(words.end(), more.begin(), more.end());
  std::vector<uint64_t> ids;
  const Json json = CliJson(words);
  if (!json.contains("job_ids")) return ids;
  for (const Json& id : json["job_ids"]) ids.push_back(std::stoull(id.get<std::string>()));
  return ids;
}

uint64_t Cluster::SubmitOne(const std::string& yaml, const std::vector<std::string>& more) {
  const std::vector<uint64_t> ids = Submit(yaml, more);
  EXPECT_EQ(ids.size(), 1u);
  return ids.empty() ? 0 : ids[0];
}

client::Client& Cluster::client() {
  if (client_ == nullptr) {
    client::ClientOptions options;
    options.server = address();
    auto connected = client::Client::Connect(options);
    SWITCHYARD_CHECK(connected.ok()) << connected.status();
    client_ = *std::move(connected);
  }
  return *client_;
}

v1::Job Cluster::Job(uint64_t id) {
  const auto job = client().GetJob(id);
  EXPECT_TRUE(job.ok()) << "job " << id << ": " << job.status();
  return job.ok() ? *job : v1::Job();
}

v1::NodeStatus Cluster::Node(const std::string& id) {
  const auto node = client().GetNode(id);
  EXPECT_TRUE(node.ok()) << "node " << id << ": " << node.status();
  return node.ok() ? *node : v1::NodeStatus();
}

bool Cluster::Reaches(uint64_t id, v1::JobState state) {
  v1::Job last;
  const bool reached = Eventually([&] {
    last = Job(id);
    return last.state() == state || (client::IsTerminal(last.state()) && last.state() != state);
  });
  if (!reached || last.state() != state) std::cerr << "job " << id << " is\n" << last.DebugString();
  return reached && last.state() == state;
}

bool Cluster::HasAlarm(const std::string& kind, const std::string& subject) {
  const auto alarms = client().ListAlarms();
  EXPECT_TRUE(alarms.ok()) << alarms.status();
  if (!alarms.ok()) return false;
  return std::any_of(alarms->alarms().begin(), alarms->alarms().end(), [&](const v1::Alarm& alarm) {
    return alarm.kind() == kind && (subject.empty() || alarm.subject() == subject);
  });
}

bool Cluster::HasEvent(const std::string& kind, const std::string& subject) {
  bool found = false;
  v1::StreamEventsRequest request;
  request.set_limit(10'000);
  const absl::Status status = client().Events(request, [&](const v1::Event& event) {
    found = found || (event.kind() == kind && (subject.empty() || event.subject() == subject));
    return true;
  });
  EXPECT_TRUE(status.ok()) << status;
  return found;
}

std::vector<ProcessId> Cluster::Marks(const std::string& name) const {
  std::vector<ProcessId> marks;
  for (const std::string& line : Lines(ReadFile(Path(name)))) marks.push_back(Identify(std::stoi(line)));
  return marks;
}

}  // namespace switchyard::integration
