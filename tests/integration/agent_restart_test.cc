// What a running task and its node live through: the agent's death, its upgrade, a wiped disk, a clone, a reboot, a
// partition.
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/integration/support/cluster.h"

namespace switchyard::integration {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

class AgentRestartTest : public testing::Test {
 protected:
  void SetUp() override {
    cluster_ = std::make_unique<Cluster>(SiteOptions());
    ASSERT_NO_FATAL_FAILURE(cluster_->StartScheduler());
    WriteFile(cluster_->Path("boot-id"), "first-boot\n");
    cluster_->WriteRealAgent("n1", "s/n1", "boot_id_file: " + cluster_->Path("boot-id") + "\n");
    cluster_->StartAgent("n1");
    ASSERT_TRUE(Eventually([this] { return cluster_->Ready("s/n1"); }));
  }
  // A task that ends with 5 as soon as the file "gate" is there. Waits until it runs.
  void StartTask() {
    job_ = cluster_->SubmitOne(TrainingYaml("work",
                                            "echo $$ >> " + cluster_->Path("marks") + "; while [ ! -e " +
                                                cluster_->Path("gate") + " ]; do sleep 0.05; done; exit 5",
                                            "resources: {cpu_devices: 1}\nmax_retries: 3\n"));
    ASSERT_TRUE(cluster_->Reaches(job_, v1::RUNNING));
    ASSERT_TRUE(Eventually([this] { return cluster_->Marks("marks").size() == 1; }));
    task_ = cluster_->Marks("marks")[0];
  }
  void OpenGate() { WriteFile(cluster_->Path("gate"), ""); }
  // The one process, from start to its own end.
  void ExpectUntouchedAndItsResult() {
    EXPECT_TRUE(Alive(task_));
    EXPECT_EQ(cluster_->Marks("marks").size(), 1u) << "started once";
    OpenGate();
    ASSERT_TRUE(Eventually([this] {
      const v1::Job job = cluster_->Job(job_);
      return job.tasks_size() == 1 && job.tasks(0).exit_code() == 5;
    }));
    EXPECT_EQ(cluster_->Job(job_).failures(), 1);
  }
  void WaitForNewIncarnation(const std::string& old) {
    ASSERT_TRUE(
        Eventually([&] { return cluster_->Ready("s/n1") && cluster_->Node("s/n1").agent_incarnation() != old; }));
  }

