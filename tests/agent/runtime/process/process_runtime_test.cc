// What the runtime does with orders: real supervisors, real processes.
#include "tests/agent/runtime/process/runtime_fixture.h"

namespace switchyard::agent::process {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Optional;

TEST_F(ProcessRuntimeTest, NodeIsKnownByItsStateDirectoryItsBootAndItsHardware) {
  const v1::NodeHello hello = agent_->Identify();
  EXPECT_EQ(hello.boot_id(), "first-boot");
  EXPECT_EQ(hello.hardware_id(), "bench");
  EXPECT_EQ(hello.groups(0).group(), "cores");
  EXPECT_THAT(hello.groups(0).devices(), ElementsAre("cpu-bench-0"));
  agent_.reset();
  StartAgent();
  EXPECT_EQ(agent_->Identify().agent_incarnation(), hello.agent_incarnation());
}

TEST_F(ProcessRuntimeTest, EnforcerIsTheSupervisorOnlyWhereACgroupWasKilled) {
  agent_.reset();
  file_.cgroup_root = root_ + "/no-cgroups";
  StartAgent();
  EXPECT_EQ(agent_->Identify().groups(0).enforcer(), v1::ENFORCER_NONE);
}

TEST_F(ProcessRuntimeTest, TruthIsIncompleteUntilTheModelIsKnown) {
  Prepare(Order(1, "true"));
  agent_.reset();
  StartAgent(/*welcomed=*/false);
  const reconcile::MachineTruth truth = agent_->Observe();
  EXPECT_TRUE(truth.scanning);
  ASSERT_EQ(truth.tasks.size(), 1u);
  EXPECT_EQ(truth.tasks[0].settled, std::nullopt);
}

TEST_F(ProcessRuntimeTest, TaskIsPreparedReleasedAndEnds) {
  const v1::DesiredAllocation order = Order(1, "pwd; touch ran; exit 4");
  Prepare(order);
  EXPECT_FALSE(std::filesystem::exists(Directory(1) + "/work/ran"));
  EXPECT_THAT(Truth(1).settled, Optional(Milliwatts(kIdleMw)));
  EXPECT_EQ(Truth(1).limit, Milliwatts(kMaxMw));
  agent_->Execute({Of(Action::Kind::kRelease, order)});
  ASSERT_TRUE(Becomes(1, v1::TASK_ENDED));
  const reconcile::TaskTruth truth = Truth(1);
  EXPECT_EQ(truth.exit_code, 4);
  EXPECT_EQ(truth.job, 101u);
  EXPECT_THAT(truth.settled, Optional(Power()));
  EXPECT_THAT(truth.devices, ElementsAre("cpu-bench-0"));
  EXPECT_TRUE(std::filesystem::exists(Directory(1) + "/work/ran"));
}

TEST_F(ProcessRuntimeTest, ChangesOnTheMachineWakeTheSession) {
  const v1::DesiredAllocation order = Order(1, "true");
  Prepare(order);
  const int before = wakes_;
  agent_->Execute({Of(Action::Kind::kRelease, order)});
  EXPECT_TRUE(WaitFor([&] { return wakes_ > before && Status(1).state == supervisor::TaskState::kEnded; }));
}

TEST_F(ProcessRuntimeTest, RepeatedActionsAreOne) {
  const v1::DesiredAllocation order = Order(1, "echo x >> runs; sleep 3600");
  agent_->Execute({Of(Action::Kind::kPrepare, order), Of(Action::Kind::kPrepare, order)});
  ASSERT_TRUE(Becomes(1, v1::TASK_PREPARED));
  const Action release = Of(Action::Kind::kRelease, order);
  agent_->Execute({release, release});
  agent_->Execute({Of(Action::Kind::kPrepare, order), release});
  ASSERT_TRUE(WaitFor([&] { return !Work(1, "runs").empty(); }));
  EXPECT_EQ(Work(1, "runs"), "x\n");
  EXPECT_EQ(agent_->Observe().tasks.size(), 1u);
}

TEST_F(ProcessRuntimeTest, StopGivesTheGraceOfItsOrder) {
  Run(Order(1, "trap 'exit 43' TERM; touch up; while :; do sleep 0.02; done"));
  ASSERT_TRUE(WaitFor([&] { return std::filesystem::exists(Directory(1) + "/work/up"); }));
  agent_->Execute({StopOf(1, Hours(1))});
  ASSERT_TRUE(Becomes(1, v1::TASK_ENDED));
  EXPECT_EQ(Truth(1).exit_code, 43);
}

TEST_F(ProcessRuntimeTest, CheckpointsOutliveTheTaskAndItsWorkingDirectoryDoesNot) {
  Run(Order(1, "echo saved > $SWITCHYARD_CHECKPOINT_DIR/c; touch scratch"));
  ASSERT_TRUE(Becomes(1, v1::TASK_ENDED));
  Action forget;
  forget.kind = Action::Kind::kForget;
  forget.allocation = 1;
  agent_->Execute({forget});
  EXPECT_TRUE(agent_->Observe().tasks.empty());
  EXPECT_FALSE(std::filesystem::exists(Directory(1)));
  EXPECT_TRUE(WaitFor([&] { return std::filesystem::is_empty(file_.state_dir + "/trash"); }));
  Run(Order(2, "ls; cat $SWITCHYARD_CHECKPOINT_DIR/c > found; exit 0"));
  ASSERT_TRUE(Becomes(2, v1::TASK_ENDED));
  EXPECT_EQ(Work(2, "found"), "saved\n");
}

TEST_F(ProcessRuntimeTest, RunningTaskIsNotForgotten) {
  Run(Order(1, "sleep 3600"));
  ASSERT_TRUE(Becomes(1, v1::TASK_RUNNING));
  Action forget;
  forget.kind = Action::Kind::kForget;
  forget.allocation = 1;
  agent_->Execute({forget});
  EXPECT_EQ(Truth(1).phase, v1::TASK_RUNNING);
}

TEST_F(ProcessRuntimeTest, OrderThatCannotBeCarriedOutEndsWithItsReason) {
  v1::DesiredAllocation order = Order(1, "true");
  order.mutable_launch()->set_run_as("somebody");
  agent_->Execute({Of(Action::Kind::kPrepare, order)});
  EXPECT_EQ(Truth(1).phase, v1::TASK_ENDED);
  EXPECT_THAT(Truth(1).reason, HasSubstr("user \"somebody\""));
  agent_.reset();
  StartAgent();
  EXPECT_EQ(Truth(1).phase, v1::TASK_ENDED) << "the end outlives the agent";
}

TEST_F(ProcessRuntimeTest, TaskOfAnotherUserOwnsItsDirectories) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can run a task as another user";
  agent_.reset();
  file_.allowed_users = {"nobody"};
  StartAgent();
  v1::DesiredAllocation order = Order(1, "id -un > who; touch $SWITCHYARD_CHECKPOINT_DIR/mine; cat ../spec > stolen");
  order.mutable_launch()->set_run_as("nobody");
  Run(order);
  ASSERT_TRUE(Becomes(1, v1::TASK_ENDED));
  EXPECT_EQ(Work(1, "who"), "nobody\n");
  EXPECT_TRUE(std::filesystem::exists(file_.state_dir + "/checkpoints/ml/job/mine"));
  EXPECT_EQ(Work(1, "stolen"), "") << "the agent's own files are not the task's to read";
}

