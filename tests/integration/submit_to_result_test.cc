// From a file to its result, for each kind of job, on a real agent.
#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/integration/support/cluster.h"

namespace switchyard::integration {
namespace {

using testing::HasSubstr;

class SubmitToResultTest : public testing::Test {
 protected:
  void Start(const SiteOptions& options) {
    cluster_ = std::make_unique<Cluster>(options);
    ASSERT_NO_FATAL_FAILURE(cluster_->StartScheduler());
    ASSERT_NO_FATAL_FAILURE(cluster_->StartRealAgents(options.real_nodes));
  }
  std::unique_ptr<Cluster> cluster_;
};

TEST_F(SubmitToResultTest, ATrainingJobRunsAndItsOutputAndExitCodeComeBack) {
  ASSERT_NO_FATAL_FAILURE(Start({}));
  const std::string script =
      "echo from $SWITCHYARD_NODE rank $SWITCHYARD_RANK of $SWITCHYARD_WORLD_SIZE; echo trouble >&2";
  const uint64_t id = cluster_->SubmitOne(TrainingYaml("hello", script));
  EXPECT_EQ(cluster_->Cli({"wait", std::to_string(id)}).exit_code, 0);
  const v1::Job job = cluster_->Job(id);
  EXPECT_EQ(job.state(), v1::SUCCEEDED);
  ASSERT_EQ(job.tasks_size(), 1);
  EXPECT_TRUE(job.tasks(0).exited());
  EXPECT_EQ(job.tasks(0).exit_code(), 0);
  EXPECT_EQ(job.tasks(0).node(), "s/n1");
}

TEST_F(SubmitToResultTest, LogsAreLiveWhileTheTaskRunsAndEndWithIt) {
  ASSERT_NO_FATAL_FAILURE(Start({}));
  const std::string gate = cluster_->Path("gate");
  const uint64_t id = cluster_->SubmitOne(TrainingYaml(
      "talker", "echo first; while [ ! -e " + gate + " ]; do sleep 0.05; done; echo second >&2; echo third"));
  ASSERT_TRUE(cluster_->Reaches(id, v1::RUNNING));
  Process follower({Cluster::Program("switchyard"), "--server", cluster_->address(), "logs", std::to_string(id), "-f"},
                   cluster_->Path("followed"), cluster_->Path("followed-err"));
  ASSERT_TRUE(Eventually([&] { return ReadFile(cluster_->Path("followed")) == "first\n"; }));
  EXPECT_TRUE(Eventually([&] { return cluster_->Cli({"logs", std::to_string(id)}).out == "first\n"; }));
  WriteFile(gate, "");
  EXPECT_EQ(follower.Wait(), 0);
  EXPECT_EQ(ReadFile(cluster_->Path("followed")), "first\nthird\n");
  EXPECT_THAT(ReadFile(cluster_->Path("followed-err")), HasSubstr("second\n"));
}

TEST_F(SubmitToResultTest, AFailedJobIsTriedAgainAndThenItsWaitEndsWithThree) {
  ASSERT_NO_FATAL_FAILURE(Start({}));
  const std::string file = cluster_->Path("fails.yaml"), marks = cluster_->Path("marks");
  WriteFile(file,
            TrainingYaml("fails", "echo $$ >> " + marks + "; exit 7", "resources: {cpu_devices: 1}\nmax_retries: 1\n"));
  const Outcome outcome = cluster_->Cli({"submit", "--wait", file});
  EXPECT_EQ(outcome.exit_code, 3) << outcome.err;
  const v1::Job job = cluster_->Job(1);
  EXPECT_EQ(job.state(), v1::FAILED);
  EXPECT_EQ(job.tasks(0).exit_code(), 7);
  EXPECT_EQ(cluster_->Marks("marks").size(), 2u) << "one attempt and one more";
}

TEST_F(SubmitToResultTest, AGangFindsItsMembersByAddressAndEndsTogether) {
  ASSERT_NO_FATAL_FAILURE(Start({.real_nodes = 2}));
  const std::string script = "echo $SWITCHYARD_GANG > " + cluster_->Path("gang.$SWITCHYARD_RANK");
  const uint64_t id = cluster_->SubmitOne(
      TrainingYaml("gang", script, "count: 2\nspread_over: node\nresources: {cpu_devices: 1, ports: 1}\n"));
  ASSERT_TRUE(cluster_->Reaches(id, v1::SUCCEEDED));
  EXPECT_THAT(ReadFile(cluster_->Path("gang.0")), HasSubstr(","));
  EXPECT_EQ(ReadFile(cluster_->Path("gang.0")), ReadFile(cluster_->Path("gang.1")));
}

TEST_F(SubmitToResultTest, HashingEarnsSharesYieldsToTrainingAndReturns) {
  ASSERT_NO_FATAL_FAILURE(Start({}));
  const uint64_t hashing = cluster_->SubmitOne(HashingYaml("fill", cluster_->StartPool()));
  ASSERT_TRUE(cluster_->Reaches(hashing, v1::RUNNING));
  ASSERT_TRUE(Eventually([&] { return cluster_->Shares() >= 3; }));
  const std::string gate = cluster_->Path("gate");
  const uint64_t training =
      cluster_->SubmitOne(TrainingYaml("train", "while [ ! -e " + gate + " ]; do sleep 0.05; done"));
  ASSERT_TRUE(cluster_->Reaches(training, v1::RUNNING)) << "the device is the one that hashed";
  const v1::NodeStatus busy = cluster_->Node("s/n1");
  ASSERT_EQ(busy.allocations_size(), 1);
  EXPECT_EQ(busy.allocations(0).job(), training);
  WriteFile(gate, "");
  ASSERT_TRUE(cluster_->Reaches(training, v1::SUCCEEDED));
  const int64_t before = cluster_->Shares();
  EXPECT_TRUE(Eventually([&] { return cluster_->Shares() >= before + 3; })) << "hashing returns";
}

TEST_F(SubmitToResultTest, AServiceIsKeptAtItsReplicas) {
  ASSERT_NO_FATAL_FAILURE(Start({.real_nodes = 2}));
  const uint64_t id = cluster_->SubmitOne(
      InferenceYaml("serve", "echo $$ >> " + cluster_->Path("marks") + "; exec sleep 1000",
                    "count: 2\nspread_over: node\nmax_retries: forever\nresources: {cpu_devices: 1, ports: 1}\n"));
  const auto alive = [&] {
    const std::vector<ProcessId> marks = cluster_->Marks("marks");
    return std::count_if(marks.begin(), marks.end(), Alive);
  };
  ASSERT_TRUE(Eventually([&] { return alive() == 2; }));
  const std::vector<ProcessId> first = cluster_->Marks("marks");
  kill(first[0].pid, SIGKILL);
  ASSERT_TRUE(Eventually([&] { return !Alive(first[0]) && alive() == 2; }));
  EXPECT_TRUE(Alive(first[1])) << "the other replica was left alone";
  EXPECT_EQ(cluster_->Job(id).state(), v1::RUNNING);
  cluster_->CliJson({"cancel", std::to_string(id)});
  ASSERT_TRUE(Eventually([&] { return cluster_->JobIs(id, v1::CANCELLED); }));
  EXPECT_EQ(alive(), 0);
}

TEST_F(SubmitToResultTest, ACancelledTaskHasItsGraceAndNoMore) {
  ASSERT_NO_FATAL_FAILURE(Start({}));
  const std::string script = "trap \"echo asked >> " + cluster_->Path("asked") + "\" TERM; echo $$ >> " +
                             cluster_->Path("marks") + "; while true; do sleep 0.05; done";
  const uint64_t id = cluster_->SubmitOne(TrainingYaml("stubborn", script));
  ASSERT_TRUE(Eventually([&] { return cluster_->Marks("marks").size() == 1; }));
  cluster_->CliJson({"cancel", std::to_string(id)});
  ASSERT_TRUE(Eventually([&] { return cluster_->JobIs(id, v1::CANCELLED); }));
  EXPECT_EQ(ReadFile(cluster_->Path("asked")), "asked\n");
  EXPECT_FALSE(Alive(cluster_->Marks("marks")[0]));
}

}  // namespace
}  // namespace switchyard::integration
