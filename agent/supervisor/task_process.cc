#include "agent/supervisor/task_process.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

#include "agent/supervisor/text_file.h"

namespace switchyard::agent::supervisor {
namespace {

// Where the child keeps its two ends of the pipes while everything above is closed.
constexpr int kReleaseEnd = 3;
constexpr int kReportEnd = 4;

struct Pipe {
  int read = -1, write = -1;
};

absl::StatusOr<Pipe> MakePipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return SystemError("cannot make a pipe for", "task", errno);
  return Pipe{ends[0], ends[1]};
}

// The child's last words to the supervisor; it has run nothing of the user's.
[[noreturn]] void Fail(const char* what, const char* subject, int error) {
  char text[512];
  const int length = std::snprintf(text, sizeof text, "%s \"%s\": %s", what, subject, std::strerror(error));
  const ssize_t ignored = write(kReportEnd, text, std::min<size_t>(static_cast<size_t>(std::max(length, 0)), sizeof text - 1));
  (void)ignored;
  _exit(127);
}

int ResourceNumber(const std::string& name) {
  static constexpr std::array<std::pair<const char*, int>, 8> kNames = {{{"core", RLIMIT_CORE},
                                                                         {"nofile", RLIMIT_NOFILE},
                                                                         {"nproc", RLIMIT_NPROC},
                                                                         {"stack", RLIMIT_STACK},
                                                                         {"memlock", RLIMIT_MEMLOCK},
                                                                         {"fsize", RLIMIT_FSIZE},
                                                                         {"data", RLIMIT_DATA},
                                                                         {"as", RLIMIT_AS}}};
  for (const auto& [known, number] : kNames) {
    if (name == known) return number;
  }
  return -1;
}

void SetResourceLimits(const TaskSpec& spec) {
  for (const ResourceLimit& limit : spec.resource_limits) {
    const int number = ResourceNumber(limit.name);
    if (number < 0) Fail("unknown resource limit", limit.name.c_str(), EINVAL);
    rlimit current = {};
    getrlimit(static_cast<__rlimit_resource_t>(number), &current);
    const rlim_t wanted = limit.value < 0 ? RLIM_INFINITY : static_cast<rlim_t>(limit.value);
    const rlimit full = {wanted, wanted};
    if (setrlimit(static_cast<__rlimit_resource_t>(number), &full) == 0) continue;
    const rlim_t allowed = std::min(wanted, current.rlim_max);
    const rlimit lowered = {allowed, allowed};
    if (setrlimit(static_cast<__rlimit_resource_t>(number), &lowered) != 0) {
      Fail("cannot set resource limit", limit.name.c_str(), errno);
    }
  }
}

void PinToCores(const TaskSpec& spec) {
  if (spec.cpus.empty()) return;
  cpu_set_t cores;
  CPU_ZERO(&cores);
  for (const int cpu : spec.cpus) {
    if (cpu >= 0 && cpu < CPU_SETSIZE) CPU_SET(cpu, &cores);
  }
  if (sched_setaffinity(0, sizeof cores, &cores) != 0) Fail("cannot pin the task to its", "cores", errno);
}

void SwitchUser(const TaskSpec& spec) {
  if (!spec.switch_user) return;
  const std::string user = std::to_string(spec.uid) + ":" + std::to_string(spec.gid);
  if (setgroups(spec.groups.size(), spec.groups.data()) != 0) Fail("cannot set the groups of user", user.c_str(), errno);
  if (setresgid(spec.gid, spec.gid, spec.gid) != 0) Fail("cannot become the group of user", user.c_str(), errno);
  if (setresuid(spec.uid, spec.uid, spec.uid) != 0) Fail("cannot become user", user.c_str(), errno);
  // Without privileges gained by exec nobody but root leaves the cgroup or sheds the parent-death signal.
  if (spec.uid != 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) Fail("cannot bind the privileges of user", user.c_str(), errno);
}

void CloseInherited() {
  if (syscall(SYS_close_range, kReportEnd + 1, ~0U, 0) == 0) return;
  const long limit = sysconf(_SC_OPEN_MAX);  // before Linux 5.9
  for (int descriptor = kReportEnd + 1; descriptor < limit; ++descriptor) close(descriptor);
}

void ArrangeDescriptors(int release, int report, int output, int error) {
  // First out of the way of the places 0 to 4, then into them.
  const int high_release = fcntl(release, F_DUPFD, 16), high_report = fcntl(report, F_DUPFD, 16);
  const int high_output = fcntl(output, F_DUPFD, 16), high_error = fcntl(error, F_DUPFD, 16);
  const int null = open("/dev/null", O_RDONLY);
  if (null < 0 || high_release < 0 || high_report < 0 || high_output < 0 || high_error < 0) _exit(127);
  dup2(high_report, kReportEnd);
  dup2(null, STDIN_FILENO);
  dup2(high_output, STDOUT_FILENO);
  dup2(high_error, STDERR_FILENO);
  dup2(high_release, kReleaseEnd);
  fcntl(kReleaseEnd, F_SETFD, FD_CLOEXEC);
  fcntl(kReportEnd, F_SETFD, FD_CLOEXEC);
  CloseInherited();
}

void DefaultSignals() {
  for (int number = 1; number < NSIG; ++number) signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

[[noreturn]] void RunChild(const TaskSpec& spec, pid_t supervisor, std::vector<char*>& argv, std::vector<char*>& envp, int release,
                           int report, int output, int error) {
  ArrangeDescriptors(release, report, output, error);
  setsid();
  (void)WriteControl("/proc/self/oom_score_adj", "0");  // the supervisor's own protection is not the task's
  PinToCores(spec);
  SetResourceLimits(spec);
  SwitchUser(spec);
  // A change of user clears the parent-death signal, hence only now; and the parent may have died before.
  if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) Fail("cannot set the parent-death signal of", "task", errno);
  if (getppid() != supervisor) _exit(127);
  umask(022);
  if (chdir(spec.working_directory.c_str()) != 0) Fail("cannot enter working directory", spec.working_directory.c_str(), errno);
  DefaultSignals();
  char byte = kReady;
  if (write(kReportEnd, &byte, 1) != 1) _exit(127);
  ssize_t got;
  do {
    got = read(kReleaseEnd, &byte, 1);
  } while (got < 0 && errno == EINTR);
  if (got != 1) _exit(127);  // stopped before its start
  execvpe(argv[0], argv.data(), envp.data());
  Fail("cannot start program", argv[0], errno);
}

std::vector<char*> Pointers(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (const std::string& text : strings) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

// execvpe looks the program up in the caller's PATH, which must be the task's.
void AdoptPath(const TaskSpec& spec) {
  constexpr char kPath[] = "PATH=";
  for (const std::string& variable : spec.environment) {
    if (variable.starts_with(kPath)) setenv("PATH", variable.c_str() + sizeof kPath - 1, 1);
  }
}

}  // namespace

absl::StatusOr<TaskProcess> ForkTask(const TaskSpec& spec, std::vector<std::string>* lacking) {
  std::array<Pipe, 4> pipes;  // release, report, output, error
  for (Pipe& made : pipes) {
    absl::StatusOr<Pipe> pipe = MakePipe();
    if (!pipe.ok()) return pipe.status();
    made = *pipe;
  }
  const auto& [release, report, output, error] = pipes;
  AdoptPath(spec);
  std::vector<char*> argv = Pointers(spec.command);
  std::vector<char*> envp = Pointers(spec.environment);
  const pid_t supervisor = getpid();
  const pid_t pid = fork();
  if (pid < 0) return SystemError("cannot fork", spec.command.front(), errno);
  if (pid == 0) RunChild(spec, supervisor, argv, envp, release.read, report.write, output.write, error.write);
  for (const int end : {release.read, report.write, output.write, error.write}) close(end);
  for (const int end : {release.write, report.read, output.read, error.read}) fcntl(end, F_SETFL, O_NONBLOCK);
  // Into the cgroup long before the byte, so that not one instruction of the user's runs outside.
  if (!spec.cgroup.empty()) {
    if (absl::Status attached = spec.cgroup.Attach(pid); !attached.ok()) {
      lacking->push_back("cgroup membership (" + std::string(attached.message()) + ")");
    }
  }
  return TaskProcess{pid, release.write, report.read, output.read, error.read};
}

}  // namespace switchyard::agent::supervisor
