#include "agent/runtime/process/task_stage.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "agent/runtime/process/run_program.h"
#include "agent/runtime/process/state_layout.h"
#include "agent/supervisor/task_directory.h"
#include "agent/supervisor/task_status.h"
#include "agent/supervisor/text_file.h"
#include "common/platform/files.h"

namespace switchyard::agent::process {
namespace {

constexpr mode_t kPassable = 0711;  // a task's user passes through and sees nothing
constexpr mode_t kOwn = 0750;
constexpr int kCannotStart = 126;   // as a shell says of what it found and cannot run

absl::Status GiveTo(const TaskUser& user, const std::string& path) {
  if (chmod(path.c_str(), kOwn) != 0) return supervisor::SystemError("cannot set the mode of", path, errno);
  if (user.switches && chown(path.c_str(), user.uid, user.gid) != 0) {
    return supervisor::SystemError("cannot give to its user", path, errno);
  }
  return absl::OkStatus();
}

// Only a new directory is given away: one that is there may hold another user's checkpoints.
absl::Status MakeCheckpointDirectory(const TaskUser& user, const std::string& path) {
  if (platform::FileExists(path)) return absl::OkStatus();
  absl::Status made = platform::MakeDirectories(platform::DirectoryOf(path), kPassable);
  if (made.ok()) made = platform::MakeDirectories(path, kOwn);
  return made.ok() ? GiveTo(user, path) : made;
}

absl::Status WriteParts(const v1::DesiredAllocation& order, const configuration::AgentFile& file, const TaskPlace& place,
                        const std::string& directory) {
  absl::StatusOr<TaskUser> user = ChooseUser(file, order.launch().run_as());
  if (!user.ok()) return user.status();
  absl::StatusOr<supervisor::TaskSpec> spec = PlanTask(order, file, *user, place);
  if (!spec.ok()) return spec.status();
  absl::StatusOr<std::string> checkpoints = CheckpointDirectory(place.checkpoint_root, order.launch());
  if (!checkpoints.ok()) return checkpoints.status();
  absl::Status status = order.kind() == v1::HASHING ? absl::OkStatus() : MakeCheckpointDirectory(*user, *checkpoints);
  const std::string work = directory + "/" + kWorkDirectory;
  if (status.ok()) status = platform::MakeDirectories(work, kOwn);
  if (status.ok()) status = GiveTo(*user, work);
  // Hashing begins with no duty: it is raised by an order, under a lease, never by being started.
  if (status.ok() && order.kind() == v1::HASHING) status = supervisor::ReplaceText(directory + "/" + kDutyFile, "0\n", 0644);
  if (status.ok()) status = supervisor::ReplaceText(directory + "/" + supervisor::kSpecFile, spec->Format(), 0600);
  return status;
}

absl::Status WriteFailure(const std::string& directory, const TaskPlace& place, const absl::Status& why) {
  supervisor::TaskStatus status;
  status.state = supervisor::TaskState::kEnded;
  status.boot_id = place.boot_id;
  status.exit_code = kCannotStart;
  status.reason = std::string(why.message());
  return supervisor::WriteTaskStatus(directory, status);
}

}  // namespace

absl::Status StageTask(const v1::DesiredAllocation& order, const configuration::AgentFile& file, const TaskPlace& place,
                       const std::string& supervisor_program) {
  const std::string& directory = place.task_directory;
  // Not the name of a task: a directory that was not finished is cleared away, never taken for one.
  const std::string unfinished = platform::DirectoryOf(directory) + "/new." + std::filesystem::path(directory).filename().string();
  std::error_code ignored;
  std::filesystem::remove_all(unfinished, ignored);
  absl::Status status = platform::MakeDirectories(unfinished, kPassable);
  if (!status.ok()) return status;
  status = supervisor::ReplaceText(unfinished + "/" + kOrderFile, order.SerializeAsString(), 0600);
  if (!status.ok()) return status;
  const absl::Status written = WriteParts(order, file, place, unfinished);
  if (!written.ok()) status = WriteFailure(unfinished, place, written);
  if (!status.ok()) return status;
  if (std::rename(unfinished.c_str(), directory.c_str()) != 0) return supervisor::SystemError("cannot create", directory, errno);
  if (!written.ok()) return absl::OkStatus();
  const absl::Status armed = RunProgram({supervisor_program, "--task", directory});
  return armed.ok() ? armed : WriteFailure(directory, place, armed);
}

}  // namespace switchyard::agent::process