  std::unique_ptr<Cluster> cluster_;
  uint64_t job_ = 0;
  ProcessId task_;
};

TEST_F(AgentRestartTest, ATaskOutlivesTheMurderOfItsAgent) {
  ASSERT_NO_FATAL_FAILURE(StartTask());
  cluster_->EndAgent("n1", SIGKILL);
  ASSERT_TRUE(Eventually([this] { return cluster_->Node("s/n1").state() == v1::UNREACHABLE; }));
  cluster_->StartAgent("n1");
  ASSERT_TRUE(Eventually([this] { return cluster_->Ready("s/n1"); }));
  ExpectUntouchedAndItsResult();
}

TEST_F(AgentRestartTest, ATaskOutlivesTheCleanStopOfItsAgentAndAnUpgrade) {
  ASSERT_NO_FATAL_FAILURE(StartTask());
  EXPECT_EQ(cluster_->EndAgent("n1", SIGTERM), 0);
  fs::create_directory(cluster_->Path("upgraded"));
  for (const char* const program : {"switchyard-agent", "switchyard-supervisor", "switchyard-hasher"}) {
    fs::copy_file(Cluster::Program(program), cluster_->Path("upgraded/") + program);
  }
  cluster_->StartAgentAs(cluster_->Path("upgraded/switchyard-agent"), "n1");
  ASSERT_TRUE(Eventually([this] { return cluster_->Ready("s/n1"); }));
  ExpectUntouchedAndItsResult();
}

TEST_F(AgentRestartTest, AResultThatNobodyHeardIsReportedByTheNextAgent) {
  ASSERT_NO_FATAL_FAILURE(StartTask());
  cluster_->EndAgent("n1", SIGKILL);
  OpenGate();
  ASSERT_TRUE(Eventually([this] { return !Alive(task_); }));
  cluster_->StartAgent("n1");
  ASSERT_TRUE(Eventually([this] {
    const v1::Job job = cluster_->Job(job_);
    return job.tasks_size() == 1 && job.tasks(0).exit_code() == 5;
  }));
}

TEST_F(AgentRestartTest, AnAgentThatLostItsIdentityAdoptsWhatItFinds) {
  ASSERT_NO_FATAL_FAILURE(StartTask());
  const std::string old = cluster_->Node("s/n1").agent_incarnation();
  cluster_->EndAgent("n1", SIGKILL);
  ASSERT_NO_FATAL_FAILURE(cluster_->ForgetIdentity("n1"));
  cluster_->StartAgent("n1");
  ASSERT_NO_FATAL_FAILURE(WaitForNewIncarnation(old));
  ExpectUntouchedAndItsResult();
}

TEST_F(AgentRestartTest, AWipedAgentsTaskIsGoneBeforeItsJobIsTriedAgain) {
  ASSERT_NO_FATAL_FAILURE(StartTask());
  const std::string old = cluster_->Node("s/n1").agent_incarnation();
  cluster_->EndAgent("n1", SIGKILL);
  cluster_->WipeAgent("n1");
  cluster_->StartAgent("n1");
  ASSERT_NO_FATAL_FAILURE(WaitForNewIncarnation(old));
  ASSERT_TRUE(Eventually([this] { return cluster_->Marks("marks").size() >= 2; })) << "the next attempt";
  EXPECT_FALSE(Alive(task_)) << "two processes on one device";
  EXPECT_EQ(cluster_->Job(job_).attempt(), 2);
}

TEST_F(AgentRestartTest, ACloneOnOtherHardwareIsRefusedAndTheNodeGoesOn) {
  // Before the task: on one machine the clone would find the original's processes.
  ASSERT_EQ(cluster_->Run({"/bin/cp", "-a", cluster_->Path("n1"), cluster_->Path("clone")}).exit_code, 0);
  ASSERT_NO_FATAL_FAILURE(StartTask());
  cluster_->WriteRealAgent("clone", "s/n1", "hardware_id: another-machine\n");
  cluster_->StartAgent("clone");
  ASSERT_TRUE(Eventually([this] { return cluster_->HasAlarm("refused", "s/n1"); }));
  EXPECT_TRUE(cluster_->HasEvent("SessionRefused", "s/n1"));
  EXPECT_TRUE(cluster_->Ready("s/n1"));
  EXPECT_EQ(cluster_->Node("s/n1").hardware_id(), "hwn1");
  cluster_->EndAgent("clone", SIGKILL);
  ExpectUntouchedAndItsResult();
}

TEST_F(AgentRestartTest, OtherHardwareComesInByAnOperatorsWord) {
  EXPECT_EQ(cluster_->EndAgent("n1", SIGTERM), 0);
  ASSERT_TRUE(Eventually([this] { return cluster_->Node("s/n1").state() == v1::UNREACHABLE; }));
  cluster_->WriteRealAgent("other", "s/n1", "hardware_id: another-machine\n");
  cluster_->StartAgent("other");
  ASSERT_TRUE(Eventually([this] { return cluster_->HasAlarm("refused", "s/n1"); }));
  EXPECT_EQ(cluster_->Cli({"node", "replace", "s/n1"}).exit_code, 2) << "without --checked";
  cluster_->CliJson({"node", "replace", "s/n1", "--checked"});
  EXPECT_EQ(cluster_->EndAgent("other", SIGTERM), 0);  // it would ask again by itself, much later
  cluster_->StartAgent("other");
  ASSERT_TRUE(Eventually(
      [this] { return cluster_->Ready("s/n1") && cluster_->Node("s/n1").hardware_id() == "another-machine"; }));
  EXPECT_FALSE(cluster_->HasAlarm("refused"));
}

TEST_F(AgentRestartTest, AfterARebootTasksAreTriedAgain) {
  ASSERT_NO_FATAL_FAILURE(StartTask());
  cluster_->EndAgent("n1", SIGKILL);
  cluster_->KillWhatNames("n1");
  ASSERT_FALSE(Alive(task_));
  WriteFile(cluster_->Path("boot-id"), "second-boot\n");
  cluster_->StartAgent("n1");
  ASSERT_TRUE(Eventually([this] { return cluster_->Marks("marks").size() == 2; }));
  ASSERT_TRUE(cluster_->Reaches(job_, v1::RUNNING));
  EXPECT_EQ(cluster_->Node("s/n1").boot_id(), "second-boot");
  EXPECT_EQ(cluster_->Job(job_).attempt(), 2);
}

TEST_F(AgentRestartTest, AfterARebootHashingComesBack) {
  const uint64_t hashing = cluster_->SubmitOne(HashingYaml("fill", cluster_->StartPool()));
  ASSERT_TRUE(cluster_->Reaches(hashing, v1::RUNNING));
  ASSERT_TRUE(Eventually([this] { return cluster_->Shares() > 0; }));
  cluster_->EndAgent("n1", SIGKILL);
  cluster_->KillWhatNames("n1");
  WriteFile(cluster_->Path("boot-id"), "second-boot\n");
  cluster_->StartAgent("n1");
  ASSERT_TRUE(Eventually([this] { return cluster_->Node("s/n1").boot_id() == "second-boot"; }));
  const int64_t before = cluster_->Shares();
  EXPECT_TRUE(Eventually([&] { return cluster_->Shares() >= before + 3; }));
}

// The duty that the hasher on the node is held to; empty: none hashes there.
std::string DutyOf(const Cluster& cluster, const std::string& agent) {
  std::error_code error;
  for (const auto& task : fs::directory_iterator(cluster.Path(agent) + "/tasks", error)) {
    const std::string duty = ReadFile(task.path().string() + "/duty");
    if (!duty.empty()) return std::to_string(std::stoi(duty));
  }
  return "";
}

TEST_F(AgentRestartTest, APartitionLongerThanTheLeaseFencesHashingAndItReturns) {
  if (cluster_->Node("s/n1").groups(0).enforcer() != v1::ENFORCER_SUPERVISOR)
    GTEST_SKIP() << "no cgroup can be made here";
  const uint64_t hashing = cluster_->SubmitOne(HashingYaml("fill", cluster_->StartPool()));
  ASSERT_TRUE(cluster_->Reaches(hashing, v1::RUNNING));
  ASSERT_TRUE(Eventually([this] { return cluster_->Shares() > 0 && cluster_->Node("s/n1").bound_mw() == 32'000; }));
  EXPECT_NE(DutyOf(*cluster_, "n1"), "0");
  cluster_->agent("n1").Signal(SIGSTOP);
  ASSERT_TRUE(Eventually([this] { return cluster_->Node("s/n1").state() == v1::UNREACHABLE; }));
  // The scheduler counts the watts free; then the supervisor must have taken them, on its own clock and without the
  // agent.
  EXPECT_EQ(DutyOf(*cluster_, "n1"), "0");
  EXPECT_LT(cluster_->Node("s/n1").bound_mw(), 32'000);
  EXPECT_TRUE(cluster_->HasAlarm("unreachable", "s/n1"));
  cluster_->agent("n1").Signal(SIGCONT);
  ASSERT_TRUE(Eventually([this] { return cluster_->Ready("s/n1") && DutyOf(*cluster_, "n1") != "0"; }));
  const int64_t before = cluster_->Shares();
  EXPECT_TRUE(Eventually([&] { return cluster_->Shares() >= before + 3; }));
}

TEST_F(AgentRestartTest, APartitionLongerThanTheLeaseLeavesTrainingAlone) {
  ASSERT_NO_FATAL_FAILURE(StartTask());
  cluster_->agent("n1").Signal(SIGSTOP);
  ASSERT_TRUE(Eventually([this] { return cluster_->Node("s/n1").state() == v1::UNREACHABLE; }));
  EXPECT_EQ(cluster_->Node("s/n1").allocations_size(), 1) << "it keeps its device and watts";
  EXPECT_TRUE(Alive(task_));
  cluster_->agent("n1").Signal(SIGCONT);
  ASSERT_TRUE(Eventually([this] { return cluster_->Ready("s/n1"); }));
  ExpectUntouchedAndItsResult();
}

}  // namespace
}  // namespace switchyard::integration
