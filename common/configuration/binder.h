// Internal to this room: binds YAML to messages by tables. A table row says which key fills which field and in which unit; from it
// come the strictness (unknown keys, wrong units), the nearest known name, and the memory of where each field stands, with
// which a later judge's path becomes a line.
#ifndef SWITCHYARD_COMMON_CONFIGURATION_BINDER_H_
#define SWITCHYARD_COMMON_CONFIGURATION_BINDER_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "absl/status/status.h"
#include "common/platform/yaml_reader.h"
#include "common/validation/problem.h"
#include "google/protobuf/message.h"

namespace switchyard::configuration {

using platform::YamlValue;

enum class Unit {
  kText,
  kInteger,
  kNumber,       // a decimal without unit
  kBool,         // true, false
  kEnum,         // the enum's names in lower case, without the prefix that C++ needs
  kPower,        // 12.5kW
  kPowerOrVa,    // 12.5kW or 500kVA
  kDuration,     // 30s
  kDurationOrNever,  // the same, or "never": 0
  kCountOrForever,   // an integer, or "forever": -1
  kBytes,        // 80GiB
  kHashRate,     // 234TH/s
  kEnergyPrice,  // 0.055USD/kWh, may be negative
  kHashPrice,    // 54USD/PH/day
  kFactor,       // 1.25 or 94%: millionths
  kThousandths,  // 0.5, 2 or 50%: thousandths
  kUtc,          // 2026-11-23T03:40:17Z
  kTexts,        // a list of words
  kIntegers,     // a list of whole numbers
  kPairs,        // a map of words: a repeated message of two fields
  kMessage,      // a map by `schema`
  kMessages,     // a list of maps by `schema`
  kCustom,       // by `custom`
};

class Binder;
struct Schema;

struct Field {
  const char* key;
  const char* field;  // of the message; with kCustom only where its path begins
  Unit unit = Unit::kText;
  const Schema* schema = nullptr;
  void (*custom)(Binder* binder, const YamlValue& value, const std::string& path, google::protobuf::Message* message) = nullptr;
};

struct Schema {
  const char* noun;  // "budget": what its map describes
  std::vector<Field> fields;
};

class Binder {
 public:
  explicit Binder(std::string file) { SetFile(std::move(file)); }

  // The file that values come from now on.
  void SetFile(std::string file);

  // Fills `message` from a map; `path` is where the message stands in the whole ("" for the root).
  void Bind(const Schema& schema, const YamlValue& value, const std::string& path, google::protobuf::Message* message);

  // One scalar in a unit; reports and gives nothing where it is not one.
  std::optional<int64_t> Scalar(const char* key, const YamlValue& value, Unit unit);
  std::optional<std::string> Text(const char* key, const YamlValue& value);
  std::optional<std::vector<std::string>> Texts(const char* key, const YamlValue& value);

  void Report(const YamlValue& at, const std::string& what);
  void ReportUnknownKey(const platform::YamlEntry& entry, const std::string& source, const char* noun, const std::vector<std::string>& known);
  void ReportText(const std::string& line);  // a problem that is located already

  // `path` of the whole stands at this value; the first word counts, so that a second file does not move the root.
  void Remember(const std::string& path, const YamlValue& value);
  // What begins with `path` stands where `original` does: of counted nodes only the pattern is remembered.
  void Alias(const std::string& path, const std::string& original) { aliases_[path] = original; }

  // Takes over what a validator found, but not what stands where a problem was reported already: that would be its echo.
  void Judge(const std::vector<validation::Problem>& problems);
  // "file:line:column" of a path, or of the nearest enclosing one that is known.
  std::string Locate(const std::string& path) const;

  size_t file_index() const { return files_.size() - 1; }
  bool sound() const { return lines_.empty(); }
  // INVALID_ARGUMENT with one line a problem, in the order of the file.
  absl::Status ToStatus() const;

 private:
  struct Place {
    size_t file = 0;
    platform::YamlPosition position;
    std::string source;
  };
  Place PlaceOf(const YamlValue& value) const { return {files_.size() - 1, value.position, value.source}; }
  std::string Describe(const Place& place) const;
  // `counted`: the place is that of a pattern that stands for many.
  const Place* Find(std::string path, bool* counted = nullptr) const;
  void ReportAt(const Place& place, const std::string& what);
  void BindField(const Field& field, const YamlValue& value, const std::string& path, google::protobuf::Message* message);
  void BindEnum(const Field& field, const YamlValue& value, google::protobuf::Message* message);
  void BindPairs(const Field& field, const YamlValue& value, google::protobuf::Message* message);

  std::vector<std::string> files_;
  std::map<std::string, Place> places_;
  std::map<std::string, std::string> aliases_;
  std::map<std::tuple<size_t, int, int, size_t>, std::string> lines_;  // by file, line, column, order of finding
};

std::string ChildPath(const std::string& path, const std::string& field);

}  // namespace switchyard::configuration

#endif  // SWITCHYARD_COMMON_CONFIGURATION_BINDER_H_
