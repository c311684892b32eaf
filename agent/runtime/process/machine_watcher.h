// A thread that notices changes on the machine so that nobody has to ask again and again: a task's status or output changed, a
// supervisor died, a time came. It only wakes; what changed is found by looking. It also removes what was forgotten, since a
// working directory may hold millions of files and the session's thread must not miss a heartbeat.
#ifndef SWITCHYARD_AGENT_RUNTIME_PROCESS_MACHINE_WATCHER_H_
#define SWITCHYARD_AGENT_RUNTIME_PROCESS_MACHINE_WATCHER_H_

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/units.h"

namespace switchyard::agent::process {

class MachineWatcher {
 public:
  // `wake` is called on the watcher's own thread, never after the destructor has returned. `trash` is emptied, now and whenever
  // EmptyTrash is called.
  MachineWatcher(std::function<void()> wake, std::string trash);
  ~MachineWatcher();
  MachineWatcher(const MachineWatcher&) = delete;
  MachineWatcher& operator=(const MachineWatcher&) = delete;

  // Both idempotent. A watch ends by itself with the directory or the process.
  void WatchTask(const std::string& task_directory);
  void WatchProcess(pid_t pid);

  // Whether output is somebody's business just now.
  void WatchOutput(bool wanted) { output_wanted_ = wanted; }

  void WakeAfter(Duration delay);
  void EmptyTrash();

 private:
  void Loop();
  void ReadChanges();
  void ReapProcesses(const std::vector<pid_t>& dead);
  void Nudge();

  const std::function<void()> wake_;
  const std::string trash_;
  int inotify_ = -1, event_ = -1, timer_ = -1;
  std::atomic<bool> output_wanted_ = false;
  std::atomic<bool> stop_ = false;
  std::atomic<bool> trash_full_ = true;
  std::mutex mutex_;
  std::map<pid_t, int> processes_;  // pid -> pidfd; guarded by mutex_
  int64_t wake_at_ms_ = 0;          // CLOCK_BOOTTIME, 0: not armed; guarded by mutex_
  std::thread thread_;              // last: it uses all of the above
};

}  // namespace switchyard::agent::process

#endif  // SWITCHYARD_AGENT_RUNTIME_PROCESS_MACHINE_WATCHER_H_
