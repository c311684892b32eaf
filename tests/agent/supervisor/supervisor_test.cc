// The real supervisor program with real tasks. Tests wait for what the status file and the machine show.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>

#include "agent/supervisor/output_files.h"
#include "agent/supervisor/task_directory.h"
#include "agent/supervisor/task_spec.h"
#include "agent/supervisor/task_status.h"
#include "agent/supervisor/text_file.h"
#include "tests/agent/supervisor/wait_for.h"

namespace switchyard::agent::supervisor {
namespace {

using ::testing::HasSubstr;

const std::string kProgram = std::string(SWITCHYARD_BINARY_DIR) + "/bin/switchyard-supervisor";
constexpr char kCgroupRoot[] = "/sys/fs/cgroup";

bool Alive(pid_t pid) { return ProcessStartTicks(pid) != 0; }

class SupervisorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "supervisor.XXXXXX";
    directory_ = mkdtemp(pattern.data());
    std::filesystem::permissions(directory_, std::filesystem::perms(0755));
    std::filesystem::create_directory(directory_ + "/work");
    std::filesystem::permissions(directory_ + "/work", std::filesystem::perms(0777));
    spec_.environment = {"PATH=/usr/bin:/bin"};
    spec_.working_directory = directory_ + "/work";
    spec_.boot_id = "this boot";
    spec_.lease_end_ms = BootMilliseconds() + 3'600'000;
    if (HaveCgroup()) {
      spec_.cgroup = Cgroup::At(kCgroupRoot, "switchyard-test/" + std::filesystem::path(directory_).filename().string());
    }
  }

  void TearDown() override {
    (void)SendCommand(directory_, "stop 0");
    EXPECT_TRUE(WaitFor([&] { return *TaskLockHolder(directory_) == 0; }));
    spec_.cgroup.SignalAll(SIGKILL);
    EXPECT_TRUE(WaitFor([&] { return spec_.cgroup.Remove().ok(); }));
    std::filesystem::remove_all(directory_);
  }

  static bool HaveCgroup() {
    static const bool have = std::system((kProgram + " --try-cgroup " + kCgroupRoot + " switchyard-test/trial").c_str()) == 0;
    return have;
  }

  int StartProgram() {
    WriteSpec();
    return std::system((kProgram + " --task " + directory_ + " 2>/dev/null").c_str());
  }
  void WriteSpec() { ASSERT_TRUE(ReplaceText(directory_ + "/" + kSpecFile, spec_.Format(), 0600).ok()); }

  void Arm(const std::string& script) {
    spec_.command = {"/bin/sh", "-c", script};
    ASSERT_EQ(StartProgram(), 0);
  }
  void Release() {
    ASSERT_TRUE(Reaches(TaskState::kPrepared));
    ASSERT_TRUE(SendCommand(directory_, "release").ok());
  }
  void Run(const std::string& script) {
    Arm(script);
    Release();
  }

  TaskStatus Status() {
    const auto status = ReadTaskStatus(directory_);
    EXPECT_TRUE(status.ok()) << status.status();
    return status.value_or(TaskStatus());
  }
  bool Reaches(TaskState state) {
    return WaitFor([&] { return Status().state >= state; }) && Status().state == state;
  }
  std::string Ended() {
    EXPECT_TRUE(Reaches(TaskState::kEnded));
    return Status().reason;
  }
  bool Wrote(const std::string& name) { return std::filesystem::exists(directory_ + "/work/" + name); }
  std::string Work(const std::string& name) { return ReadText(directory_ + "/work/" + name).value_or(""); }
  std::string Output() {
    std::string all;
    for (const int64_t file : ListOutputFiles(directory_)) all += *ReadText(OutputFile(directory_, file));
    return all;
  }

  std::string directory_;
  TaskSpec spec_;
};

