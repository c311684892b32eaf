// switchyardd --dev: a newcomer's first hour, from start to Ctrl-C.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/integration/support/cluster.h"

namespace switchyard::integration {
namespace {

class DevClusterTest : public testing::Test {
 protected:
  // The files of --dev are where the cluster's are: its socket is the one that the command line asks.
  void Start() {
    dev_ = std::make_unique<Process>(std::vector<std::string>{Cluster::Program("switchyardd"), "--dev", "--store",
                                                              cluster_.Path("dev"), "--listen", cluster_.address()},
                                     cluster_.Path("dev.log"), cluster_.Path("dev.log"));
    ASSERT_TRUE(Eventually([this] {
      EXPECT_TRUE(dev_->Running());
      return !dev_->Running() ||
             ReadFile(cluster_.Path("dev.log")).find("export SWITCHYARD_SERVER") != std::string::npos;
    }));
    ASSERT_TRUE(Eventually([this] {
      const Json nodes = cluster_.CliJson({"nodes"});
      int ready = 0;
      for (const Json& node : nodes["nodes"]) ready += node["state"] == "READY";
      return ready == 5;
    })) << cluster_.Cli({"nodes"}).out;
  }
  Cluster cluster_;
  std::unique_ptr<Process> dev_;
};

TEST_F(DevClusterTest, StartsRunsTheExamplesEndsCleanlyAndComesBack) {
  ASSERT_NO_FATAL_FAILURE(Start());
  const std::string examples = std::string(SWITCHYARD_SOURCE_DIR) + "/examples/jobs/";
  const Outcome hash = cluster_.Cli({"submit", examples + "hash.yaml", "--set", "hashing.pool=127.0.0.1:3333"});
  ASSERT_EQ(hash.exit_code, 0) << hash.err;
  ASSERT_TRUE(cluster_.Reaches(1, v1::RUNNING));
  EXPECT_TRUE(Eventually([this] { return cluster_.Node("dev/rack-1").grant_mw() > 64 * 2'100'000; })) << "racks hash";
  for (const char* const file : {"train.yaml", "serve.yaml"}) {
    const Outcome outcome = cluster_.Cli({"submit", examples + file});
    EXPECT_EQ(outcome.exit_code, 0) << file << ": " << outcome.err;
  }
  cluster_.SubmitOne(TrainingYaml("here", "echo from this machine", "resources: {cpu_devices: 1}\n"));
  EXPECT_TRUE(cluster_.Reaches(cluster_.Submit(TrainingYaml("again", "true", "resources: {cpu_devices: 1}\n")).front(),
                               v1::SUCCEEDED));
  EXPECT_EQ(cluster_.Cli({"budgets"}).exit_code, 0);

  EXPECT_EQ(dev_->End(SIGTERM), 0);
  for (const char* const program : {"switchyard-agent", "switchyard-pool"}) {
    EXPECT_TRUE(Eventually([&] {
      for (const pid_t pid : ProcessesWith(cluster_.Path("dev"))) {
        if (ReadFile("/proc/" + std::to_string(pid) + "/cmdline").find(program) != std::string::npos) return false;
      }
      return true;
    })) << program
        << " was left behind";
  }
  ASSERT_NO_FATAL_FAILURE(Start());
  EXPECT_EQ(cluster_.Job(1).spec().kind(), v1::HASHING) << "the store is kept";
  EXPECT_EQ(dev_->End(SIGINT), 0);
}

}  // namespace
}  // namespace switchyard::integration
