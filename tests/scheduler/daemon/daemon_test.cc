// The real switchyardd as a process: start, restart, reload, kill, and what it does instead of serving.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "common/configuration/cluster_file.h"
#include "fmt/format.h"
#include "scheduler/daemon/dev_cluster.h"

namespace switchyard::daemon {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

constexpr char kSite[] = R"(
cluster: test
sites:
  - {id: hall, energy_price: 0.05USD/kWh, hashprice: 50USD/PH/day, budgets: [{id: meter, kind: meter, cap: CAP}]}
device_models:
  - {id: core, kind: cpu, power_cycle: self_idle, enforcer: supervisor, idle: 2W, min: 2W, max: 12W, ramp_up: 1s, ramp_down: 1s}
node_models:
  - {id: server, platform: 120W, memory: 64GiB, disk: 500GiB, groups: [{name: cpu, device_model: core, count: 16}]}
nodes:
  - {id: n1, site: hall, model: server, feeds_from: meter}
tenants:
  - {id: everybody, members: ["*"]}
)";

std::string Read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
}

class DaemonTest : public testing::Test {
 protected:
  DaemonTest() {
    std::string pattern = testing::TempDir() + "switchyardd-XXXXXX";
    root_ = ::mkdtemp(pattern.data());
    Configure("50kW");
  }
  ~DaemonTest() override {
    if (pid_ > 0) End(SIGKILL);
    std::filesystem::remove_all(root_);
  }

  void Configure(const std::string& cap) {
    std::string site = kSite;
    site.replace(site.find("CAP"), 3, cap);
    std::ofstream(root_ + "/site.yaml") << site;
  }