TEST_F(SupervisorTest, PreparedTaskRunsNothingUntilItsRelease) {
  Arm("touch ran; exit 3");
  ASSERT_TRUE(Reaches(TaskState::kPrepared));
  EXPECT_TRUE(Alive(Status().task_pid));
  EXPECT_FALSE(Wrote("ran"));
  Release();
  EXPECT_EQ(Ended(), "");
  EXPECT_EQ(Status().exit_code, 3);
  EXPECT_TRUE(Wrote("ran"));
  EXPECT_GT(Status().released_at_ms, 0);
}

TEST_F(SupervisorTest, PreparedTaskThatIsStoppedNeverRan) {
  Arm("touch ran");
  ASSERT_TRUE(Reaches(TaskState::kPrepared));
  ASSERT_TRUE(SendCommand(directory_, "stop 60000").ok());
  EXPECT_EQ(Ended(), "stopped before its start");
  EXPECT_FALSE(Wrote("ran"));
}

TEST_F(SupervisorTest, StopAsksFirstAndLetsTheTaskChooseItsExit) {
  Run("trap 'touch saved; exit 43' TERM; touch up; while :; do sleep 0.02; done");
  ASSERT_TRUE(WaitFor([&] { return Wrote("up"); }));
  ASSERT_TRUE(SendCommand(directory_, "stop 60000").ok());
  EXPECT_EQ(Ended(), "");
  EXPECT_EQ(Status().exit_code, 43);
  EXPECT_TRUE(Wrote("saved"));
}

TEST_F(SupervisorTest, TaskThatIgnoresTheStopIsKilledAfterItsGrace) {
  Run("trap 'touch asked' TERM; touch up; while :; do sleep 0.02; done");
  ASSERT_TRUE(WaitFor([&] { return Wrote("up"); }));
  ASSERT_TRUE(SendCommand(directory_, "stop 200").ok());
  ASSERT_TRUE(Reaches(TaskState::kEnded));
  EXPECT_EQ(Status().exit_code, 128 + SIGKILL);
  EXPECT_TRUE(Wrote("asked"));
}

TEST_F(SupervisorTest, ATaskWhoseDirectoryIsGoneIsNobodysAndEnds) {
  Run("trap '' TERM; touch up; while :; do sleep 0.02; done");
  ASSERT_TRUE(WaitFor([&] { return Wrote("up"); }));
  const TaskStatus running = Status();
  std::filesystem::remove_all(directory_);
  EXPECT_TRUE(WaitFor([&] { return !Alive(running.task_pid) && !Alive(running.supervisor_pid); }));
  EXPECT_FALSE(std::filesystem::exists(directory_)) << "it wrote to a directory that is not its own any more";
  std::filesystem::create_directory(directory_);
}

TEST_F(SupervisorTest, LaterStopShortensTheGraceAndNeverExtendsIt) {
  Run("trap '' TERM; touch up; while :; do sleep 0.02; done");
  ASSERT_TRUE(WaitFor([&] { return Wrote("up"); }));
  ASSERT_TRUE(SendCommand(directory_, "stop 3600000").ok());
  ASSERT_TRUE(SendCommand(directory_, "stop 0").ok());
  ASSERT_TRUE(SendCommand(directory_, "stop 3600000").ok());
  EXPECT_TRUE(Reaches(TaskState::kEnded));
}

TEST_F(SupervisorTest, ProcessThatLeftSessionAndParentIsKilledWithItsTask) {
  Run("setsid sh -c 'sh -c \"echo \\$\\$ > escaped; exec sleep 3600\" &'; "
      "while [ ! -s escaped ]; do sleep 0.02; done; touch up; sleep 3600");
  ASSERT_TRUE(WaitFor([&] { return Wrote("up"); }));
  const pid_t escaped = std::atoi(Work("escaped").c_str());
  ASSERT_TRUE(Alive(escaped));
  ASSERT_TRUE(SendCommand(directory_, "stop 60000").ok());
  ASSERT_TRUE(Reaches(TaskState::kEnded));
  EXPECT_TRUE(WaitFor([&] { return !Alive(escaped); }));
}

