#include "agent/supervisor/task_status.h"

#include <array>

#include "agent/supervisor/record.h"
#include "agent/supervisor/task_directory.h"
#include "agent/supervisor/text_file.h"

namespace switchyard::agent::supervisor {
namespace {

constexpr std::array<const char*, 5> kStateNames = {"preparing", "prepared", "running", "stopping", "ended"};

}  // namespace

const char* TaskStateName(TaskState state) { return kStateNames[static_cast<size_t>(state)]; }

std::string TaskStatus::Format() const {
  Record record;
  record.Add("state", TaskStateName(state));
  record.Add("boot_id", boot_id);
  record.Add("supervisor_pid", supervisor_pid);
  record.Add("task_pid", task_pid);
  record.Add("task_start_ticks", task_start_ticks);
  record.Add("paused", paused);
  record.Add("released_at_ms", released_at_ms);
  record.Add("ended_at_ms", ended_at_ms);
  record.Add("exit_code", exit_code);
  record.Add("reason", reason);
  record.Add("cpu_us", cpu_us);
  record.Add("lacking", lacking);
  return record.Format();
}

absl::StatusOr<TaskStatus> TaskStatus::Parse(const std::string& text) {
  absl::StatusOr<Record> record = Record::Parse(text);
  if (!record.ok()) return record.status();
  TaskStatus status;
  const std::string state = record->Text("state");
  size_t index = 0;
  while (index < kStateNames.size() && state != kStateNames[index]) ++index;
  if (index == kStateNames.size()) return absl::DataLossError("task status: \"" + state + "\" is no state");
  status.state = static_cast<TaskState>(index);
  status.boot_id = record->Text("boot_id");
  status.supervisor_pid = static_cast<pid_t>(record->Integer("supervisor_pid", 0));
  status.task_pid = static_cast<pid_t>(record->Integer("task_pid", 0));
  status.task_start_ticks = record->Integer("task_start_ticks", 0);
  status.paused = record->Integer("paused", 0) != 0;
  status.released_at_ms = record->Integer("released_at_ms", 0);
  status.ended_at_ms = record->Integer("ended_at_ms", 0);
  status.exit_code = static_cast<int>(record->Integer("exit_code", 0));
  status.reason = record->Text("reason");
  status.cpu_us = record->Integer("cpu_us", 0);
  status.lacking = record->Text("lacking");
  return status;
}

absl::StatusOr<TaskStatus> ReadTaskStatus(const std::string& task_directory) {
  absl::StatusOr<std::string> text = ReadText(task_directory + "/" + kStatusFile);
  if (!text.ok()) return text.status();
  return TaskStatus::Parse(*text);
}

absl::Status WriteTaskStatus(const std::string& task_directory, const TaskStatus& status) {
  return ReplaceText(task_directory + "/" + kStatusFile, status.Format(), 0600);
}

}  // namespace switchyard::agent::supervisor
