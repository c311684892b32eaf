// Reads a task's output files while their writer may still add to them and take the oldest away (agent/supervisor/output_files.h).
#ifndef SWITCHYARD_AGENT_RUNTIME_PROCESS_OUTPUT_READER_H_
#define SWITCHYARD_AGENT_RUNTIME_PROCESS_OUTPUT_READER_H_

#include <cstdint>
#include <string>
#include <vector>

namespace switchyard::agent::process {

struct OutputChunk {
  bool is_stderr = false;
  std::string data;  // as the task wrote it, newlines included
};

class OutputReader {
 public:
  // Begins `tail_lines` lines before the end of what is there; 0: with the oldest line that is kept.
  OutputReader(std::string task_directory, int tail_lines);

  // The next whole records, of one stream, at most 64 KiB of data; empty data: no more for now. Output that was rotated away
  // before it was read is skipped.
  OutputChunk Next();

 private:
  void SeekTail(int lines);

  const std::string task_directory_;
  int64_t number_ = 0;  // of the file being read; 0: none yet
  int64_t offset_ = 0;
};

}  // namespace switchyard::agent::process

#endif  // SWITCHYARD_AGENT_RUNTIME_PROCESS_OUTPUT_READER_H_
