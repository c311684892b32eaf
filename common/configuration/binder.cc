#include "common/configuration/binder.h"

#include <charconv>
#include <ctime>
#include <limits>
#include <set>

#include "common/check.h"
#include "common/quantity_text.h"
#include "fmt/format.h"
#include "fmt/ranges.h"
#include "google/protobuf/descriptor.h"

namespace switchyard::configuration {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

std::optional<int64_t> ParseInteger(const std::string& text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<int64_t> ParseUtc(const std::string& text) {
  std::tm parts{};
  const char* const end = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  if (end == nullptr || *end != '\0') return std::nullopt;
  return static_cast<int64_t>(timegm(&parts)) * 1000;
}

absl::StatusOr<int64_t> Negated(const std::string& text, absl::StatusOr<Usd> (*parse)(const std::string&)) {
  const bool negative = text.starts_with("-");
  const absl::StatusOr<Usd> value = parse(negative ? text.substr(1) : text);
  if (!value.ok()) return value.status();
  return negative ? -value->count() : value->count();
}

template <typename Q>
absl::StatusOr<int64_t> CountOf(const absl::StatusOr<Q>& value) {
  if (!value.ok()) return value.status();
  return value->count();
}

absl::StatusOr<int64_t> ParseThousandths(const std::string& text) {
  const absl::StatusOr<PartsPerMillion> millionths = ParseFactor(text);
  if (!millionths.ok() || millionths->count() % 1000 != 0) {
    return absl::InvalidArgumentError(fmt::format("\"{}\", allowed is a decimal of at most three places; write for example 2, 0.5 or 50%", text));
  }
  return millionths->count() / 1000;
}

absl::StatusOr<int64_t> ParseInUnit(const std::string& text, Unit unit) {
  switch (unit) {
    case Unit::kPower:
      return CountOf(ParsePower(text));
    case Unit::kPowerOrVa:
      return CountOf(ParsePower(text.ends_with("VA") ? text.substr(0, text.size() - 2) + "W" : text));
    case Unit::kDurationOrNever:
      if (text == "never") return 0;
      return CountOf(ParseDuration(text));
    case Unit::kDuration:
      return CountOf(ParseDuration(text));
    case Unit::kBytes:
      return ParseBytes(text);
    case Unit::kHashRate:
      return CountOf(ParseHashRate(text));
    case Unit::kEnergyPrice:
      return Negated(text, ParseEnergyPrice);
    case Unit::kHashPrice:
      return CountOf(ParseHashPrice(text));
    case Unit::kFactor:
      return CountOf(ParseFactor(text));
    case Unit::kThousandths:
      return ParseThousandths(text);
    case Unit::kBool:
      if (text == "true") return 1;
      if (text == "false") return 0;
      return absl::InvalidArgumentError(fmt::format("\"{}\", allowed are true and false", text));
    case Unit::kUtc:
      if (const std::optional<int64_t> time = ParseUtc(text)) return *time;
      return absl::InvalidArgumentError(fmt::format("time \"{}\": not a time in UTC; write for example 2026-11-23T03:40:17Z", text));
    case Unit::kCountOrForever:
      if (text == "forever") return -1;
      [[fallthrough]];
    case Unit::kInteger:
      if (const std::optional<int64_t> value = ParseInteger(text)) return *value;
      return absl::InvalidArgumentError(
          fmt::format("\"{}\", allowed is a whole number{}", text, unit == Unit::kCountOrForever ? " or forever" : ""));
    default:
      SWITCHYARD_CHECK(false) << "no scalar unit " << static_cast<int>(unit);
      return 0;
  }
}

void SetInteger(Message* message, const FieldDescriptor* field, int64_t value) {
  const Reflection* reflection = message->GetReflection();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return reflection->SetInt32(message, field, static_cast<int32_t>(value));
    case FieldDescriptor::CPPTYPE_INT64:
      return reflection->SetInt64(message, field, value);
    case FieldDescriptor::CPPTYPE_BOOL:
      return reflection->SetBool(message, field, value != 0);
    default:
      SWITCHYARD_CHECK(false) << field->full_name() << " takes no integer";
  }
}

// "ENFORCER_DEVICE" -> "device", "COOLING_ZONE" -> "cooling_zone".
std::string EnumWord(const std::string& name) {
  std::string word;
  for (const char c : name) word += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  return word.starts_with("enforcer_") ? word.substr(9) : word;
}

}  // namespace

