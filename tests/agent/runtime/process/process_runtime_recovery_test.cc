// What a new agent process finds after the death of the old one, of a supervisor, or of the machine.
#include <sys/wait.h>

#include "tests/agent/runtime/process/runtime_fixture.h"

namespace switchyard::agent::process {
namespace {

using ::testing::HasSubstr;

bool Alive(pid_t pid) { return supervisor::ProcessStartTicks(pid) != 0; }

TEST_F(ProcessRuntimeTest, TasksOfAKilledAgentGoOnAndAreAdopted) {
  agent_.reset();  // no threads of ours in the process that is forked
  const v1::DesiredAllocation running = Order(1, "while [ ! -e go ]; do sleep 0.02; done; exit 6");
  const v1::DesiredAllocation prepared = Order(2, "touch ran");
  const pid_t agent = fork();
  ASSERT_GE(agent, 0);
  if (agent == 0) {
    StartAgent();
    Run(running);
    Prepare(prepared);
    raise(SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(waitpid(agent, &status, 0), agent);
  ASSERT_TRUE(WIFSIGNALED(status));
  StartAgent();
  EXPECT_TRUE(Becomes(1, v1::TASK_RUNNING));
  EXPECT_EQ(Truth(2).phase, v1::TASK_PREPARED);
  EXPECT_EQ(Truth(2).job, 102u);
  EXPECT_FALSE(std::filesystem::exists(Directory(2) + "/work/ran"));
  agent_->Execute({Of(Action::Kind::kRelease, prepared)});
  std::ofstream(Directory(1) + "/work/go") << "";
  ASSERT_TRUE(Becomes(1, v1::TASK_ENDED));
  EXPECT_EQ(Truth(1).exit_code, 6);
  ASSERT_TRUE(Becomes(2, v1::TASK_ENDED));
  EXPECT_EQ(Truth(2).exit_code, 0);
}

TEST_F(ProcessRuntimeTest, TaskWhoseSupervisorDiedIsKilledWithAllThatItStarted) {
  if (agent_->Identify().groups(0).enforcer() != v1::ENFORCER_SUPERVISOR) {
    ASSERT_NE(geteuid(), 0U) << "root can kill a cgroup, and the agent must find that out";
    return;
  }
  Run(Order(1, "setsid sh -c 'sh -c \"echo \\$\\$ > escaped; exec sleep 3600\" &'; sleep 3600"));
  ASSERT_TRUE(WaitFor([&] { return !Work(1, "escaped").empty(); }));
  const pid_t escaped = std::atoi(Work(1, "escaped").c_str());
  ASSERT_TRUE(Alive(escaped));
  kill(Status(1).supervisor_pid, SIGKILL);
  // The parent-death signal reaches the leader only; the rest is the agent's.
  ASSERT_TRUE(Becomes(1, v1::TASK_ENDED));
  EXPECT_FALSE(Alive(escaped));
  EXPECT_THAT(Truth(1).reason, HasSubstr("supervisor died"));
  EXPECT_EQ(Truth(1).exit_code, 128 + SIGKILL);
}

TEST_F(ProcessRuntimeTest, DeathOfASupervisorWakesTheSession) {
  Run(Order(1, "sleep 3600"));
  ASSERT_TRUE(Becomes(1, v1::TASK_RUNNING));
  const int before = wakes_;
  kill(Status(1).supervisor_pid, SIGKILL);
  EXPECT_TRUE(WaitFor([&] { return wakes_ > before; }));
}

TEST_F(ProcessRuntimeTest, TasksOfAnEarlierBootHaveEnded) {
  Run(Order(1, "sleep 3600"));
  ASSERT_TRUE(Becomes(1, v1::TASK_RUNNING));
  agent_.reset();
  std::ofstream(file_.boot_id_file) << "second-boot\n";
  StartAgent();
  EXPECT_EQ(agent_->Identify().boot_id(), "second-boot");
  ASSERT_TRUE(Becomes(1, v1::TASK_ENDED));
}

TEST_F(ProcessRuntimeTest, TaskThatWasStagedAndNeverArmedIsClearedAwayAndPreparedAnew) {
  const v1::DesiredAllocation order = Order(1, "true");
  Prepare(order);
  // As an agent leaves it that dies just before it starts the supervisor.
  const std::string kept = root_ + "/kept";
  std::filesystem::create_directory(kept);
  for (const char* file : {"order", "spec"}) std::filesystem::copy(Directory(1) + "/" + file, kept + "/" + file);
  agent_->Execute({StopOf(1, Duration())});
  ASSERT_TRUE(Becomes(1, v1::TASK_ENDED));
  agent_.reset();
  std::filesystem::remove_all(Directory(1));
  std::filesystem::rename(kept, Directory(1));
  StartAgent();
  EXPECT_TRUE(agent_->Observe().tasks.empty());
  Prepare(order);
}

TEST_F(ProcessRuntimeTest, HalfWrittenTaskIsNoTask) {
  std::filesystem::create_directories(file_.state_dir + "/tasks/new.1-1");
  std::filesystem::create_directories(file_.state_dir + "/tasks/5-1");
  std::ofstream(file_.state_dir + "/tasks/5-1/order") << "no protobuf at all";
  EXPECT_TRUE(agent_->Observe().tasks.empty());
  EXPECT_FALSE(std::filesystem::exists(file_.state_dir + "/tasks/5-1"));
  Prepare(Order(1, "true"));
}

TEST_F(ProcessRuntimeTest, LaterEpochOfAnAllocationIsATaskOfItsOwn) {
  Run(Order(1, "exit 1"));
  ASSERT_TRUE(Becomes(1, v1::TASK_ENDED));
  v1::DesiredAllocation again = Order(1, "sleep 3600");
  again.set_epoch(2);
  agent_->Execute({Of(Action::Kind::kPrepare, again)});
  ASSERT_TRUE(WaitFor([&] { return Truth(1).phase == v1::TASK_PREPARED; }));
  EXPECT_EQ(Truth(1).epoch, 2u);
  EXPECT_EQ(agent_->Observe().tasks.size(), 1u) << "one truth an allocation";
}

}  // namespace
}  // namespace switchyard::agent::process
