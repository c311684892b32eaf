// A cluster of real programs on this machine: a scheduler on a unix socket, agents, a pool and the command line, all in
// one temporary directory. What it promises to a test: nothing of it is left when the object is gone, whatever the test
// did to it; and if the test failed, the directory stays and the ends of the logs are printed.
#ifndef SWITCHYARD_TESTS_INTEGRATION_SUPPORT_CLUSTER_H_
#define SWITCHYARD_TESTS_INTEGRATION_SUPPORT_CLUSTER_H_

#include <csignal>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "client/client.h"
#include "switchyard/v1/cluster.pb.h"
#include "switchyard/v1/job.pb.h"
#include "tests/integration/support/process.h"

namespace switchyard::integration {

using Json = nlohmann::json;
namespace v1 = switchyard::v1;

// What a program left behind.
struct Outcome {
  int exit_code = -1;
  std::string out, err;
  Json json() const { return Json::parse(out, nullptr, false); }  // discarded if it is none
};

// The site "s" of most tests: real nodes s/n1 .. with two simulated cores' worth of watts each, beneath one meter.
struct SiteOptions {
  int real_nodes = 1;  // s/n1 ..: model "machine", one CPU device of 2 to 12 W, 20 W of platform
  int racks = 0;       // s/r1 ..: model "rack", 4 miners of 25 to 3,510 W, simulated
  int servers = 0;     // s/g1 ..: model "server", 2 GPUs of 70 to 700 W, simulated
  std::string cap = "100kW";
  std::string lease = "4s";
  std::string member_timeout = "1m";
  std::string prepare_timeout = "20s";
  std::string operators = {};  // further ones, e.g. "cn:operator"
};
std::string SiteYaml(const SiteOptions& options);

class Cluster {
 public:
  Cluster();
  explicit Cluster(const SiteOptions& options);  // writes site.yaml
  ~Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  std::string Path(const std::string& name) const { return folder_ + "/" + name; }
  // Of this build, or of the directory that SWITCHYARD_PROGRAMS names: the same tests prove an installation.
  static std::string Program(const std::string& name);
  std::string address() const { return "unix:" + Path("socket"); }

  // ---- the scheduler ----
  void StartScheduler(
      const std::vector<std::string>& more = {});  // with what it was started before, if nothing is given
  // As StartScheduler, but of another program of the same face, with more in its environment ("NAME=value"); it may die
  // whenever it wants to. Whether it listened before it ended.
  bool LetSchedulerRun(const std::string& program, const std::vector<std::string>& environment);
  int EndScheduler(int signal = SIGTERM);
  void UseStore(const std::string& directory) { scheduler_arguments_[3] = directory; }
  Process& scheduler() { return *scheduler_; }
  std::string SchedulerLog() const { return ReadFile(Path("scheduler.log")); }
  // The bound addresses, each "unix PATH" or "tcp HOST:PORT".
  std::vector<std::string> Bound() const { return Lines(ReadFile(Path("ports"))); }

  // ---- agents: each by a short name, with NAME.yaml, NAME.log and the state directory NAME ----
  // Writes the file of an agent for one real node. `more` are further lines of YAML.
  void WriteRealAgent(const std::string& name, const std::string& node, const std::string& more = "");
  void WriteSimulatedAgent(const std::string& name, const std::string& nodes, const std::string& more = "");
  void StartAgent(const std::string& name, const std::vector<std::string>& more = {});
  // The same agent as another program: an upgrade.
  void StartAgentAs(const std::string& program, const std::string& name, const std::vector<std::string>& more = {});
  int EndAgent(const std::string& name, int signal);
  Process& agent(const std::string& name) { return *agents_.at(name); }
  // Its incarnation is lost, and nothing else.
  void ForgetIdentity(const std::string& name);
  // Its state directory is lost, with all that it knew of tasks.
  void WipeAgent(const std::string& name);
  // Supervisors and tasks of the agent, as a reboot ends them.
  void KillWhatNames(const std::string& name);
  // A node is up: its agent has reported and its lease runs.
  bool Ready(const std::string& node);

  // Real nodes n1 .. with agents of the same name, started and ready.
  void StartRealAgents(int count);

  // ---- a pool; returns its address ----
  std::string StartPool();
  int64_t Shares() const { return static_cast<int64_t>(Lines(ReadFile(Path("shares"))).size()); }

  // ---- the command line ----
  Outcome Run(const std::vector<std::string>& command);
  Outcome Cli(std::vector<std::string> words);   // switchyard --server ... words
  Json CliJson(std::vector<std::string> words);  // -o json; fails the test unless it exits 0 and prints one document
  std::vector<uint64_t> Submit(const std::string& yaml, const std::vector<std::string>& more = {});
  uint64_t SubmitOne(const std::string& yaml, const std::vector<std::string>& more = {});

  // ---- what is so ----
  client::Client& client();
  v1::Job Job(uint64_t id);
  v1::NodeStatus Node(const std::string& id);
  bool JobIs(uint64_t id, v1::JobState state) { return Job(id).state() == state; }
  bool Reaches(uint64_t id, v1::JobState state);  // waits
  bool HasAlarm(const std::string& kind, const std::string& subject = "");
  bool HasEvent(const std::string& kind, const std::string& subject = "");

  // Marks: a task appends its pid to the file `name` ("echo $$ >> " + Path(name)), once for every time that it was
  // started.
  std::vector<ProcessId> Marks(const std::string& name) const;

 private:
  void KillEverything();
  void RemoveCgroups() const;
  void NoteIncarnation(const std::string& file);
  void PrintLogs() const;

  std::string folder_;
  std::vector<std::string> scheduler_arguments_;
  std::unique_ptr<Process> scheduler_, pool_;
  std::map<std::string, std::unique_ptr<Process>> agents_;
  std::vector<std::string> incarnations_;
  std::unique_ptr<client::Client> client_;
  int files_ = 0;
};

// Job files of few words. `tail` are further lines.
std::string TrainingYaml(const std::string& name, const std::string& script,
                         const std::string& tail = "resources: {cpu_devices: 1}\n");
std::string InferenceYaml(const std::string& name, const std::string& script, const std::string& tail);
std::string HashingYaml(const std::string& name, const std::string& pool);

}  // namespace switchyard::integration

#endif  // SWITCHYARD_TESTS_INTEGRATION_SUPPORT_CLUSTER_H_