std::string ChildPath(const std::string& path, const std::string& field) { return path.empty() ? field : path + "." + field; }

void Binder::SetFile(std::string file) { files_.push_back(std::move(file)); }

void Binder::Remember(const std::string& path, const YamlValue& value) { places_.emplace(path, PlaceOf(value)); }

std::string Binder::Describe(const Place& place) const {
  if (!place.source.empty()) return place.source;
  return fmt::format("{}:{}:{}", files_[place.file], std::max(1, place.position.line), std::max(1, place.position.column));
}

void Binder::ReportAt(const Place& place, const std::string& what) {
  const auto key = std::tuple(place.file, place.position.line, place.position.column, lines_.size());
  lines_.emplace(key, fmt::format("{}: {}", Describe(place), what));
}

void Binder::Report(const YamlValue& at, const std::string& what) { ReportAt(PlaceOf(at), what); }

void Binder::ReportText(const std::string& line) { lines_.emplace(std::tuple(files_.size() - 1, 0, 0, lines_.size()), line); }

void Binder::ReportUnknownKey(const platform::YamlEntry& entry, const std::string& source, const char* noun,
                              const std::vector<std::string>& known) {
  const std::string nearest = platform::NearestName(entry.key, known);
  ReportAt({files_.size() - 1, entry.position, source.empty() ? entry.value.source : source},
           fmt::format("unknown key \"{}\" in {}, allowed are {}; {}", entry.key, noun, fmt::join(known, ", "),
                       nearest.empty() ? std::string("remove it") : fmt::format("did you mean \"{}\"?", nearest)));
}

std::optional<int64_t> Binder::Scalar(const char* key, const YamlValue& value, Unit unit) {
  if (value.kind != YamlValue::Kind::kScalar) {
    Report(value, fmt::format("{}: {}, allowed is one value; write `{}: value`", key, value.Describe(), key));
    return std::nullopt;
  }
  const absl::StatusOr<int64_t> parsed = ParseInUnit(value.scalar, unit);
  if (parsed.ok()) return *parsed;
  Report(value, fmt::format("{}: {}", key, std::string(parsed.status().message())));
  return std::nullopt;
}

std::optional<std::string> Binder::Text(const char* key, const YamlValue& value) {
  if (value.kind == YamlValue::Kind::kScalar) return value.scalar;
  Report(value, fmt::format("{}: {}, allowed is one word or text; write `{}: text`", key, value.Describe(), key));
  return std::nullopt;
}

std::optional<std::vector<std::string>> Binder::Texts(const char* key, const YamlValue& value) {
  if (value.kind != YamlValue::Kind::kSequence) {
    Report(value, fmt::format("{}: {}, allowed is a list; write `{}: [a, b]`", key, value.Describe(), key));
    return std::nullopt;
  }
  std::vector<std::string> texts;
  for (const YamlValue& item : value.items) {
    if (const std::optional<std::string> text = Text(key, item)) texts.push_back(*text);
  }
  return texts;
}

void Binder::Bind(const Schema& schema, const YamlValue& value, const std::string& path, Message* message) {
  Remember(path, value);
  if (value.kind == YamlValue::Kind::kNull) return;
  if (value.kind != YamlValue::Kind::kMap) {
    Report(value, fmt::format("{}: {}, allowed is a map of its settings; write `key: value` lines", schema.noun, value.Describe()));
    return;
  }
  std::vector<std::string> known;
  for (const Field& field : schema.fields) known.emplace_back(field.key);
  for (const platform::YamlEntry& entry : value.entries) {
    bool found = false;
    for (const Field& field : schema.fields) {
      if (entry.key != field.key) continue;
      found = true;
      BindField(field, entry.value, path, message);
    }
    if (!found) ReportUnknownKey(entry, value.source, schema.noun, known);
  }
}

