// Gangs and priorities on real agents: nothing of an attempt runs before all of it is prepared, and who yields comes
// back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/integration/support/cluster.h"

namespace switchyard::integration {
namespace {

using testing::HasSubstr;

class GangOnAgentsTest : public testing::Test {
 protected:
  void Start(int nodes) {
    cluster_ = std::make_unique<Cluster>(SiteOptions{.real_nodes = nodes, .member_timeout = "4s"});
    ASSERT_NO_FATAL_FAILURE(cluster_->StartScheduler());
    ASSERT_NO_FATAL_FAILURE(cluster_->StartRealAgents(nodes));
  }
  bool Prepared(const std::string& node) {
    const v1::NodeStatus status = cluster_->Node(node);
    return status.allocations_size() == 1 && status.allocations(0).phase() == v1::TASK_PREPARED;
  }
  std::string Marking(const std::string& then) { return "echo $$ >> " + cluster_->Path("marks") + "; " + then; }

  std::unique_ptr<Cluster> cluster_;
};

constexpr char kTwoNodes[] =
    "count: 2\nspread_over: node\nresources: {cpu_devices: 1, ports: 1}\nmax_retries: forever\n";

TEST_F(GangOnAgentsTest, ANodeThatDiesWhilePreparingEndsTheAttemptBeforeAnyInstructionOfIt) {
  ASSERT_NO_FATAL_FAILURE(Start(2));
  cluster_->agent("n2").Signal(SIGSTOP);  // within its lease it still is a place for tasks
  const uint64_t id = cluster_->SubmitOne(TrainingYaml("gang", Marking("exec sleep 1000"), kTwoNodes));
  ASSERT_TRUE(Eventually([this] { return Prepared("s/n1"); }));
  EXPECT_EQ(cluster_->Job(id).state(), v1::PREPARING);
  cluster_->EndAgent("n2", SIGKILL);
  ASSERT_TRUE(Eventually([this] { return cluster_->Node("s/n1").allocations_size() == 0; }))
      << "the reachable member is stopped";
  EXPECT_TRUE(cluster_->Marks("marks").empty()) << "an instruction of the user ran though the gang was never whole";
  cluster_->StartAgent("n2");
  ASSERT_TRUE(cluster_->Reaches(id, v1::RUNNING));
  ASSERT_TRUE(Eventually([this] { return cluster_->Marks("marks").size() == 2; }));
  EXPECT_GE(cluster_->Job(id).attempt(), 2);
}

TEST_F(GangOnAgentsTest, TheLossOfOneMemberEndsTheOtherAndBothBeginAnew) {
  ASSERT_NO_FATAL_FAILURE(Start(2));
  const uint64_t id = cluster_->SubmitOne(TrainingYaml("gang", Marking("exec sleep 1000"), kTwoNodes));
  ASSERT_TRUE(Eventually([this] { return cluster_->Marks("marks").size() == 2; }));
  const std::vector<ProcessId> first = cluster_->Marks("marks");
  kill(first[0].pid, SIGKILL);
  ASSERT_TRUE(Eventually([this] { return cluster_->Marks("marks").size() == 4; }));
  EXPECT_FALSE(Alive(first[0]) || Alive(first[1])) << "attempt 2 began while a member of attempt 1 lived";
  EXPECT_TRUE(cluster_->Reaches(id, v1::RUNNING));
  EXPECT_EQ(cluster_->Job(id).attempt(), 2);
}

TEST_F(GangOnAgentsTest, AHigherPriorityPreemptsAndThePreemptedComesBack) {
  ASSERT_NO_FATAL_FAILURE(Start(1));
  const std::string checkpoint = "trap \"echo saved >> " + cluster_->Path("saved") + "; exit 143\" TERM; ";
  const uint64_t low =
      cluster_->SubmitOne(TrainingYaml("low", checkpoint + Marking("while true; do sleep 0.05; done")));
  ASSERT_TRUE(Eventually([this] { return cluster_->Marks("marks").size() == 1; }));
  const uint64_t high =
      cluster_->SubmitOne(TrainingYaml("high", "true", "resources: {cpu_devices: 1}\npriority: 500\n"));
  ASSERT_TRUE(cluster_->Reaches(high, v1::SUCCEEDED));
  EXPECT_EQ(ReadFile(cluster_->Path("saved")), "saved\n") << "it had its signal";
  ASSERT_TRUE(Eventually([this] { return cluster_->Marks("marks").size() == 2; })) << "it comes back";
  const v1::Job job = cluster_->Job(low);
  EXPECT_EQ(job.requeues(), 1);
  EXPECT_EQ(job.failures(), 0) << "to be preempted is no failure";
  EXPECT_TRUE(cluster_->HasEvent("JobPreempted", std::to_string(low)));
}

TEST_F(GangOnAgentsTest, ADrainedNodeGivesItsGangBackToTheQueue) {
  ASSERT_NO_FATAL_FAILURE(Start(1));
  const uint64_t id = cluster_->SubmitOne(TrainingYaml("gang", Marking("exec sleep 1000")));
  ASSERT_TRUE(Eventually([this] { return cluster_->Marks("marks").size() == 1; }));
  cluster_->CliJson({"drain", "s/n1"});
  ASSERT_TRUE(Eventually([this] { return cluster_->Node("s/n1").allocations_size() == 0; }));
  EXPECT_EQ(cluster_->Job(id).state(), v1::PENDING);
  EXPECT_THAT(cluster_->Cli({"explain", std::to_string(id)}).out, HasSubstr("node"));
  cluster_->CliJson({"undrain", "s/n1"});
  EXPECT_TRUE(cluster_->Reaches(id, v1::RUNNING));
}

}  // namespace
}  // namespace switchyard::integration
