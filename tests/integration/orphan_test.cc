// What runs and is not in the store: counted, shown, and left to an operator's word.
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/integration/support/cluster.h"

namespace switchyard::integration {
namespace {

using testing::HasSubstr;

class OrphanTest : public testing::Test {
 protected:
  void SetUp() override {
    cluster_ = std::make_unique<Cluster>(SiteOptions{.real_nodes = 2});
    ASSERT_NO_FATAL_FAILURE(cluster_->StartScheduler());
    ASSERT_NO_FATAL_FAILURE(cluster_->StartRealAgents(2));
  }
  // The scheduler's disk is lost: it starts with its configuration alone.
  void LoseTheStore() {
    EXPECT_EQ(cluster_->EndScheduler(SIGKILL), -SIGKILL);
    std::filesystem::remove_all(cluster_->Path("store"));
    ASSERT_NO_FATAL_FAILURE(cluster_->StartScheduler());
    ASSERT_TRUE(Eventually([this] { return cluster_->Ready("s/n1") && cluster_->Ready("s/n2"); }));
  }
  std::string Marking() { return "echo $$ >> " + cluster_->Path("marks") + "; exec sleep 1000"; }
  int Orphans() {
    const auto orphans = cluster_->client().ListOrphans();
    EXPECT_TRUE(orphans.ok()) << orphans.status();
    return orphans.ok() ? orphans->orphans_size() : -1;
  }

  std::unique_ptr<Cluster> cluster_;
};

TEST_F(OrphanTest, AnEmptyStoreStopsNoTrainingAndAnOperatorMay) {
  ASSERT_TRUE(cluster_->Reaches(cluster_->SubmitOne(TrainingYaml("train", Marking())), v1::RUNNING));
  ASSERT_TRUE(Eventually([this] { return cluster_->Marks("marks").size() == 1; }));
  const ProcessId task = cluster_->Marks("marks")[0];
  ASSERT_NO_FATAL_FAILURE(LoseTheStore());
  ASSERT_TRUE(Eventually([this] { return Orphans() == 1; }));
  const Json orphans = cluster_->CliJson({"orphans"});
  ASSERT_EQ(orphans["orphans"].size(), 1u) << orphans;
  const std::string id = orphans["orphans"][0]["id"], node = orphans["orphans"][0]["node"];
  EXPECT_TRUE(cluster_->HasAlarm("orphan", id));
  EXPECT_EQ(cluster_->Node(node).bound_mw(), 32'000) << "platform, and the device at its maximum";
  EXPECT_TRUE(Alive(task));

  // Its device is taken: of two new tasks only one finds a place.
  const uint64_t first = cluster_->SubmitOne(TrainingYaml("first", "exec sleep 1000"));
  ASSERT_TRUE(cluster_->Reaches(first, v1::RUNNING));
  EXPECT_NE(cluster_->Job(first).tasks(0).node(), node);
  const uint64_t second = cluster_->SubmitOne(TrainingYaml("second", "exec sleep 1000"));
  EXPECT_EQ(cluster_->Cli({"orphan", "adopt", id}).exit_code, 1) << "nobody has its job";
  EXPECT_EQ(cluster_->Job(second).state(), v1::PENDING);
  EXPECT_TRUE(Alive(task));
  cluster_->CliJson({"orphan", "stop", id});
  ASSERT_TRUE(Eventually([this] { return Orphans() == 0; }));
  EXPECT_FALSE(Alive(task));
  EXPECT_TRUE(cluster_->Reaches(second, v1::RUNNING)) << "on the device that the orphan held";
  EXPECT_FALSE(cluster_->HasAlarm("orphan"));
}

TEST_F(OrphanTest, HashingThatNobodyKnowsStopsAtOnce) {
  ASSERT_TRUE(cluster_->Reaches(cluster_->SubmitOne(HashingYaml("fill", cluster_->StartPool())), v1::RUNNING));
  ASSERT_TRUE(Eventually([this] { return cluster_->Shares() > 0; }));
  ASSERT_FALSE(ProcessesWith("switchyard-hasher").empty());
  ASSERT_NO_FATAL_FAILURE(LoseTheStore());
  const auto hashers = [this] {
    int count = 0;
    for (const pid_t pid : ProcessesWith(cluster_->Path(""))) {
      count += ReadFile("/proc/" + std::to_string(pid) + "/comm").rfind("switchyard-hash", 0) == 0;
    }
    return count;
  };
  EXPECT_TRUE(Eventually([&] { return hashers() == 0 && Orphans() == 0; }));
}

TEST_F(OrphanTest, AReplicaThatAnOlderStoreDoesNotKnowIsAdoptedAsItIs) {
  // The backup knows the service but not its replica: nothing could start while both nodes were cordoned.
  for (const char* const node : {"s/n1", "s/n2"}) cluster_->CliJson({"cordon", node});
  const uint64_t service = cluster_->SubmitOne(InferenceYaml("serve", Marking(), "resources: {cpu_devices: 1}\n"));
  const Outcome backup = cluster_->Run(
      {Cluster::Program("switchyardd"), "--backup", cluster_->Path("copy"), "--store", cluster_->Path("store")});
  ASSERT_EQ(backup.exit_code, 0) << backup.err;
  cluster_->CliJson({"uncordon", "s/n1"});
  ASSERT_TRUE(cluster_->Reaches(service, v1::RUNNING));
  ASSERT_TRUE(Eventually([this] { return cluster_->Marks("marks").size() == 1; }));
  const ProcessId replica = cluster_->Marks("marks")[0];

  EXPECT_EQ(cluster_->EndScheduler(SIGKILL), -SIGKILL);
  std::filesystem::remove_all(cluster_->Path("store"));
  std::filesystem::rename(cluster_->Path("copy"), cluster_->Path("store"));
  ASSERT_NO_FATAL_FAILURE(cluster_->StartScheduler());
  ASSERT_TRUE(Eventually([this] { return Orphans() == 1; }));
  const std::string id = cluster_->CliJson({"orphans"})["orphans"][0]["id"];
  cluster_->CliJson({"orphan", "adopt", id});
  ASSERT_TRUE(Eventually([this] { return Orphans() == 0; }));
  cluster_->CliJson({"uncordon", "s/n1"});
  cluster_->CliJson({"uncordon", "s/n2"});
  ASSERT_TRUE(cluster_->Reaches(service, v1::RUNNING));
  EXPECT_TRUE(Alive(replica));
  EXPECT_EQ(cluster_->Marks("marks").size(), 1u) << "the service has one replica: the adopted one";
  cluster_->CliJson({"cancel", std::to_string(service)});
  ASSERT_TRUE(Eventually([&] { return cluster_->JobIs(service, v1::CANCELLED); }));
  EXPECT_FALSE(Alive(replica));
}

}  // namespace
}  // namespace switchyard::integration