void Binder::BindField(const Field& field, const YamlValue& value, const std::string& path, Message* message) {
  const std::string at = field.field == nullptr ? path : ChildPath(path, field.field);
  Remember(at, value);
  if (field.unit == Unit::kCustom) return field.custom(this, value, at, message);
  // `key:` with nothing behind it is the same as no key: it is how people comment out a value.
  if (value.kind == YamlValue::Kind::kNull) return;
  const FieldDescriptor* const descriptor = message->GetDescriptor()->FindFieldByName(field.field);
  SWITCHYARD_CHECK(descriptor != nullptr) << field.field << " in " << message->GetTypeName();
  const Reflection* const reflection = message->GetReflection();
  switch (field.unit) {
    case Unit::kText:
      if (std::optional<std::string> text = Text(field.key, value)) reflection->SetString(message, descriptor, *std::move(text));
      return;
    case Unit::kNumber: {
      const std::optional<std::string> text = Text(field.key, value);
      double number = 0;
      if (!text.has_value()) return;
      const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
      if (error != std::errc() || end != text->data() + text->size()) {
        return Report(value, fmt::format("{}: \"{}\", allowed is a number; write for example 0.5", field.key, *text));
      }
      return reflection->SetDouble(message, descriptor, number);
    }
    case Unit::kEnum:
      return BindEnum(field, value, message);
    case Unit::kTexts:
      for (const std::string& text : Texts(field.key, value).value_or(std::vector<std::string>())) {
        reflection->AddString(message, descriptor, text);
      }
      for (size_t i = 0; i < value.items.size(); ++i) Remember(fmt::format("{}[{}]", at, i), value.items[i]);
      return;
    case Unit::kIntegers:
      if (value.kind != YamlValue::Kind::kSequence) {
        return Report(value, fmt::format("{}: {}, allowed is a list; write `{}: [1, 2]`", field.key, value.Describe(), field.key));
      }
      for (const YamlValue& item : value.items) {
        const std::optional<int64_t> number = Scalar(field.key, item, Unit::kInteger);
        if (number.has_value()) reflection->AddUInt64(message, descriptor, static_cast<uint64_t>(std::max<int64_t>(0, *number)));
      }
      return;
    case Unit::kPairs:
      return BindPairs(field, value, message);
    case Unit::kMessage:
      return Bind(*field.schema, value, at, reflection->MutableMessage(message, descriptor));
    case Unit::kMessages:
      if (value.kind != YamlValue::Kind::kSequence) {
        return Report(value, fmt::format("{}: {}, allowed is a list; write one `- ` for each {}", field.key, value.Describe(), field.schema->noun));
      }
      for (const YamlValue& item : value.items) {
        const int index = reflection->FieldSize(*message, descriptor);
        Bind(*field.schema, item, fmt::format("{}[{}]", at, index), reflection->AddMessage(message, descriptor));
      }
      return;
    default:
      break;
  }
  const std::optional<int64_t> number = Scalar(field.key, value, field.unit);
  if (!number.has_value()) return;
  const bool narrow = descriptor->cpp_type() == FieldDescriptor::CPPTYPE_INT32;
  if (narrow && *number != static_cast<int32_t>(*number)) {
    return Report(value, fmt::format("{}: {}, allowed is at most {}", field.key, *number, std::numeric_limits<int32_t>::max()));
  }
  SetInteger(message, descriptor, *number);
}