TEST_F(SupervisorTest, WhatATaskLeavesBehindEndsWithIt) {
  Run("setsid sleep 3600 & echo $! > left; exit 0");
  ASSERT_TRUE(Reaches(TaskState::kEnded));
  EXPECT_EQ(Status().exit_code, 0);
  EXPECT_FALSE(Alive(std::atoi(Work("left").c_str())));
  EXPECT_FALSE(spec_.cgroup.HasProcesses());
}

TEST_F(SupervisorTest, OrphansAreKilledEvenWhereThereIsNoCgroup) {
  spec_.cgroup = Cgroup();
  Run("setsid sh -c 'sh -c \"echo \\$\\$ > escaped; exec sleep 3600\" &'; "
      "while [ ! -s escaped ]; do sleep 0.02; done; exit 5");
  ASSERT_TRUE(Reaches(TaskState::kEnded));
  EXPECT_EQ(Status().exit_code, 5);
  EXPECT_FALSE(Alive(std::atoi(Work("escaped").c_str())));
}

TEST_F(SupervisorTest, SupervisorBelongsToInitAndToNobodysSession) {
  Run("sleep 3600");
  ASSERT_TRUE(Reaches(TaskState::kRunning));
  const pid_t supervisor = Status().supervisor_pid;
  EXPECT_EQ(*TaskLockHolder(directory_), supervisor);
  EXPECT_NE(getsid(supervisor), getsid(0));
  EXPECT_NE(getsid(Status().task_pid), getsid(supervisor));
  EXPECT_EQ(getpgid(Status().task_pid), Status().task_pid);
}

TEST_F(SupervisorTest, TaskDiesWithItsSupervisor) {
  Run("echo up; sleep 3600");
  ASSERT_TRUE(Reaches(TaskState::kRunning));
  const pid_t task = Status().task_pid;
  kill(Status().supervisor_pid, SIGKILL);
  EXPECT_TRUE(WaitFor([&] { return !Alive(task); }));
  EXPECT_TRUE(WaitFor([&] { return *TaskLockHolder(directory_) == 0; }));
}

TEST_F(SupervisorTest, SecondSupervisorOfATaskIsRefused) {
  Run("sleep 3600");
  ASSERT_TRUE(Reaches(TaskState::kRunning));
  const pid_t first = Status().supervisor_pid;
  EXPECT_NE(StartProgram(), 0);
  EXPECT_EQ(Status().supervisor_pid, first);
}

TEST_F(SupervisorTest, FenceEndsATaskWhoseLeaseIsOverForTooLong) {
  spec_.fence_after_ms = 50;
  spec_.lease_end_ms = 0;
  Arm("sleep 3600");
  (void)SendCommand(directory_, "release");  // in time or too late, it makes no difference
  EXPECT_THAT(Ended(), HasSubstr("fenced"));
  EXPECT_EQ(Status().exit_code, 128 + SIGKILL);
}

TEST_F(SupervisorTest, TaskWithoutAFenceOutlivesItsLease) {
  spec_.fence_after_ms = -1;
  spec_.lease_end_ms = 0;
  Run("i=0; while [ $i -lt 20 ]; do sleep 0.02; i=$((i+1)); done; exit 9");
  EXPECT_EQ(Ended(), "");
  EXPECT_EQ(Status().exit_code, 9);
}

TEST_F(SupervisorTest, LeaseThatIsRenewedHoldsTheFenceOff) {
  spec_.fence_after_ms = 0;
  spec_.lease_end_ms = BootMilliseconds() + 2000;
  Run("touch up; while [ ! -e go ]; do sleep 0.02; done; exit 7");
  ASSERT_TRUE(SendCommand(directory_, "lease " + std::to_string(BootMilliseconds() + 3'600'000)).ok());
  // An older, shorter one that comes late takes nothing back.
  ASSERT_TRUE(SendCommand(directory_, "lease 1").ok());
  const int64_t first_end = spec_.lease_end_ms;
  ASSERT_TRUE(WaitFor([&] { return BootMilliseconds() > first_end + 100; }));
  std::ofstream(directory_ + "/work/go") << "";
  EXPECT_EQ(Ended(), "");
  EXPECT_EQ(Status().exit_code, 7);
}

