// Every verb of the command line against a living cluster, for a person and for a program, before and after a restart.
#include <cstring>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/integration/support/cluster.h"

namespace switchyard::integration {
namespace {

using testing::HasSubstr;
using Words = std::vector<std::string>;

class CommandLineOnClusterTest : public testing::Test {
 protected:
  void SetUp() override {
    cluster_ = std::make_unique<Cluster>(SiteOptions{.real_nodes = 1, .racks = 1, .servers = 1});
    ASSERT_NO_FATAL_FAILURE(cluster_->StartScheduler());
    ASSERT_NO_FATAL_FAILURE(cluster_->StartRealAgents(1));
    cluster_->WriteSimulatedAgent("sim", "s/r1, s/g1",
                                  "simulated: {control_socket: " + cluster_->Path("control") + "}\n");
    cluster_->StartAgent("sim");
    ASSERT_TRUE(Eventually([this] { return cluster_->Ready("s/r1") && cluster_->Ready("s/g1"); }));
  }

  // Works for a person, and for a program prints one JSON document.
  void ExpectWorks(const Words& words) {
    const Outcome outcome = cluster_->Cli(words);
    EXPECT_EQ(outcome.exit_code, 0) << testing::PrintToString(words) << "\n" << outcome.err;
    EXPECT_FALSE(cluster_->CliJson(words).is_discarded());
    Words yaml = words;
    yaml.insert(yaml.begin(), {"-o", "yaml"});
    EXPECT_EQ(cluster_->Cli(yaml).exit_code, 0);
  }
  void ExpectEveryReadingVerbWorks() {
    for (const Words& words : std::vector<Words>{{"jobs"},
                                                 {"jobs", "--state", "running"},
                                                 {"jobs", "--tenant", "research", "--kind", "training"},
                                                 {"job", "2"},
                                                 {"explain", "1"},
                                                 {"explain", "2"},
                                                 {"explain", "3"},
                                                 {"nodes"},
                                                 {"nodes", "--site", "s"},
                                                 {"node", "s/n1"},
                                                 {"orphans"},
                                                 {"quarantine"},
                                                 {"sites"},
                                                 {"site", "s"},
                                                 {"budgets"},
                                                 {"budgets", "s"},
                                                 {"alarms"},
                                                 {"why-not-rising"},
                                                 {"why-not-rising", "s/meter"},
                                                 {"plans"},
                                                 {"tenants"},
                                                 {"tenant", "research"},
                                                 {"events"},
                                                 {"events", "--since", "1h"},
                                                 {"top"},
                                                 {"logs", "2"},
                                                 {"logs", "2/0", "--tail", "1"}}) {
      if (words[0] == "logs") {
        const Outcome outcome = cluster_->Cli(words);
        EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
        EXPECT_EQ(outcome.out, "hello\n");
      } else {
        ExpectWorks(words);
      }
    }
  }
  void ExpectFails(const Words& words, int exit_code, const std::string& said) {
    const Outcome outcome = cluster_->Cli(words);
    EXPECT_EQ(outcome.exit_code, exit_code) << testing::PrintToString(words);
    EXPECT_THAT(outcome.err, HasSubstr(said)) << testing::PrintToString(words);
    EXPECT_EQ(outcome.out, "") << testing::PrintToString(words);
  }
  // One command to the simulated machines.
  std::string Drill(const std::string& line) {
    const int drill = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, cluster_->Path("control").c_str(), sizeof address.sun_path - 1);
    std::string answer;
    const std::string command = line + "\n";
    if (connect(drill, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
        write(drill, command.data(), command.size()) == static_cast<ssize_t>(command.size())) {
      char buffer[4096];
      for (ssize_t got; (got = read(drill, buffer, sizeof buffer)) > 0;)
        answer.append(buffer, static_cast<size_t>(got));
    }
    close(drill);
    return answer;
  }

