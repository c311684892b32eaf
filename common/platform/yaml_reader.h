// YAML as a plain tree in which every key and value knows its line and column, so that an error can point at its cause. Strict:
// a key twice in one map, an anchor, a tag or a nesting of more than kMaxYamlDepth is an error. yaml-cpp stays behind this.
#ifndef SWITCHYARD_COMMON_PLATFORM_YAML_READER_H_
#define SWITCHYARD_COMMON_PLATFORM_YAML_READER_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace switchyard::platform {

inline constexpr int kMaxYamlDepth = 32;       // ours need 8; deeper ones only eat the stack
inline constexpr int kMaxYamlValues = 4 << 20;  // 100,000 nodes of 20 values each, twice over

struct YamlPosition {
  int line = 0;    // from 1
  int column = 0;  // from 1
};

struct YamlEntry;

struct YamlValue {
  enum class Kind { kNull, kScalar, kSequence, kMap };
  YamlValue() = default;
  YamlValue(Kind of_kind, YamlPosition at);

  Kind kind = Kind::kNull;
  YamlPosition position;
  std::string source;             // where it stands if not in the file, e.g. "--set resources.gpus=8"; else empty
  std::string scalar;             // kScalar, as written
  bool quoted = false;            // kScalar: written in quotes, so a text whatever it looks like
  std::vector<YamlValue> items;    // kSequence
  std::vector<YamlEntry> entries;  // kMap, in the file's order

  // The value of `key`, or null.
  const YamlValue* Find(const std::string& key) const;
  // "a map", "a list", "\"18\"", "nothing": for messages.
  std::string Describe() const;
};

struct YamlEntry {
  std::string key;
  YamlPosition position;
  YamlValue value;
};

// After YamlEntry, for a compiler may need the elements' type to make the vector.
inline YamlValue::YamlValue(Kind of_kind, YamlPosition at) : kind(of_kind), position(at) {}

// All documents of `text`. INVALID_ARGUMENT: every problem, one a line, each `file:line:column: what; cure`.
absl::StatusOr<std::vector<YamlValue>> ParseYaml(const std::string& text, const std::string& file);

// The nearest of `names` to `word` by edit distance, or "" when none is near enough to be what was meant.
std::string NearestName(const std::string& word, const std::vector<std::string>& names);

}  // namespace switchyard::platform

#endif  // SWITCHYARD_COMMON_PLATFORM_YAML_READER_H_