  pid_t Spawn(std::vector<std::string> arguments, const std::string& out, const std::string& log) {
    arguments.insert(arguments.begin(), std::string(SWITCHYARD_BINARY_DIR) + "/bin/switchyardd");
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::dup2(::open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), STDOUT_FILENO);
      ::dup2(::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600), STDERR_FILENO);
      ::execv(argv[0], argv.data());
      ::_exit(127);
    }
    return pid;
  }

  // Runs to the end; standard output in out_, errors in errors_.
  int Run(const std::vector<std::string>& arguments) {
    std::filesystem::remove(root_ + "/errors");
    const pid_t pid = Spawn(arguments, root_ + "/out", root_ + "/errors");
    int status = 0;
    ::waitpid(pid, &status, 0);
    out_ = Read(root_ + "/out");
    errors_ = Read(root_ + "/errors");
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

  std::vector<std::string> Serving() const {
    return {"--config", root_ + "/site.yaml", "--store", root_ + "/store", "--listen", "unix:" + root_ + "/socket",
            "--record", root_ + "/record", "--port-file", root_ + "/ports"};
  }
  // Starts the scheduler and waits until it listens.
  void Serve(const std::vector<std::string>& arguments) {
    std::filesystem::remove(root_ + "/ports");
    pid_ = Spawn(arguments, root_ + "/serve-out", root_ + "/log");
    WaitUntil([this] { return std::filesystem::exists(root_ + "/ports"); });
  }
  void WaitForLog(const std::string& text) {
    WaitUntil([this, text] { return Read(root_ + "/log").find(text) != std::string::npos; });
  }
  // Ends the wait should the scheduler die.
  template <typename Condition>
  void WaitUntil(Condition condition) {
    while (!condition()) {
      int status = 0;
      if (::waitpid(pid_, &status, WNOHANG) == pid_) {
        pid_ = -1;
        FAIL() << "switchyardd ended with " << status << ":\n" << Read(root_ + "/log");
      }
      std::this_thread::yield();
    }
  }
  int End(int signal) {
    ::kill(pid_, signal);
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

  std::string root_, out_, errors_;
  pid_t pid_ = -1;
};

TEST_F(DaemonTest, EveryStartIsATermAndASigtermEndsItCleanly) {
  ASSERT_NO_FATAL_FAILURE(Serve(Serving()));
  EXPECT_EQ(End(SIGTERM), 0);
  ASSERT_NO_FATAL_FAILURE(Serve(Serving()));
  EXPECT_EQ(End(SIGKILL), -SIGKILL);
  ASSERT_NO_FATAL_FAILURE(Serve(Serving()));
  EXPECT_EQ(End(SIGINT), 0);
  EXPECT_THAT(Read(root_ + "/log"), HasSubstr("term=1"));
  EXPECT_THAT(Read(root_ + "/log"), HasSubstr("term=3"));
}

TEST_F(DaemonTest, ASecondSchedulerOnTheSameStoreIsRefused) {
  ASSERT_NO_FATAL_FAILURE(Serve(Serving()));
  EXPECT_EQ(Run({"--config", root_ + "/site.yaml", "--store", root_ + "/store", "--listen", "unix:" + root_ + "/other"}), 1);
  EXPECT_THAT(errors_, HasSubstr("is open already"));
}

TEST_F(DaemonTest, AReloadAppliesAGoodFileAndRefusesABadOneWhole) {
  ASSERT_NO_FATAL_FAILURE(Serve(Serving()));
  Configure("60kW");
  ::kill(pid_, SIGHUP);
  ASSERT_NO_FATAL_FAILURE(WaitForLog("configuration-loaded"));
  Configure("60");
  ::kill(pid_, SIGHUP);
  ASSERT_NO_FATAL_FAILURE(WaitForLog("configuration-refused"));
  EXPECT_EQ(End(SIGTERM), 0);
  ASSERT_EQ(Run({"--dump", "--store", root_ + "/store"}), 0) << errors_;
  EXPECT_THAT(out_, HasSubstr("\"cap_mw\":\"60000000\""));
}

TEST_F(DaemonTest, AStartWithABadFileGoesOnWithTheConfigurationOfTheStore) {
  Configure("60");
  EXPECT_EQ(Run(Serving()), 1) << "there is none yet";
  EXPECT_THAT(errors_, HasSubstr("site.yaml:"));
  Configure("50kW");
  ASSERT_NO_FATAL_FAILURE(Serve(Serving()));
  EXPECT_EQ(End(SIGTERM), 0);
  Configure("60");
  ASSERT_NO_FATAL_FAILURE(Serve(Serving()));
  EXPECT_THAT(Read(root_ + "/log"), HasSubstr("configuration-stored"));
  EXPECT_EQ(End(SIGTERM), 0);
}

TEST_F(DaemonTest, BackupAndDumpWorkBesideTheRunningScheduler) {
  ASSERT_NO_FATAL_FAILURE(Serve(Serving()));
  ASSERT_EQ(Run({"--backup", root_ + "/backup", "--store", root_ + "/store"}), 0) << errors_;
  ASSERT_EQ(Run({"--dump", "--store", root_ + "/store"}), 0) << errors_;
  EXPECT_THAT(out_, HasSubstr("\"cluster_id\":\"test\""));
  EXPECT_EQ(End(SIGTERM), 0);
  for (const auto& entry : std::filesystem::directory_iterator(root_ + "/store")) {
    EXPECT_THAT(entry.path().filename().string(), Not(HasSubstr("dump-"))) << "the copy was removed";
  }
  std::vector<std::string> restored = Serving();
  restored[3] = root_ + "/backup";
  ASSERT_NO_FATAL_FAILURE(Serve(restored));
  EXPECT_THAT(Read(root_ + "/log"), HasSubstr("store-restored"));
}

TEST_F(DaemonTest, ARecordReplaysToTheSameDigests) {
  ASSERT_NO_FATAL_FAILURE(Serve(Serving()));
  Configure("60kW");
  ::kill(pid_, SIGHUP);
  ASSERT_NO_FATAL_FAILURE(WaitForLog("configuration-loaded"));
  EXPECT_EQ(End(SIGKILL), -SIGKILL);
  ASSERT_EQ(Run({"--replay", root_ + "/record"}), 0) << errors_;
  EXPECT_THAT(out_, HasSubstr("every digest agrees"));
}

TEST_F(DaemonTest, AStoreKeepsItsCluster) {
  ASSERT_NO_FATAL_FAILURE(Serve(Serving()));
  EXPECT_EQ(End(SIGTERM), 0);
  std::string site = Read(root_ + "/site.yaml");
  site.replace(site.find("cluster: test"), 13, "cluster: other");
  std::ofstream(root_ + "/site.yaml") << site;
  EXPECT_EQ(Run(Serving()), 1);
  EXPECT_THAT(errors_, HasSubstr("belongs to cluster \"test\""));
}

TEST_F(DaemonTest, MakeCaMakesKeysThatOnlyTheirOwnerReads) {
  ASSERT_EQ(Run({"--make-ca", root_ + "/ca", "--host", "scheduler.example"}), 0) << errors_;
  EXPECT_THAT(out_, HasSubstr("--ca-dir " + root_ + "/ca"));
  EXPECT_EQ(std::filesystem::status(root_ + "/ca/ca.key").permissions() & std::filesystem::perms(077), std::filesystem::perms::none);
  EXPECT_EQ(Run({"--make-ca", root_ + "/ca"}), 1) << "an authority is never replaced";
}

TEST_F(DaemonTest, UsageErrorsAndHelpHaveTheirExitCodes) {
  EXPECT_EQ(Run({"--no-such-flag"}), 2);
  EXPECT_EQ(Run({"--dump", "--replay", "x"}), 2);
  EXPECT_EQ(Run({"--log-level", "loud"}), 2);
  EXPECT_EQ(Run({"--help"}), 0);
  EXPECT_EQ(Run({"--version"}), 0);
  EXPECT_THAT(out_, ContainsRegex("^switchyardd [0-9]+\\.[0-9]+"));
}

TEST_F(DaemonTest, TheSiteOfTheDevClusterIsValidAndKeptOnceEdited) {
  Options options;
  options.store = root_ + "/dev";
  options.store_given = true;
  DevCluster first;
  ASSERT_TRUE(first.Prepare(&options).ok());
  EXPECT_EQ(options.listen[0], "unix:" + root_ + "/dev/switchyard.sock");
  const auto file = configuration::LoadClusterFile(options.config);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->configuration.nodes_size(), 5);
  std::ofstream(options.config) << "edited";
  Options again;
  again.store = root_ + "/dev";
  again.store_given = true;
  DevCluster second;
  ASSERT_TRUE(second.Prepare(&again).ok());
  EXPECT_EQ(Read(again.config), "edited");
}

}  // namespace
}  // namespace switchyard::daemon
