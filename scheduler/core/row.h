// What the core changes and the store keeps: one whole entity under a typed key. Shared by both, so it knows neither.
#ifndef SWITCHYARD_SCHEDULER_CORE_ROW_H_
#define SWITCHYARD_SCHEDULER_CORE_ROW_H_

#include <cstdint>
#include <optional>
#include <string>

namespace switchyard::core {

// Which table a row is in. The values are on disk.
enum class RowKind : int {
  kMeta = 0,
  kConfiguration = 1,
  kJob = 2,
  kAllocation = 3,
  kPlan = 4,
  kNode = 5,
  kIdempotency = 6,
  kEvent = 7,
  kAccount = 8,
  kTenant = 9,
  kToken = 10,
};
inline constexpr int kRowKinds = 11;

// A changed row. Keys of numbered entities are 8 bytes big-endian, so that a scan is in order of age; names are
// themselves.
struct Row {
  RowKind kind;
  std::string key;
  std::optional<std::string> value;  // the serialised message of rows.proto; nothing: deleted
};

// Key bytes of a numbered entity.
inline std::string NumberKey(uint64_t number) {
  std::string key(8, '\0');
  for (int i = 7; i >= 0; --i, number >>= 8) key[i] = static_cast<char>(number & 0xff);
  return key;
}

// The number back. REQUIRES: 8 bytes.
inline uint64_t KeyNumber(const std::string& key) {
  uint64_t number = 0;
  for (const char byte : key) number = number << 8 | static_cast<unsigned char>(byte);
  return number;
}

}  // namespace switchyard::core

#endif  // SWITCHYARD_SCHEDULER_CORE_ROW_H_
