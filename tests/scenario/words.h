// A line of a scenario as words: positional ones and key=value pairs. Every misuse names the line.
#ifndef SWITCHYARD_TESTS_SCENARIO_WORDS_H_
#define SWITCHYARD_TESTS_SCENARIO_WORDS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "common/units.h"

namespace switchyard::scenario {

class Words {
 public:
  explicit Words(const std::string& line);

  const std::string& verb() const { return plain_.front(); }
  size_t size() const { return plain_.size(); }
  const std::string& at(size_t index) const;
  bool has(const std::string& key) const { return keyed_.contains(key); }

  std::string Text(const std::string& key, const std::string& fallback = "") const;
  int64_t Number(const std::string& key, int64_t fallback) const;
  Power Watts(const std::string& key, Power fallback) const;
  Duration Span(const std::string& key, Duration fallback) const;

  static Power ToPower(const std::string& text);
  static Duration ToDuration(const std::string& text);

 private:
  std::string line_;
  std::vector<std::string> plain_;
  std::map<std::string, std::string> keyed_;
};

}  // namespace switchyard::scenario

#endif  // SWITCHYARD_TESTS_SCENARIO_WORDS_H_
