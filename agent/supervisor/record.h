// The text of a spec or a status: one `key value` a line, keys may repeat, order is kept. Backslash and newline in a value are
// escaped, so a line stays a line. Unknown keys are skipped by readers: an older supervisor lives on under a newer agent.
#ifndef SWITCHYARD_AGENT_SUPERVISOR_RECORD_H_
#define SWITCHYARD_AGENT_SUPERVISOR_RECORD_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace switchyard::agent::supervisor {

class Record {
 public:
  void Add(const std::string& key, const std::string& value) { fields_.emplace_back(key, value); }
  void Add(const std::string& key, int64_t value) { Add(key, std::to_string(value)); }

  // The last value of `key`, or `otherwise`. A number that is none reads as `otherwise`.
  std::string Text(const std::string& key, const std::string& otherwise = "") const;
  int64_t Integer(const std::string& key, int64_t otherwise) const;
  std::vector<std::string> All(const std::string& key) const;

  // Ends with the line `end`, without which Parse refuses: a truncated file is never taken for a short one.
  std::string Format() const;
  static absl::StatusOr<Record> Parse(const std::string& text);

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

}  // namespace switchyard::agent::supervisor

#endif  // SWITCHYARD_AGENT_SUPERVISOR_RECORD_H_