TEST_F(ProcessRuntimeTest, OutputIsFollowedToTheTasksEnd) {
  Run(Order(1, "echo one; echo two >&2; while [ ! -e go ]; do sleep 0.02; done; echo three"));
  std::string output, error;
  bool end = false;
  v1::LogRequest request;
  request.set_stream(9);
  request.set_allocation(1);
  request.set_follow(true);
  agent_->StreamLogs(request, [&](const v1::LogData& data) {
    (data.is_stderr() ? error : output) += data.data();
    end |= data.end();
  });
  ASSERT_TRUE(WaitFor([&] { return agent_->Observe(), error == "two\n"; }));
  EXPECT_EQ(output, "one\n");
  EXPECT_FALSE(end);
  // From here the session looks only when it is woken.
  std::ofstream(Directory(1) + "/work/go") << "";
  int seen = wakes_;
  EXPECT_TRUE(WaitFor([&] {
    if (wakes_ != seen) {
      seen = wakes_;
      agent_->Observe();
    }
    return end;
  }));
  EXPECT_EQ(output, "one\nthree\n");
}

TEST_F(ProcessRuntimeTest, OutputOfAForgottenTaskCanStillBeRead) {
  Run(Order(1, "echo last words"));
  ASSERT_TRUE(Becomes(1, v1::TASK_ENDED));
  Action forget;
  forget.kind = Action::Kind::kForget;
  forget.allocation = 1;
  agent_->Execute({forget});
  ASSERT_FALSE(std::filesystem::exists(Directory(1)));
  agent_.reset();
  StartAgent();  // also by the next process
  v1::LogRequest request;
  request.set_stream(3);
  request.set_allocation(1);
  std::string output;
  bool end = false;
  agent_->StreamLogs(request, [&](const v1::LogData& data) {
    output += data.data();
    end |= data.end();
  });
  EXPECT_EQ(output, "last words\n");
  EXPECT_TRUE(end);
}

