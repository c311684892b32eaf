// The words between people and the API: enums by their lower-case words, watts, ages, ids.
#ifndef SWITCHYARD_CLIENT_CLI_TEXT_H_
#define SWITCHYARD_CLIENT_CLI_TEXT_H_

#include <cstdint>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/generated_enum_reflection.h>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/cli/table.h"
#include "switchyard/v1/cluster.pb.h"
#include "switchyard/v1/job.pb.h"

namespace switchyard::client::cli {

// "running" of RUNNING, "preparing" of TASK_PREPARING, "cooling-zone" of COOLING_ZONE; "-" of an unspecified one. A
// number that this program does not know, from a newer scheduler, is written as such.
std::string EnumWord(const google::protobuf::EnumDescriptor* type, int value);
std::vector<std::string> EnumWords(const google::protobuf::EnumDescriptor* type);
absl::StatusOr<int> ParseEnumWord(const google::protobuf::EnumDescriptor* type, const std::string& noun,
                                  const std::string& word);

template <typename Enum>
std::string Word(Enum value) {
  return EnumWord(google::protobuf::GetEnumDescriptor<Enum>(), value);
}
template <typename Enum>
std::vector<std::string> Words() {
  return EnumWords(google::protobuf::GetEnumDescriptor<Enum>());
}
template <typename Enum>
absl::StatusOr<Enum> ParseWord(const std::string& noun, const std::string& word) {
  const absl::StatusOr<int> value = ParseEnumWord(google::protobuf::GetEnumDescriptor<Enum>(), noun, word);
  if (!value.ok()) return value.status();
  return static_cast<Enum>(*value);
}

Cell StateCell(v1::JobState state);
Cell StateCell(v1::NodeState state);

std::string Count(size_t number, const std::string& noun);  // "1 job", "2 jobs"
std::string Watts(int64_t milliwatts);
std::string WattsIfKnown(int64_t milliwatts);      // "-" of -1
std::string Percent(int64_t part, int64_t whole);  // "97%"; "-" of nothing
std::string GpuCount(int64_t milli);               // "3.5 GPU"
std::string Money(int64_t micro_usd);
std::string At(int64_t utc_ms);                     // "2026-11-23T03:40:17Z"; "-" of 0
std::string Age(int64_t utc_ms, const View& view);  // "5m" since then; "-" of 0
std::string In(int64_t utc_ms, const View& view);   // "in 5m", "now" when it is past

// "17" or "j17".
absl::StatusOr<uint64_t> ParseJobId(const std::string& text);
absl::StatusOr<std::vector<uint64_t>> ParseJobIds(const std::vector<std::string>& texts);
// "2h" ago, or "2026-11-23T03:40:17Z".
absl::StatusOr<int64_t> ParseSince(const std::string& text, int64_t now_utc_ms);
// ID[/TASK] of `logs`: "17", "17/2", "17/worker", "17/worker/2".
absl::StatusOr<v1::StreamLogsRequest> ParseLogTarget(const std::string& text);

}  // namespace switchyard::client::cli

#endif  // SWITCHYARD_CLIENT_CLI_TEXT_H_
