#include "agent/mining/hex.h"

#include <fmt/format.h>

namespace switchyard::agent::mining {
namespace {

int DigitValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

absl::Status NotHex(std::string_view text, std::string_view allowed) {
  return absl::InvalidArgumentError(fmt::format("hex \"{}\": has {} characters, {} are allowed; send hex digits",
                                                text.substr(0, 80), text.size(), allowed));
}

}  // namespace

std::string ToHex(std::span<const uint8_t> bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const uint8_t byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

absl::StatusOr<std::vector<uint8_t>> ParseHex(std::string_view text) {
  if (text.size() % 2 != 0) return NotHex(text, "an even number");
  std::vector<uint8_t> bytes(text.size() / 2);
  for (size_t i = 0; i < bytes.size(); ++i) {
    const int high = DigitValue(text[2 * i]), low = DigitValue(text[2 * i + 1]);
    if (high < 0 || low < 0) return NotHex(text, "only 0-9 and a-f");
    bytes[i] = static_cast<uint8_t>(high << 4 | low);
  }
  return bytes;
}

absl::StatusOr<uint32_t> ParseHex32(std::string_view text) {
  if (text.size() != 8) return NotHex(text, "exactly 8");
  auto bytes = ParseHex(text);
  if (!bytes.ok()) return bytes.status();
  return uint32_t{(*bytes)[0]} << 24 | uint32_t{(*bytes)[1]} << 16 | uint32_t{(*bytes)[2]} << 8 | uint32_t{(*bytes)[3]};
}

std::string ToHex32(uint32_t value) { return fmt::format("{:08x}", value); }

}  // namespace switchyard::agent::mining
