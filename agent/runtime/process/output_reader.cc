#include "agent/runtime/process/output_reader.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "agent/supervisor/output_files.h"

namespace switchyard::agent::process {
namespace {

using supervisor::kOutputRecordPrefix;

// Holds several records of the largest size, and with the newlines that records bring at most 64 KiB of data.
constexpr size_t kReadBytes = 60'000;

std::string ReadAt(const std::string& path, int64_t offset) {
  std::string data(kReadBytes, '\0');
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const ssize_t got = descriptor < 0 ? 0 : pread(descriptor, data.data(), data.size(), offset);
  if (descriptor >= 0) close(descriptor);
  data.resize(static_cast<size_t>(std::max<ssize_t>(got, 0)));
  return data;
}

// Calls `visit(record without its newline, offset behind it)` for every whole record of a file from `offset` on.
template <typename Visitor>
void ForEachRecord(const std::string& path, int64_t offset, Visitor visit) {
  while (true) {
    const std::string data = ReadAt(path, offset);
    size_t start = 0;
    for (size_t end; (end = data.find('\n', start)) != std::string::npos; start = end + 1) {
      visit(data.substr(start, end - start), offset + static_cast<int64_t>(end) + 1);
    }
    if (start == 0) return;
    offset += static_cast<int64_t>(start);
  }
}

}  // namespace

OutputReader::OutputReader(std::string task_directory, int tail_lines) : task_directory_(std::move(task_directory)) {
  if (tail_lines > 0) SeekTail(tail_lines);
}

void OutputReader::SeekTail(int lines) {
  const std::vector<int64_t> files = supervisor::ListOutputFiles(task_directory_);
  int64_t missing = lines;
  for (auto file = files.rbegin(); file != files.rend(); ++file) {
    std::vector<int64_t> line_ends;  // offsets behind the lines that end in this file
    ForEachRecord(supervisor::OutputFile(task_directory_, *file), 0, [&](const std::string& record, int64_t behind) {
      if (record.size() > 1 && record[1] == '.') line_ends.push_back(behind);
    });
    number_ = *file;
    const int64_t here = static_cast<int64_t>(line_ends.size());
    // The wanted lines begin behind the one before them; with exactly as many here that one may be in an older file.
    offset_ = here > missing ? line_ends[static_cast<size_t>(here - missing - 1)] : 0;
    if (here > missing) return;
    missing -= here;
    if (missing == 0) return;
  }
}

OutputChunk OutputReader::Next() {
  OutputChunk chunk;
  while (true) {
    const std::vector<int64_t> files = supervisor::ListOutputFiles(task_directory_);
    // Listed before the read: when a newer file was there already, the end of this one is its end for ever.
    const auto at = std::lower_bound(files.begin(), files.end(), std::max<int64_t>(number_, 1));
    if (at == files.end()) return chunk;
    if (*at != number_) {
      number_ = *at;
      offset_ = 0;
    }
    const std::string data = ReadAt(supervisor::OutputFile(task_directory_, number_), offset_);
    size_t start = 0;
    for (size_t end; (end = data.find('\n', start)) != std::string::npos; start = end + 1) {
      if (end - start < kOutputRecordPrefix) continue;  // no record of ours
      const bool is_stderr = data[start] == 'e';
      if (!chunk.data.empty() && is_stderr != chunk.is_stderr) break;
      chunk.is_stderr = is_stderr;
      chunk.data.append(data, start + kOutputRecordPrefix, end - start - kOutputRecordPrefix);
      if (data[start + 1] == '.') chunk.data += '\n';
    }
    offset_ += static_cast<int64_t>(start);
    if (!chunk.data.empty()) return chunk;
    if (start > 0) continue;  // empty partial records only
    if (at + 1 == files.end()) return chunk;
    number_ = *(at + 1);
    offset_ = 0;
  }
}

}  // namespace switchyard::agent::process
