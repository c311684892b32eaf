#include "agent/supervisor/record.h"

#include <charconv>

namespace switchyard::agent::supervisor {
namespace {

constexpr char kEnd[] = "end\n";

std::string Escape(const std::string& value) {
  std::string out;
  for (const char c : value) {
    if (c == '\\') out += "\\\\";
    else if (c == '\n') out += "\\n";
    else out += c;
  }
  return out;
}

std::string Unescape(const std::string& value) {
  std::string out;
  for (size_t i = 0; i < value.size(); ++i) {
    if (value[i] != '\\' || i + 1 == value.size()) {
      out += value[i];
    } else {
      ++i;
      out += value[i] == 'n' ? '\n' : value[i];
    }
  }
  return out;
}

}  // namespace

std::string Record::Text(const std::string& key, const std::string& otherwise) const {
  for (auto field = fields_.rbegin(); field != fields_.rend(); ++field) {
    if (field->first == key) return field->second;
  }
  return otherwise;
}

int64_t Record::Integer(const std::string& key, int64_t otherwise) const {
  const std::string text = Text(key);
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && !text.empty() ? value : otherwise;
}

std::vector<std::string> Record::All(const std::string& key) const {
  std::vector<std::string> values;
  for (const auto& [name, value] : fields_) {
    if (name == key) values.push_back(value);
  }
  return values;
}

std::string Record::Format() const {
  std::string text;
  for (const auto& [key, value] : fields_) text += key + " " + Escape(value) + "\n";
  return text + kEnd;
}

absl::StatusOr<Record> Record::Parse(const std::string& text) {
  Record record;
  size_t start = 0;
  while (start < text.size()) {
    const size_t end = text.find('\n', start);
    if (end == std::string::npos) break;
    const std::string line = text.substr(start, end - start);
    start = end + 1;
    if (line == "end") return record;
    const size_t blank = line.find(' ');
    if (blank == std::string::npos) return absl::DataLossError("record: the line \"" + line + "\" has no value");
    record.Add(line.substr(0, blank), Unescape(line.substr(blank + 1)));
  }
  return absl::DataLossError("record: its last line is missing; it was cut off while it was written");
}

}  // namespace switchyard::agent::supervisor
