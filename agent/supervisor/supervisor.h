// The life of one task, held by a process that outlives the agent: arm, wait for the release, run, end, and clean up so
// that nothing of the task is left alive. Its own deadline ends (or pauses) the task when the lease has been over for
// too long, with nobody else's help: this is what lets the scheduler count an expired lease as released watts
// (docs/protocol.md, "Lease").
//
// A task whose directory is gone (a wiped agent) ends at once: nobody could find, count or stop it any more, and the
// next agent would hand out its devices.
//
// One thread, one loop; the only inputs are the control FIFO, the child, its output, the directory's existence and the
// clock.
#ifndef SWITCHYARD_AGENT_SUPERVISOR_SUPERVISOR_H_
#define SWITCHYARD_AGENT_SUPERVISOR_SUPERVISOR_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "agent/supervisor/output_files.h"
#include "agent/supervisor/task_process.h"
#include "agent/supervisor/task_spec.h"
#include "agent/supervisor/task_status.h"

namespace switchyard::agent::supervisor {

class Supervisor {
 public:
  // REQUIRES: this process holds the lock of `directory`, blocks SIGCHLD and SIGTERM, and has no other child.
  Supervisor(std::string directory, TaskSpec spec);

  // Writes the first status and opens the control FIFO: from then on the agent can rely on this process.
  absl::Status Begin();

  // Until the task has ended and its cgroup is gone. Every failure ends in the status file, whose reason names it.
  void Run();

 private:
  void Arm();
  void WaitForEvents();
  void ReadControl();
  void Obey(const std::string& line);
  void ReadReport();
  void ReadOutput(int* descriptor, bool is_error);
  void ReadSignals();
  void Reap();
  void CheckDeadlines();
  void CheckDirectory();
  void Fence();
  bool HoldAtFenceDuty();
  void Release();
  void Stop(int64_t grace_ms, const std::string& reason);
  void KillRemains();
  void Finish();
  void Publish(TaskState state);
  int64_t NextDeadline() const;
  bool MayBeFenced() const;

  const std::string directory_;
  TaskSpec spec_;
  TaskStatus status_;
  TaskProcess process_;
  std::optional<OutputWriter> output_;
  int control_ = -1, signals_ = -1, timer_ = -1;
  int removal_ = -1;          // inotify on the lock; -1: the machine has no more of them, so that it is looked for
  int64_t look_until_ms_ = 0;  // a change was told: until then the directory is looked for again and again
  std::string control_rest_;  // a command line not yet whole
  std::string failure_;       // the child's last words
  int64_t lease_end_ms_ = 0;
  bool held_at_fence_ = false;         // fenced by its duty, not frozen; until the next lease
  std::optional<int64_t> kill_at_ms_;  // everything in the cgroup is killed from then on
  bool exited_ = false;                // the leader has been reaped
  bool directory_lost_ = false;        // nothing is written there any more
};

}  // namespace switchyard::agent::supervisor

#endif  // SWITCHYARD_AGENT_SUPERVISOR_SUPERVISOR_H_
