// From an order to a supervisor's spec, and whom it may run as.
#include "agent/runtime/process/task_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "agent/runtime/process/users.h"

namespace switchyard::agent::process {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class TaskPlanTest : public ::testing::Test {
 protected:
  TaskPlanTest() {
    place_.node = "moses-lake/cpu-1";
    place_.task_directory = "/state/tasks/7-1";
    place_.checkpoint_root = "/state/checkpoints";
    place_.hasher_program = "/usr/bin/switchyard-hasher";
    place_.cores = {{"cpu-a-0", 0}, {"cpu-a-4", 4}};
    order_.set_allocation(7);
    order_.set_job(42);
    order_.set_kind(v1::TRAINING);
    order_.add_devices("cpu-a-4");
    v1::TaskLaunch* launch = order_.mutable_launch();
    launch->set_job_name("digits");
    launch->set_tenant("ml");
    launch->set_group("worker");
    launch->set_index(1);
    launch->set_rank(1);
    launch->set_attempt(3);
    launch->add_command("/bin/true");
    for (const int port : {7001, 7002}) launch->add_ports(port);
    for (const char* address : {"10.0.0.1", "fd00::2"}) {
      v1::GangMember* member = launch->add_gang();
      member->set_address(address);
      member->add_ports(7001);
    }
  }

  absl::StatusOr<supervisor::TaskSpec> Plan() { return PlanTask(order_, file_, user_, place_); }

  v1::DesiredAllocation order_;
  configuration::AgentFile file_;
  TaskUser user_;
  TaskPlace place_;
};

TEST_F(TaskPlanTest, EnvironmentTellsTheTaskItsPlaceInTheGang) {
  const auto spec = Plan();
  ASSERT_TRUE(spec.ok()) << spec.status();
  for (const char* variable :
       {"SWITCHYARD_JOB=42", "SWITCHYARD_JOB_NAME=digits", "SWITCHYARD_TASK=worker/1", "SWITCHYARD_GROUP=worker", "SWITCHYARD_INDEX=1",
        "SWITCHYARD_RANK=1", "SWITCHYARD_WORLD_SIZE=2", "SWITCHYARD_GANG=10.0.0.1:7001,[fd00::2]:7001", "SWITCHYARD_PORTS=7001,7002",
        "SWITCHYARD_DEVICES=cpu-a-4", "SWITCHYARD_ATTEMPT=3", "SWITCHYARD_NODE=moses-lake/cpu-1",
        "SWITCHYARD_CHECKPOINT_DIR=/state/checkpoints/ml/digits", "SWITCHYARD_TENANT=ml", "LANG=C.UTF-8"}) {
    EXPECT_THAT(spec->environment, Contains(variable));
  }
  EXPECT_EQ(spec->working_directory, "/state/tasks/7-1/work");
}

TEST_F(TaskPlanTest, JobsVariablesReplaceDefaultsButNeverOurs) {
  for (const auto& [name, value] : {std::pair{"PATH", "/opt/bin"}, std::pair{"SWITCHYARD_RANK", "0"}}) {
    v1::EnvironmentVariable* variable = order_.mutable_launch()->add_environment();
    variable->set_name(name);
    variable->set_value(value);
  }
  const auto spec = Plan();
  ASSERT_TRUE(spec.ok());
  EXPECT_THAT(spec->environment, Contains("PATH=/opt/bin"));
  EXPECT_THAT(spec->environment, Contains("SWITCHYARD_RANK=1"));
  EXPECT_THAT(spec->environment, Not(Contains("SWITCHYARD_RANK=0")));
}

TEST_F(TaskPlanTest, CoresAreThoseOfTheDevicesAndOthersAreRefused) {
  EXPECT_THAT(Plan()->cpus, ElementsAre(4));
  order_.add_devices("cpu-b-0");
  EXPECT_THAT(std::string(Plan().status().message()), HasSubstr("cpu-b-0"));
}

TEST_F(TaskPlanTest, OnlyAFenceThatTheJobAsksForEndsAiWithoutALease) {
  EXPECT_EQ(Plan()->fence_after_ms, -1);
  order_.set_fence_after_ms(300'000);
  EXPECT_EQ(Plan()->fence_after_ms, 300'000);
  EXPECT_FALSE(Plan()->pause_at_fence);
}

TEST_F(TaskPlanTest, HashingRunsTheHasherAndPausesAtTheLeasesEnd) {
  order_.set_kind(v1::HASHING);
  order_.mutable_launch()->clear_command();
  order_.mutable_launch()->mutable_hashing()->set_pool("127.0.0.1:3333");
  order_.mutable_launch()->mutable_hashing()->set_user("satoshi");
  order_.mutable_launch()->mutable_hashing()->set_suggested_difficulty(0.001);
  const auto spec = Plan();
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_THAT(spec->command, ElementsAre("/usr/bin/switchyard-hasher", "--pool", "127.0.0.1:3333", "--user", "satoshi.moses-lake-cpu-1",
                                         "--threads", "1", "--duty-file", "/state/tasks/7-1/duty", "--status-file",
                                         "/state/tasks/7-1/work/status.json", "--difficulty", "0.001"));
  EXPECT_EQ(spec->fence_after_ms, 0);
  EXPECT_TRUE(spec->pause_at_fence);
  EXPECT_EQ(spec->duty_file, "/state/tasks/7-1/duty");
  EXPECT_EQ(spec->fence_duty, 0);
}

TEST_F(TaskPlanTest, NamesThatWouldLeaveTheCheckpointsAreRefused) {
  for (const char* name : {"..", "", "a/b", ".hidden"}) {
    order_.mutable_launch()->set_job_name(name);
    EXPECT_FALSE(Plan().ok()) << name;
  }
}

TEST_F(TaskPlanTest, TaskWithoutACommandIsRefused) {
  order_.mutable_launch()->clear_command();
  EXPECT_THAT(std::string(Plan().status().message()), HasSubstr("command"));
}

TEST(ChooseUserTest, JobMayAskOnlyForUsersThatTheAgentsFileNames) {
  configuration::AgentFile file;
  EXPECT_FALSE(ChooseUser(file, "")->switches);
  EXPECT_EQ(ChooseUser(file, "root").status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(ChooseUser(file, "nobody").status().code(), absl::StatusCode::kPermissionDenied);
  file.allowed_users = {"nobody", "no-such-user"};
  EXPECT_EQ(ChooseUser(file, "no-such-user").status().code(), absl::StatusCode::kNotFound);
  const auto nobody = ChooseUser(file, "nobody");
  if (geteuid() == 0) {
    ASSERT_TRUE(nobody.ok()) << nobody.status();
    EXPECT_TRUE(nobody->switches);
    EXPECT_EQ(nobody->uid, 65534u);
  } else {
    EXPECT_EQ(nobody.status().code(), absl::StatusCode::kPermissionDenied);
  }
}

TEST(ChooseUserTest, JobThatNamesNobodyRunsAsTheFilesUser) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can run a task as another user";
  configuration::AgentFile file;
  file.run_as = "nobody";
  const auto user = ChooseUser(file, "");
  ASSERT_TRUE(user.ok());
  EXPECT_EQ(user->name, "nobody");
  EXPECT_FALSE(user->groups.empty());
}

}  // namespace
}  // namespace switchyard::agent::process