void Binder::BindEnum(const Field& field, const YamlValue& value, Message* message) {
  const std::optional<std::string> text = Text(field.key, value);
  if (!text.has_value()) return;
  const FieldDescriptor* const descriptor = message->GetDescriptor()->FindFieldByName(field.field);
  std::vector<std::string> words;
  for (int i = 0; i < descriptor->enum_type()->value_count(); ++i) {
    const auto* const option = descriptor->enum_type()->value(i);
    if (option->number() == 0) continue;
    words.push_back(EnumWord(option->name()));
    if (words.back() == *text) return message->GetReflection()->SetEnum(message, descriptor, option);
  }
  const std::string nearest = platform::NearestName(*text, words);
  Report(value, fmt::format("{}: \"{}\", allowed are {}; {}", field.key, *text, fmt::join(words, ", "),
                            nearest.empty() ? std::string("choose one") : fmt::format("did you mean \"{}\"?", nearest)));
}

// {key: value} for Label, NamedCount and EnvironmentVariable: messages of a word and a value, in this order.
void Binder::BindPairs(const Field& field, const YamlValue& value, Message* message) {
  if (value.kind != YamlValue::Kind::kMap) {
    return Report(value, fmt::format("{}: {}, allowed is a map; write `{}: {{name: value}}`", field.key, value.Describe(), field.key));
  }
  const FieldDescriptor* const descriptor = message->GetDescriptor()->FindFieldByName(field.field);
  for (const platform::YamlEntry& entry : value.entries) {
    Message* const pair = message->GetReflection()->AddMessage(message, descriptor);
    const FieldDescriptor* const name = pair->GetDescriptor()->field(0);
    const FieldDescriptor* const content = pair->GetDescriptor()->field(1);
    pair->GetReflection()->SetString(pair, name, entry.key);
    if (content->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
      const bool empty = entry.value.kind == YamlValue::Kind::kNull;
      const std::optional<std::string> text = empty ? std::string() : Text(entry.key.c_str(), entry.value);
      if (text.has_value()) pair->GetReflection()->SetString(pair, content, *text);
    } else if (const std::optional<int64_t> number = Scalar(entry.key.c_str(), entry.value, Unit::kInteger)) {
      SetInteger(pair, content, *number);
    }
  }
}

const Binder::Place* Binder::Find(std::string path, bool* counted) const {
  // "nodes[17].model" -> "nodes@3.model", where the pattern that made node 17 was remembered.
  for (size_t end = path.size(); end != std::string::npos && end > 0; end = path.find_last_of('.', end - 1)) {
    const auto alias = aliases_.find(path.substr(0, end));
    if (alias == aliases_.end()) continue;
    path = alias->second + path.substr(end);
    if (counted != nullptr) *counted = true;
    break;
  }
  while (true) {
    const auto found = places_.find(path);
    if (found != places_.end()) return &found->second;
    if (path.empty()) return nullptr;
    const size_t cut = path.find_last_of(".[");
    path = cut == std::string::npos ? "" : path.substr(0, cut);
  }
}

std::string Binder::Locate(const std::string& path) const {
  const Place* const place = Find(path);
  return Describe(place == nullptr ? Place{} : *place);
}

void Binder::Judge(const std::vector<validation::Problem>& problems) {
  std::set<std::tuple<size_t, int, int>> reported;
  for (const auto& [key, line] : lines_) reported.emplace(std::get<0>(key), std::get<1>(key), std::get<2>(key));
  for (const validation::Problem& problem : problems) {
    bool counted = false;
    const Place* const found = Find(problem.path, &counted);
    const Place place = found == nullptr ? Place{} : *found;
    const std::tuple<size_t, int, int> at(place.file, place.position.line, place.position.column);
    if (reported.contains(at)) continue;
    ReportAt(place, problem.message);
    // What is wrong with a pattern is wrong with all that it stands for: the first one says it.
    if (counted) reported.insert(at);
  }
}

absl::Status Binder::ToStatus() const {
  if (lines_.empty()) return absl::OkStatus();
  std::string text;
  std::string last;
  for (const auto& [key, line] : lines_) {
    if (line == last) continue;  // one pattern, many nodes
    text += (text.empty() ? "" : "\n") + line;
    last = line;
  }
  return absl::InvalidArgumentError(text);
}

}  // namespace switchyard::configuration