TEST_F(ProcessRuntimeTest, OutputOfAnUnknownAllocationEndsWithTheReason) {
  v1::LogRequest request;
  request.set_stream(1);
  request.set_allocation(77);
  std::string error;
  agent_->StreamLogs(request, [&](const v1::LogData& data) { error = data.error(); });
  EXPECT_THAT(error, HasSubstr("allocation 77"));
}

TEST_F(ProcessRuntimeTest, DrawIsModelledFromTheTimeThatTheTasksWorked) {
  EXPECT_EQ(agent_->Measure().draw_mw(), 20'000 + kIdleMw);
  Run(Order(1, "while :; do :; done"));
  ASSERT_TRUE(Becomes(1, v1::TASK_RUNNING));
  EXPECT_TRUE(WaitFor([&] { return agent_->Observe(), agent_->Measure().groups(0).draw_mw() > kIdleMw; }));
  const v1::Telemetry telemetry = agent_->Measure();
  EXPECT_TRUE(telemetry.modelled());
  EXPECT_LE(telemetry.draw_mw(), 20'000 + kMaxMw);
  EXPECT_GT(Truth(1).energy, Energy());
}

// A hasher that does as ours does: keeps to its duty file and says so in its status file.
class HashingRuntimeTest : public ProcessRuntimeTest {
 protected:
  void SetUp() override {
    ProcessRuntimeTest::SetUp();
    agent_.reset();
    file_.hasher_program = root_ + "/hasher";
    std::ofstream(file_.hasher_program) << "#!/bin/sh\n"
                                           "while [ $# -gt 0 ]; do case $1 in --duty-file) d=$2;; --status-file) s=$2;; esac; shift; done\n"
                                           "while :; do\n"
                                           "  echo '{\"duty_permille\": '$(cat $d)', \"hashes\": 5000000000, \"accepted\": 3,'\\\n"
                                           "    '\"rejected\": {\"21\": 1, \"23\": 1}}' > $s.new\n"
                                           "  mv $s.new $s; sleep 0.02\n"
                                           "done\n";
    chmod(file_.hasher_program.c_str(), 0755);
    StartAgent();
  }
  v1::DesiredAllocation Hashing(uint64_t allocation, int64_t grant_mw) {
    v1::DesiredAllocation order = Order(allocation, "");
    order.set_kind(v1::HASHING);
    order.set_grant_mw(grant_mw);
    order.mutable_launch()->mutable_hashing()->set_pool("127.0.0.1:1");
    order.mutable_launch()->mutable_hashing()->set_user("u");
    return order;
  }
  std::string Duty(uint64_t allocation) { return supervisor::ReadText(Directory(allocation) + "/duty").value_or(""); }
};

TEST_F(HashingRuntimeTest, GrantBecomesADutyAndIsSettledOnceTheHasherKeepsToIt) {
  agent_->Execute({Lease(Hours(1))});
  Run(Hashing(1, 10'000));
  EXPECT_EQ(Duty(1), "0\n") << "a release raises nothing";
  agent_->Execute({Of(Action::Kind::kSetLimit, Hashing(1, 10'000))});
  EXPECT_EQ(Duty(1), "500\n");
  EXPECT_EQ(Truth(1).limit, Milliwatts(10'000));
  EXPECT_TRUE(WaitFor([&] { return Truth(1).settled == Milliwatts(10'000); }));
  // Lowered: bound to the old watts until the hasher has said that it follows.
  kill(-Status(1).task_pid, SIGSTOP);
  agent_->Execute({Of(Action::Kind::kSetLimit, Hashing(1, 7'501))});
  EXPECT_EQ(Truth(1).limit, Milliwatts(7'501)) << "exactly what was ordered, whatever the duty rounds to";
  EXPECT_THAT(Truth(1).settled, Optional(Milliwatts(10'000)));
  kill(-Status(1).task_pid, SIGCONT);
  EXPECT_TRUE(WaitFor([&] { return Truth(1).settled == Milliwatts(7'500); }));
  EXPECT_EQ(Truth(1).floor, Milliwatts(kIdleMw));
  EXPECT_EQ(Truth(1).hashes_gh, 5);
  EXPECT_EQ(Truth(1).shares_accepted, 3);
  EXPECT_EQ(Truth(1).shares_rejected, 2);
}

TEST_F(HashingRuntimeTest, FallbackTakesTheDutyAway) {
  agent_->Execute({Lease(Hours(1))});
  Run(Hashing(1, kMaxMw));
  agent_->Execute({Of(Action::Kind::kSetLimit, Hashing(1, kMaxMw))});
  EXPECT_EQ(Duty(1), "1000\n");
  Action fallback;
  fallback.kind = Action::Kind::kFallback;
  agent_->Execute({fallback});
  EXPECT_EQ(Duty(1), "0\n");
  EXPECT_EQ(Truth(1).limit, Milliwatts(kIdleMw));
}

TEST_F(HashingRuntimeTest, FallbackLowersTheDutyToTheOrdersFallbackAndRaisesNone) {
  agent_->Execute({Lease(Hours(1))});
  v1::DesiredAllocation order = Hashing(1, kMaxMw);
  order.set_fallback_mw(10'000);
  Run(order);
  agent_->Execute({Of(Action::Kind::kSetLimit, order)});
  ASSERT_EQ(Duty(1), "1000\n");
  EXPECT_EQ(Truth(1).fallback, Milliwatts(10'000));
  Action fallback;
  fallback.kind = Action::Kind::kFallback;
  agent_->Execute({fallback});
  EXPECT_EQ(Duty(1), "500\n");
  EXPECT_EQ(Truth(1).limit, Milliwatts(10'000));
  order.set_grant_mw(7'500);
  agent_->Execute({Of(Action::Kind::kSetLimit, order), fallback});
  EXPECT_EQ(Truth(1).limit, Milliwatts(7'500));
  EXPECT_EQ(Truth(1).fallback, Milliwatts(7'500));
}

TEST_F(HashingRuntimeTest, LeaseThatEndsWithoutAnAgentLeavesTheFallbackWhereTheKernelHoldsIt) {
  if (agent_->Identify().groups(0).enforcer() != v1::ENFORCER_SUPERVISOR) {
    ASSERT_NE(geteuid(), 0U) << "root can kill a cgroup, and the agent must find that out";
    return;
  }
  agent_->Execute({Lease(Seconds(2))});
  v1::DesiredAllocation order = Hashing(1, kMaxMw);
  order.set_fallback_mw(10'000);
  Run(order);
  agent_->Execute({Of(Action::Kind::kSetLimit, order)});
  agent_.reset();
  // Without a controller for CPU time it is frozen instead: either way it draws at most its fallback.
  ASSERT_TRUE(WaitFor([&] { return Duty(1) == "500\n" || Status(1).paused; }));
  const bool held = !Status(1).paused;
  StartAgent();
  EXPECT_EQ(Truth(1).phase, v1::TASK_RUNNING);
  EXPECT_EQ(Truth(1).limit, held ? Milliwatts(10'000) : Milliwatts(kIdleMw));
}

TEST_F(HashingRuntimeTest, LeaseThatEndsWithoutAnAgentStopsTheHashingAndTheNextAgentSeesIt) {
  if (agent_->Identify().groups(0).enforcer() != v1::ENFORCER_SUPERVISOR) {
    ASSERT_NE(geteuid(), 0U) << "root can kill a cgroup, and the agent must find that out";
    return;
  }
  agent_->Execute({Lease(Seconds(2))});
  Run(Hashing(1, kMaxMw));
  agent_->Execute({Of(Action::Kind::kSetLimit, Hashing(1, kMaxMw))});
  ASSERT_TRUE(WaitFor([&] { return Truth(1).settled == Milliwatts(kMaxMw) || Status(1).paused; }));
  agent_.reset();
  ASSERT_TRUE(WaitFor([&] { return Status(1).paused; }));
  StartAgent();
  EXPECT_EQ(Truth(1).phase, v1::TASK_RUNNING);
  EXPECT_EQ(Truth(1).limit, Milliwatts(kIdleMw));
  EXPECT_THAT(Truth(1).settled, Optional(Milliwatts(kIdleMw)));
  // A new lease alone raises nothing.
  agent_->Execute({Lease(Hours(1))});
  ASSERT_TRUE(WaitFor([&] { return !Status(1).paused; }));
  EXPECT_EQ(Duty(1), "0\n");
  agent_->Execute({Of(Action::Kind::kSetLimit, Hashing(1, kMaxMw))});
  EXPECT_TRUE(WaitFor([&] { return Truth(1).settled == Milliwatts(kMaxMw); }));
}

}  // namespace
}  // namespace switchyard::agent::process
