// The task directory: the one place where a task's supervisor and whatever agent process is alive meet.
//
//   spec       what to run, written by the agent before the supervisor starts (task_spec.h)
//   lock       held by the supervisor with a POSIX record lock as long as it lives: not inherited by its child, given up by the
//              kernel however it dies, and testable without taking it
//   control    a FIFO of command lines to the supervisor (below); opening it for writing without a reader fails at once
//   status     the supervisor's word (task_status.h)
//   output.N   what the task printed, rising N (output_files.h)
//
// Commands, one line each, shorter than PIPE_BUF so that writers do not mix:
//   release            the one byte: the prepared task starts
//   stop GRACE_MS      SIGTERM, and SIGKILL for everything in the cgroup after the grace; 0: SIGKILL at once. The earliest wins
//   lease END_MS       the lease runs until then (CLOCK_BOOTTIME); never shortened
#ifndef SWITCHYARD_AGENT_SUPERVISOR_TASK_DIRECTORY_H_
#define SWITCHYARD_AGENT_SUPERVISOR_TASK_DIRECTORY_H_

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace switchyard::agent::supervisor {

inline constexpr char kSpecFile[] = "spec";
inline constexpr char kLockFile[] = "lock";
inline constexpr char kControlFile[] = "control";
inline constexpr char kStatusFile[] = "status";

// Takes the lock for the life of this process and returns its descriptor. FAILED_PRECONDITION: another process has it, or the
// directory was removed meanwhile.
absl::StatusOr<int> TakeTaskLock(const std::string& task_directory);

// The process that holds the lock, 0 when nobody does: the supervisor is dead or was never born.
absl::StatusOr<pid_t> TaskLockHolder(const std::string& task_directory);

// Sends one command line. NOT_FOUND: no supervisor listens.
absl::Status SendCommand(const std::string& task_directory, const std::string& command);

// Makes the FIFO if missing and opens it so that it never reads as closed.
absl::StatusOr<int> OpenControl(const std::string& task_directory);

// Start time of a process in clock ticks since boot; 0: there is none, or it is dead and init has not reaped it yet.
int64_t ProcessStartTicks(pid_t pid);

// CLOCK_BOOTTIME in milliseconds, the clock of leases.
int64_t BootMilliseconds();

}  // namespace switchyard::agent::supervisor

#endif  // SWITCHYARD_AGENT_SUPERVISOR_TASK_DIRECTORY_H_
