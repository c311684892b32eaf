#include "agent/supervisor/output_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <system_error>
#include <utility>

namespace switchyard::agent::supervisor {

std::vector<int64_t> ListOutputFiles(const std::string& task_directory) {
  std::vector<int64_t> numbers;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(task_directory, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename();
    if (!name.starts_with(kOutputPrefix)) continue;
    const char* const digits = name.data() + sizeof kOutputPrefix - 1;
    int64_t number = 0;
    const auto [stop, failure] = std::from_chars(digits, name.data() + name.size(), number);
    if (failure == std::errc() && stop == name.data() + name.size()) numbers.push_back(number);
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

std::string OutputFile(const std::string& task_directory, int64_t number) {
  return task_directory + "/" + kOutputPrefix + std::to_string(number);
}

OutputWriter::OutputWriter(std::string task_directory, int64_t file_bytes, int files)
    : task_directory_(std::move(task_directory)), file_bytes_(std::max<int64_t>(file_bytes, 1)), files_(std::max(files, 1)) {
  OpenNext();
}

OutputWriter::~OutputWriter() {
  if (descriptor_ >= 0) close(descriptor_);
}

void OutputWriter::Write(bool is_error, std::string_view data) {
  while (!data.empty()) {
    const size_t newline = data.substr(0, kOutputRecordBytesMax).find('\n');
    const bool complete = newline != std::string_view::npos;
    const size_t length = complete ? newline : std::min(data.size(), kOutputRecordBytesMax);
    WriteRecord(is_error, complete, data.substr(0, length));
    data.remove_prefix(length + (complete ? 1 : 0));
  }
}

void OutputWriter::WriteRecord(bool is_error, bool complete, std::string_view data) {
  if (descriptor_ < 0 || written_ >= file_bytes_) OpenNext();
  if (lost_ > 0) {
    const std::string note = "e. [switchyard: " + std::to_string(lost_) + " bytes of output could not be stored]\n";
    if (Append(note)) lost_ = 0;
  }
  std::string record = {is_error ? 'e' : 'o', complete ? '.' : '-', ' '};
  record.append(data);
  record += '\n';
  if (lost_ > 0 || !Append(record)) lost_ += static_cast<int64_t>(data.size()) + (complete ? 1 : 0);
}

bool OutputWriter::Append(const std::string& record) {
  if (descriptor_ < 0) return false;
  const ssize_t wrote = write(descriptor_, record.data(), record.size());
  if (wrote == static_cast<ssize_t>(record.size())) {
    written_ += wrote;
    return true;
  }
  // Half a record would make the next one unreadable.
  if (wrote > 0 && ftruncate(descriptor_, written_) != 0) {
    close(descriptor_);
    descriptor_ = -1;
  }
  return false;
}

bool OutputWriter::OpenNext() {
  const int next = open(OutputFile(task_directory_, number_ + 1).c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
  if (next < 0) return false;
  if (descriptor_ >= 0) close(descriptor_);
  descriptor_ = next;
  ++number_;
  written_ = 0;
  for (const int64_t old : ListOutputFiles(task_directory_)) {
    if (old <= number_ - files_) unlink(OutputFile(task_directory_, old).c_str());
  }
  return true;
}

}  // namespace switchyard::agent::supervisor
