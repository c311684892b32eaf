#include "scheduler/store/log_tail.h"

#include <array>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>

namespace switchyard::store {
namespace {

constexpr size_t kBlock = 32 * 1024;
constexpr size_t kHeader = 7;  // CRC (4), length (2), type (1)
enum Type : uint8_t { kZero = 0, kFull = 1, kFirst = 2, kMiddle = 3, kLast = 4, kSetCompression = 9 };

constexpr std::array<uint32_t, 256> MakeCrcTable() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
    table[i] = crc;
  }
  return table;
}

uint32_t MaskedCrc32c(std::string_view bytes) {
  static constexpr std::array<uint32_t, 256> kTable = MakeCrcTable();
  uint32_t crc = ~0u;
  for (const char byte : bytes) crc = crc >> 8 ^ kTable[(crc ^ static_cast<uint8_t>(byte)) & 0xff];
  crc = ~crc;
  return (crc >> 15 | crc << 17) + 0xa282ead8u;  // masked: a CRC over data with CRCs in it would be weak
}

uint32_t LittleEndian(std::string_view bytes, int count) {
  uint32_t value = 0;
  for (int i = count - 1; i >= 0; --i) value = value << 8 | static_cast<uint8_t>(bytes[i]);
  return value;
}

struct Record {
  Type type;
  size_t end;  // offset behind it
};

// The good record at `offset`, if there is one. REQUIRES: the header lies within one block.
std::optional<Record> RecordAt(std::string_view bytes, size_t offset) {
  if (offset + kHeader > bytes.size()) return std::nullopt;
  const size_t length = LittleEndian(bytes.substr(offset + 4), 2);
  const Type type = static_cast<Type>(bytes[offset + 6]);
  if (type == kZero || offset % kBlock + kHeader + length > kBlock) return std::nullopt;
  if (offset + kHeader + length > bytes.size()) return std::nullopt;
  if (MaskedCrc32c(bytes.substr(offset + 6, 1 + length)) != LittleEndian(bytes.substr(offset), 4)) return std::nullopt;
  return Record{type, offset + kHeader + length};
}

// Where the next header may stand: the few last bytes of a block are padding.
size_t SkipPadding(size_t offset) {
  const size_t left = kBlock - offset % kBlock;
  return left < kHeader ? offset + left : offset;
}

bool OnlyZeros(std::string_view bytes) { return bytes.find_first_not_of('\0') == std::string_view::npos; }

// Whether a record begins at `offset` or behind it within the same block. Middle and last fragments do not count: they belong to
// the bad record, whose pages may have reached the disk in any order.
bool RecordBeginsInBlock(std::string_view bytes, size_t offset) {
  const size_t block_end = (offset / kBlock + 1) * kBlock;
  while (offset + kHeader <= block_end) {
    const std::optional<Record> record = RecordAt(bytes, offset);
    if (!record.has_value()) return false;
    if (record->type != kMiddle && record->type != kLast) return true;
    offset = record->end;
  }
  return false;
}

bool RecordBeginsAfter(std::string_view bytes, size_t bad) {
  // If only the payload is bad its length still leads to the next record of this block.
  if (bad + kHeader <= bytes.size()) {
    const size_t next = bad + kHeader + LittleEndian(bytes.substr(bad + 4), 2);
    if (next / kBlock == bad / kBlock && RecordBeginsInBlock(bytes, next)) return true;
  }
  for (size_t block = (bad / kBlock + 1) * kBlock; block < bytes.size(); block += kBlock) {
    if (RecordBeginsInBlock(bytes, block)) return true;
  }
  return false;
}

}  // namespace

LogState ClassifyLog(std::string_view bytes) {
  size_t offset = 0;
  bool inside = false;  // a record's first fragment was read, its last was not
  for (;;) {
    offset = SkipPadding(offset);
    if (offset >= bytes.size()) return inside ? LogState::kTorn : LogState::kWhole;
    const std::optional<Record> record = RecordAt(bytes, offset);
    if (!record.has_value()) break;
    if (record->type == kFirst) inside = true;
    if (record->type == kLast) inside = false;
    offset = record->end;
  }
  if (!inside && OnlyZeros(bytes.substr(offset))) return LogState::kWhole;
  return RecordBeginsAfter(bytes, offset) ? LogState::kCorrupt : LogState::kTorn;
}

bool OnlyTailIsTorn(const std::string& directory) {
  std::map<uint64_t, std::filesystem::path> logs;  // by number: the newest is the last
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    const std::string stem = entry.path().stem().string();
    if (entry.path().extension() != ".log" || stem.find_first_not_of("0123456789") != std::string::npos) continue;
    logs[std::stoull(stem)] = entry.path();
  }
  if (error || logs.empty()) return false;
  bool torn = false;
  for (const auto& [number, path] : logs) {
    std::ifstream file(path, std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    const LogState state = ClassifyLog(bytes);
    if (state == LogState::kCorrupt) return false;
    if (state == LogState::kTorn) {
      if (number != logs.rbegin()->first) return false;
      torn = true;
    }
  }
  return torn;
}

}  // namespace switchyard::store