TEST_F(SupervisorTest, HashingIsFrozenAtTheLeasesEndWithNoDutyAndThawedByTheNext) {
  if (!HaveCgroup()) {
    ASSERT_NE(geteuid(), 0U) << "root can make a cgroup";
    return;
  }
  spec_.fence_after_ms = 0;
  spec_.pause_at_fence = true;
  spec_.duty_file = directory_ + "/duty";
  spec_.lease_end_ms = 0;
  ASSERT_TRUE(ReplaceText(spec_.duty_file, "700\n", 0644).ok());
  Run("while :; do echo x >> beats; sleep 0.01; done");
  ASSERT_TRUE(WaitFor([&] { return Status().paused; }));
  EXPECT_EQ(Status().state, TaskState::kRunning);
  EXPECT_EQ(*ReadText(spec_.duty_file), "0\n");
  ASSERT_TRUE(SendCommand(directory_, "lease " + std::to_string(BootMilliseconds() + 3'600'000)).ok());
  ASSERT_TRUE(WaitFor([&] { return !Status().paused; }));
  const size_t before = Work("beats").size();
  EXPECT_TRUE(WaitFor([&] { return Work("beats").size() > before; }));
  EXPECT_EQ(*ReadText(spec_.duty_file), "0\n");
}

TEST_F(SupervisorTest, FrozenTaskCanBeStopped) {
  if (!HaveCgroup()) {
    ASSERT_NE(geteuid(), 0U) << "root can make a cgroup";
    return;
  }
  spec_.fence_after_ms = 0;
  spec_.pause_at_fence = true;
  spec_.lease_end_ms = 0;
  Run("sleep 3600");
  ASSERT_TRUE(WaitFor([&] { return Status().paused; }));
  ASSERT_TRUE(SendCommand(directory_, "stop 0").ok());
  EXPECT_TRUE(Reaches(TaskState::kEnded));
}

TEST_F(SupervisorTest, TaskInheritsThreeDescriptorsAndNoSignalMask) {
  const int ours = open("/dev/null", O_RDONLY);  // without close-on-exec, as a library might
  Run("exec sleep 3600");
  ASSERT_TRUE(Reaches(TaskState::kRunning));
  const std::string proc = "/proc/" + std::to_string(Status().task_pid);
  ASSERT_TRUE(WaitFor([&] { return ReadText(proc + "/comm").value_or("") == "sleep\n"; }));
  std::set<std::string> descriptors;
  for (const auto& entry : std::filesystem::directory_iterator(proc + "/fd")) descriptors.insert(entry.path().filename());
  EXPECT_EQ(descriptors, (std::set<std::string>{"0", "1", "2"}));
  EXPECT_THAT(*ReadText(proc + "/status"), HasSubstr("SigBlk:\t0000000000000000"));
  close(ours);
}

TEST_F(SupervisorTest, ResourceLimitsHoldAndAreCutToWhatIsAllowed) {
  spec_.resource_limits = {{"core", 0}, {"nofile", 123}};
  Run("ulimit -n; ulimit -c");
  EXPECT_EQ(Ended(), "");
  EXPECT_EQ(Output(), "o. 123\no. 0\n");
}