  std::unique_ptr<Cluster> cluster_;
};

TEST_F(CommandLineOnClusterTest, EveryVerbWorksAndStillDoesAfterARestart) {
  ASSERT_TRUE(cluster_->Reaches(cluster_->SubmitOne(HashingYaml("fill", "127.0.0.1:1")), v1::RUNNING));
  ASSERT_TRUE(cluster_->Reaches(
      cluster_->SubmitOne(
          "kind: training\nname: train\ntenant: research\ncommand: [/bin/sh, -c, 'echo hello; exec sleep 1000']\n"
          "grace: 1s\nresources: {cpu_devices: 1}\n"),
      v1::RUNNING));
  cluster_->SubmitOne(TrainingYaml("waits", "true", "resources: {gpus: 64}\n"));
  ASSERT_TRUE(Eventually([this] { return cluster_->Cli({"logs", "2"}).out == "hello\n"; }));
  ExpectEveryReadingVerbWorks();

  EXPECT_EQ(cluster_->EndScheduler(SIGKILL), -SIGKILL);
  ASSERT_NO_FATAL_FAILURE(cluster_->StartScheduler());
  ASSERT_TRUE(
      Eventually([this] { return cluster_->Ready("s/n1") && cluster_->Ready("s/r1") && cluster_->Ready("s/g1"); }));
  ExpectEveryReadingVerbWorks();

  // The operator's words.
  for (const Words& words : std::vector<Words>{{"cordon", "s/g1"},
                                               {"uncordon", "s/g1"},
                                               {"drain", "s/g1", "--deadline", "1s"},
                                               {"undrain", "s/g1"},
                                               {"node", "admit", "s/g1", "--checked"},
                                               {"token", "s/g1"}}) {
    ExpectWorks(words);
  }
  ExpectWorks({"cancel", "3"});
  EXPECT_EQ(cluster_->Cli({"wait", "3", "--timeout", "30s"}).exit_code, 3) << "a cancelled job was waited for in vain";
  EXPECT_EQ(cluster_->Cli({"wait", "3", "--for", "cancelled", "--timeout", "30s"}).exit_code, 0);
  EXPECT_EQ(cluster_->Cli({"wait", "2", "--for", "running", "--timeout", "30s"}).exit_code, 0);
  EXPECT_EQ(cluster_->Cli({"completion", "bash"}).exit_code, 0);
  EXPECT_EQ(cluster_->Cli({"check", cluster_->Path("site.yaml"), cluster_->Path("n1.yaml")}).exit_code, 0);
}

TEST_F(CommandLineOnClusterTest, FailuresSayWhatToDoAndChangeNothing) {
  ExpectFails({"job", "77"}, 1, "77");
  ExpectFails({"cancel", "77"}, 1, "77");
  ExpectFails({"node", "s/none"}, 1, "s/none");
  ExpectFails({"site", "none"}, 1, "none");
  ExpectFails({"tenant", "none"}, 1, "none");
  ExpectFails({"why-not-rising", "s/none"}, 1, "switchyard budgets");
  ExpectFails({"cordon", "s/none"}, 1, "s/none");
  ExpectFails({"orphan", "stop", "5"}, 1, "switchyard orphans");
  ExpectFails({"quarantine", "clear", "none"}, 1, "none");
  ExpectFails({"node", "lost", "s/n1"}, 2, "--checked");
  ExpectFails({"node", "lost", "s/n1", "--checked"}, 1, "s/n1");  // its agent speaks
  ExpectFails({"jobs", "--state", "sleepy"}, 2, "sleepy");
  ExpectFails({"submit", cluster_->Path("nowhere.yaml")}, 1, "nowhere.yaml");
  const std::string file = cluster_->Path("wrong.yaml");
  WriteFile(file, "kind: training\nname: wrong\ntenant: research\ncomand: [/bin/true]\nresources: {memory: 5}\n");
  ExpectFails({"submit", file}, 1, "command");
  WriteFile(file, TrainingYaml("stranger", "true") + "---\n" + TrainingYaml("none", "true", "after: [99]\n"));
  EXPECT_EQ(cluster_->Cli({"submit", file}).exit_code, 1);
  EXPECT_EQ(cluster_->CliJson({"jobs"})["jobs"].size(), 0u) << "all or none";
}

TEST_F(CommandLineOnClusterTest, ANodeThatIsGoneIsStatedLostAndItsTasksAndWattsAreFree) {
  const uint64_t job =
      cluster_->SubmitOne(TrainingYaml("train", "sleep 3600", "resources: {cpu_devices: 1}\nmax_retries: 0\n"));
  ASSERT_TRUE(cluster_->Reaches(job, v1::RUNNING));
  cluster_->EndAgent("n1", SIGKILL);
  cluster_->KillWhatNames("n1");  // the machine is off: nothing of it lives
  ASSERT_TRUE(Eventually([this] { return cluster_->Node("s/n1").state() == v1::UNREACHABLE; }));
  EXPECT_TRUE(cluster_->JobIs(job, v1::RUNNING)) << "silence ends no training";
  EXPECT_GT(cluster_->Node("s/n1").bound_mw(), 0);
  ExpectFails({"node", "lost", "s/n1"}, 2, "--checked");
  EXPECT_GT(cluster_->Node("s/n1").bound_mw(), 0);
  // It may have spoken a moment ago: the word is refused until three heartbeats are over.
  ASSERT_TRUE(Eventually([this] { return cluster_->Cli({"node", "lost", "s/n1", "--checked"}).exit_code == 0; }));
  EXPECT_TRUE(cluster_->Reaches(job, v1::FAILED));
  EXPECT_EQ(cluster_->Node("s/n1").state(), v1::LOST);
  EXPECT_EQ(cluster_->Node("s/n1").bound_mw(), 0) << "a lost node counts nothing";
  EXPECT_THAT(cluster_->Cli({"nodes"}).out, HasSubstr("lost"));
  EXPECT_TRUE(cluster_->HasEvent("NodeAction", "s/n1"));
}

TEST_F(CommandLineOnClusterTest, AKeySubmitsOnceAndFilesMayComeFromManyDocuments) {
  const std::string two = TrainingYaml("a", "true") + "---\n" + TrainingYaml("b", "true");
  const std::vector<uint64_t> first = cluster_->Submit(two, {"--key", "k"});
  EXPECT_EQ(first.size(), 2u);
  EXPECT_EQ(cluster_->Submit(two, {"--key", "k"}), first);
  const std::vector<uint64_t> array =
      cluster_->Submit(TrainingYaml("many", "true", "resources: {cpus: 1}\n"), {"--set", "array=3"});
  EXPECT_EQ(array.size(), 3u);
  for (const uint64_t id : array) EXPECT_TRUE(cluster_->Reaches(id, v1::SUCCEEDED));
}

TEST_F(CommandLineOnClusterTest, ADeviceThatDisobeysIsQuarantinedUntilItIsCleared) {
  ASSERT_TRUE(cluster_->Reaches(cluster_->SubmitOne(HashingYaml("fill", "127.0.0.1:1")), v1::RUNNING));
  ASSERT_TRUE(Eventually([this] { return cluster_->Node("s/r1").bound_mw() == 500'000 + 4 * 3'510'000; }));
  const std::string devices = Drill("devices s/r1");
  ASSERT_THAT(devices, HasSubstr("ok "));
  const std::string device = devices.substr(3, devices.find_first_of(" \n", 3) - 3);
  ASSERT_THAT(Drill("stick " + device), HasSubstr("ok"));
  cluster_->CliJson({"drain", "s/r1"});  // ends hashing there
  ASSERT_TRUE(Eventually([&] { return cluster_->HasAlarm("quarantine", device); })) << device;
  const Json listed = cluster_->CliJson({"quarantine"});
  ASSERT_EQ(listed["devices"].size(), 1u);
  EXPECT_EQ(listed["devices"][0]["device"], device);
  EXPECT_EQ(listed["devices"][0]["counted_mw"], "3510000");
  ASSERT_THAT(Drill("mend " + device), HasSubstr("ok"));
  cluster_->CliJson({"quarantine", "clear", device});
  cluster_->CliJson({"undrain", "s/r1"});
  EXPECT_TRUE(Eventually([this] { return cluster_->Node("s/r1").bound_mw() == 500'000 + 4 * 3'510'000; }))
      << "it hashes again";
  EXPECT_FALSE(cluster_->HasAlarm("quarantine"));
}

}  // namespace
}  // namespace switchyard::integration
