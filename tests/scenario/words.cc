#include "tests/scenario/words.h"

#include <sstream>

#include "common/check.h"
#include "common/quantity_text.h"

namespace switchyard::scenario {

Words::Words(const std::string& line) : line_(line) {
  std::istringstream in(line);
  for (std::string word; in >> word;) {
    const size_t equals = word.find('=');
    if (equals == std::string::npos) plain_.push_back(word);
    else keyed_[word.substr(0, equals)] = word.substr(equals + 1);
  }
  SWITCHYARD_CHECK(!plain_.empty()) << "a line without a verb: " << line;
}

const std::string& Words::at(size_t index) const {
  SWITCHYARD_CHECK(index < plain_.size()) << "line lacks word " << index << ": " << line_;
  return plain_[index];
}

std::string Words::Text(const std::string& key, const std::string& fallback) const {
  const auto found = keyed_.find(key);
  return found == keyed_.end() ? fallback : found->second;
}

int64_t Words::Number(const std::string& key, int64_t fallback) const {
  return has(key) ? std::stoll(keyed_.at(key)) : fallback;
}

Power Words::Watts(const std::string& key, Power fallback) const { return has(key) ? ToPower(keyed_.at(key)) : fallback; }
Duration Words::Span(const std::string& key, Duration fallback) const { return has(key) ? ToDuration(keyed_.at(key)) : fallback; }

Power Words::ToPower(const std::string& text) {
  const auto power = ParsePower(text);
  SWITCHYARD_CHECK(power.ok()) << text;
  return *power;
}

Duration Words::ToDuration(const std::string& text) {
  const auto duration = ParseDuration(text);
  SWITCHYARD_CHECK(duration.ok()) << text;
  return *duration;
}

}  // namespace switchyard::scenario
