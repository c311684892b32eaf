#include "common/configuration/map_reader.h"

#include <algorithm>

#include "fmt/format.h"

namespace switchyard::configuration {

MapReader::MapReader(Binder* binder, const YamlValue& map, const char* noun) : binder_(binder), map_(map), noun_(noun) {
  if (map.kind == YamlValue::Kind::kMap || map.kind == YamlValue::Kind::kNull) return;
  binder->Report(map, fmt::format("{}: {}, allowed is a map of its settings; write `key: value` lines", noun, map.Describe()));
}

const YamlValue* MapReader::Child(const char* key) {
  known_.emplace_back(key);
  const YamlValue* const value = map_.Find(key);
  return value == nullptr || value->kind == YamlValue::Kind::kNull ? nullptr : value;
}

const std::vector<YamlValue>& MapReader::Items(const char* key) {
  static const std::vector<YamlValue> kNone;
  const YamlValue* const value = Child(key);
  if (value == nullptr) return kNone;
  if (value->kind == YamlValue::Kind::kSequence) return value->items;
  binder_->Report(*value, fmt::format("{}: {}, allowed is a list; write one `- ` for each", key, value->Describe()));
  return kNone;
}

void MapReader::Text(const char* key, std::string* into) {
  const YamlValue* const value = Child(key);
  if (value == nullptr) return;
  if (std::optional<std::string> text = binder_->Text(key, *value)) *into = *std::move(text);
}

void MapReader::Texts(const char* key, std::vector<std::string>* into) {
  const YamlValue* const value = Child(key);
  if (value == nullptr) return;
  if (std::optional<std::vector<std::string>> texts = binder_->Texts(key, *value)) *into = *std::move(texts);
}

void MapReader::Bool(const char* key, bool* into) {
  int64_t count = *into ? 1 : 0;
  Quantity(key, Unit::kBool, &count);
  *into = count != 0;
}

void MapReader::Integer(const char* key, int64_t least, int64_t most, int64_t* into) {
  const YamlValue* const value = Child(key);
  if (value == nullptr) return;
  const std::optional<int64_t> number = binder_->Scalar(key, *value, Unit::kInteger);
  if (!number.has_value()) return;
  if (*number < least || *number > most) {
    binder_->Report(*value, fmt::format("{}: {}, allowed is {} to {}; choose one in that range", key, *number, least, most));
    return;
  }
  *into = *number;
}

void MapReader::Quantity(const char* key, Unit unit, int64_t* into) {
  const YamlValue* const value = Child(key);
  if (value == nullptr) return;
  if (const std::optional<int64_t> count = binder_->Scalar(key, *value, unit)) *into = *count;
}

void MapReader::Finish() {
  for (const platform::YamlEntry& entry : map_.entries) {
    if (std::find(known_.begin(), known_.end(), entry.key) == known_.end()) binder_->ReportUnknownKey(entry, map_.source, noun_, known_);
  }
}

}  // namespace switchyard::configuration