TEST_F(SupervisorTest, CgroupLimitsAreSetOrNamedAsLacking) {
  if (!HaveCgroup()) {
    ASSERT_NE(geteuid(), 0U) << "root can make a cgroup";
    return;
  }
  spec_.cgroup_limits = {.memory_bytes = 64 << 20, .processes = 8, .cpu_milli = 500, .cpus = {0}};
  Run("i=0; while [ $i -lt 40 ]; do sleep 3600 & i=$((i+1)); done; wait");
  ASSERT_TRUE(Reaches(TaskState::kEnded) || Status().state == TaskState::kRunning);
  if (Status().lacking.find("pids limit") == std::string::npos) {
    EXPECT_LE(spec_.cgroup.Processes().size(), 8u);
  }
  for (const CgroupHierarchy& hierarchy : spec_.cgroup.hierarchies()) {
    if (hierarchy.kind == "memory" && Status().state == TaskState::kRunning) {
      EXPECT_EQ(*ReadText(hierarchy.path + "/memory.limit_in_bytes"), "67108864\n");
    }
  }
}

TEST_F(SupervisorTest, TaskRunsAsItsUserWithItsGroupsAndCannotGainPrivileges) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can run a task as another user";
  spec_.switch_user = true;
  spec_.uid = 65534;
  spec_.gid = 65534;
  spec_.groups = {65534, 12345};
  Run("id -u; id -g; id -G; grep NoNewPrivs /proc/self/status; touch mine; sleep 3600");
  ASSERT_TRUE(WaitFor([&] { return Wrote("mine"); }));
  EXPECT_EQ(Output(), "o. 65534\no. 65534\no. 65534 12345\no. NoNewPrivs:\t1\n");
  // The change of user must not have cost the parent-death signal.
  const pid_t task = Status().task_pid;
  kill(Status().supervisor_pid, SIGKILL);
  EXPECT_TRUE(WaitFor([&] { return !Alive(task); }));
}

TEST_F(SupervisorTest, WhatCannotBeArmedEndsWithItsReasonBeforeAnyRelease) {
  spec_.working_directory = directory_ + "/nowhere";
  Arm("true");
  EXPECT_THAT(Ended(), HasSubstr("/nowhere\": No such file or directory"));
  EXPECT_EQ(Status().exit_code, 127);
}

TEST_F(SupervisorTest, ProgramThatDoesNotExistIsNamed) {
  spec_.command = {"no-such-program"};
  ASSERT_EQ(StartProgram(), 0);
  Release();
  EXPECT_THAT(Ended(), HasSubstr("cannot start program \"no-such-program\""));
}

TEST_F(SupervisorTest, OutputOfBothStreamsIsKeptToItsLastByte) {
  Run("echo out; echo err >&2; printf tail");
  EXPECT_EQ(Ended(), "");
  EXPECT_THAT(Output(), HasSubstr("o. out\n"));
  EXPECT_THAT(Output(), HasSubstr("e. err\n"));
  EXPECT_THAT(Output(), HasSubstr("o- tail\n"));
}

TEST_F(SupervisorTest, EndOfTheTaskLeavesNoCgroupAndCountsItsCpuTime) {
  if (!HaveCgroup()) {
    ASSERT_NE(geteuid(), 0U) << "root can make a cgroup";
    return;
  }
  Run("i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done");
  EXPECT_EQ(Ended(), "");
  EXPECT_GT(Status().cpu_us, 0);
  EXPECT_TRUE(WaitFor([&] { return *TaskLockHolder(directory_) == 0; }));
  for (const CgroupHierarchy& hierarchy : spec_.cgroup.hierarchies()) EXPECT_FALSE(std::filesystem::exists(hierarchy.path));
}

TEST_F(SupervisorTest, DamagedSpecStartsNothing) {
  ASSERT_TRUE(ReplaceText(directory_ + "/" + kSpecFile, "argument /bin/sh\n", 0600).ok());
  EXPECT_NE(std::system((kProgram + " --task " + directory_ + " 2>/dev/null").c_str()), 0);
  EXPECT_FALSE(ReadTaskStatus(directory_).ok());
}

}  // namespace
}  // namespace switchyard::agent::supervisor
