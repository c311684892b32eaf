#include "client/cli/text.h"

#include <algorithm>
#include <cctype>
#include <limits>

#include "absl/time/time.h"
#include "common/quantity_text.h"
#include "fmt/format.h"

namespace switchyard::client::cli {
namespace {

// Proto enums share one scope, so that some carry their type's name before their own word.
constexpr const char* kPrefixes[] = {"TASK_", "ENFORCER_"};

std::string WordOfName(std::string name) {
  for (const std::string prefix : kPrefixes) {
    if (name.rfind(prefix, 0) == 0) name = name.substr(prefix.size());
  }
  for (char& letter : name)
    letter = letter == '_' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  return name;
}

bool AllDigits(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c); });
}

}  // namespace

std::string EnumWord(const google::protobuf::EnumDescriptor* type, int value) {
  if (value == 0) return "-";
  const google::protobuf::EnumValueDescriptor* known = type->FindValueByNumber(value);
  return known == nullptr ? fmt::format("unknown({})", value) : WordOfName(known->name());
}

std::vector<std::string> EnumWords(const google::protobuf::EnumDescriptor* type) {
  std::vector<std::string> words;
  for (int i = 0; i < type->value_count(); ++i) {
    if (type->value(i)->number() != 0) words.push_back(WordOfName(type->value(i)->name()));
  }
  return words;
}

absl::StatusOr<int> ParseEnumWord(const google::protobuf::EnumDescriptor* type, const std::string& noun,
                                  const std::string& word) {
  const std::string wanted = WordOfName(word);
  for (int i = 0; i < type->value_count(); ++i) {
    if (type->value(i)->number() != 0 && WordOfName(type->value(i)->name()) == wanted) return type->value(i)->number();
  }
  return absl::InvalidArgumentError(
      fmt::format("{} \"{}\": unknown, allowed are {}; choose one", noun, word, fmt::join(EnumWords(type), ", ")));
}

Cell StateCell(v1::JobState state) {
  const Tone tone = state == v1::RUNNING || state == v1::SUCCEEDED  ? Tone::kGood
                    : state == v1::FAILED                           ? Tone::kBad
                    : state == v1::PENDING || state == v1::STOPPING ? Tone::kWarning
                    : state == v1::CANCELLED                        ? Tone::kFaint
                                                                    : Tone::kPlain;
  return Cell(Word(state), tone);
}

Cell StateCell(v1::NodeState state) {
  const Tone tone = state == v1::READY                              ? Tone::kGood
                    : state == v1::UNREACHABLE || state == v1::LOST ? Tone::kBad
                                                                    : Tone::kWarning;
  return Cell(Word(state), tone);
}

std::string Count(size_t number, const std::string& noun) {
  return fmt::format("{} {}{}", number, noun, number == 1 ? "" : "s");
}

std::string Watts(int64_t milliwatts) { return FormatPower(Power(milliwatts)); }
std::string WattsIfKnown(int64_t milliwatts) { return milliwatts == -1 ? "-" : Watts(milliwatts); }

std::string Percent(int64_t part, int64_t whole) {
  if (whole <= 0) return "-";
  return fmt::format("{:.0f}%", 100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

std::string GpuCount(int64_t milli) {
  std::string text = fmt::format("{}.{:03}", milli / 1000, milli % 1000);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text + " GPU";
}

std::string Money(int64_t micro_usd) { return FormatUsd(Usd(micro_usd)); }

std::string At(int64_t utc_ms) { return utc_ms == 0 ? "-" : FormatUtc(UtcTime(utc_ms)); }

std::string Age(int64_t utc_ms, const View& view) {
  if (utc_ms == 0) return "-";
  // Clocks of two machines differ a little; nothing is younger than now. Below a second no reader cares.
  const int64_t seconds = std::max<int64_t>(0, view.now_utc_ms - utc_ms) / 1000;
  return seconds == 0 ? "0s" : FormatDuration(Seconds(seconds));
}

std::string In(int64_t utc_ms, const View& view) {
  if (utc_ms <= view.now_utc_ms) return "now";
  return "in " + FormatDuration(Seconds((utc_ms - view.now_utc_ms + 999) / 1000));
}

absl::StatusOr<uint64_t> ParseJobId(const std::string& text) {
  const std::string digits = !text.empty() && text.front() == 'j' ? text.substr(1) : text;
  if (AllDigits(digits) && digits.size() <= 19) {
    const uint64_t id = std::stoull(digits);
    if (id > 0) return id;
  }
  return absl::InvalidArgumentError(fmt::format("job \"{}\": not a job's number; write for example 17 or j17", text));
}

absl::StatusOr<std::vector<uint64_t>> ParseJobIds(const std::vector<std::string>& texts) {
  std::vector<uint64_t> ids;
  for (const std::string& text : texts) {
    const absl::StatusOr<uint64_t> id = ParseJobId(text);
    if (!id.ok()) return id.status();
    ids.push_back(*id);
  }
  return ids;
}

absl::StatusOr<int64_t> ParseSince(const std::string& text, int64_t now_utc_ms) {
  const absl::StatusOr<Duration> ago = ParseDuration(text);
  if (ago.ok()) return std::max<int64_t>(1, now_utc_ms - ago->count());
  absl::Time time;
  std::string error;
  if (absl::ParseTime(absl::RFC3339_full, text, &time, &error)) return absl::ToUnixMillis(time);
  return absl::InvalidArgumentError(
      fmt::format("time \"{}\": neither a span nor a time; write for example 2h or 2026-11-23T03:40:17Z", text));
}

absl::StatusOr<v1::StreamLogsRequest> ParseLogTarget(const std::string& text) {
  const size_t slash = text.find('/');
  const absl::StatusOr<uint64_t> id = ParseJobId(text.substr(0, slash));
  if (!id.ok()) return id.status();
  v1::StreamLogsRequest request;
  request.set_id(*id);
  if (slash == std::string::npos) return request;
  std::string group = text.substr(slash + 1);
  std::string index;
  const size_t second = group.rfind('/');
  if (second != std::string::npos) {
    index = group.substr(second + 1);
    group.resize(second);
  } else if (AllDigits(group)) {
    index = std::exchange(group, "");
  }
  const bool index_fits = index.empty() ? second == std::string::npos : AllDigits(index) && index.size() <= 9;
  if (!index_fits || group.find('/') != std::string::npos || (second != std::string::npos && group.empty())) {
    return absl::InvalidArgumentError(fmt::format(
        "task \"{}\": not a task; write ID, ID/INDEX, ID/GROUP or ID/GROUP/INDEX, for example 17/worker/2", text));
  }
  request.set_group(group);
  request.set_index(index.empty() ? 0 : std::stoi(index));
  return request;
}

}  // namespace switchyard::client::cli
