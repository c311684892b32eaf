// A task's standard output and error, in the order in which they came, in files of a bounded size and number: the oldest goes
// when a new one begins. Files are named output.N with rising N and never renamed, so that a reader keeps its place.
//
// One record a line: `o` (output) or `e` (error), `.` (the line ended here) or `-` (it goes on in the next record of the same
// stream), a blank, the bytes. Whatever bytes a task prints, a record has no newline but its own.
#ifndef SWITCHYARD_AGENT_SUPERVISOR_OUTPUT_FILES_H_
#define SWITCHYARD_AGENT_SUPERVISOR_OUTPUT_FILES_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace switchyard::agent::supervisor {

inline constexpr char kOutputPrefix[] = "output.";
inline constexpr size_t kOutputRecordPrefix = 3;       // "o. "
inline constexpr size_t kOutputRecordBytesMax = 16384;  // longer lines are several records

// The numbers of the output files in `task_directory`, ascending.
std::vector<int64_t> ListOutputFiles(const std::string& task_directory);
std::string OutputFile(const std::string& task_directory, int64_t number);

class OutputWriter {
 public:
  OutputWriter(std::string task_directory, int64_t file_bytes, int files);
  ~OutputWriter();
  OutputWriter(const OutputWriter&) = delete;
  OutputWriter& operator=(const OutputWriter&) = delete;

  // Output that cannot be stored (disk full) is dropped, never held back: a task must not stand still for its logs. The first
  // record after such a loss says how many bytes are missing.
  void Write(bool is_error, std::string_view data);

 private:
  void WriteRecord(bool is_error, bool complete, std::string_view data);
  bool Append(const std::string& record);
  bool OpenNext();

  const std::string task_directory_;
  const int64_t file_bytes_;
  const int files_;
  int descriptor_ = -1;
  int64_t number_ = 0;
  int64_t written_ = 0;  // bytes in the current file
  int64_t lost_ = 0;     // bytes dropped since the last stored record
};

}  // namespace switchyard::agent::supervisor

#endif  // SWITCHYARD_AGENT_SUPERVISOR_OUTPUT_FILES_H_
