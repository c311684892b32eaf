// Hex as Stratum writes it: lower case, two digits a byte, no prefix.
#ifndef SWITCHYARD_AGENT_MINING_HEX_H_
#define SWITCHYARD_AGENT_MINING_HEX_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace switchyard::agent::mining {

std::string ToHex(std::span<const uint8_t> bytes);

// Either case is read. INVALID_ARGUMENT for an odd length or another character.
absl::StatusOr<std::vector<uint8_t>> ParseHex(std::string_view text);

// A number of exactly eight digits, most significant first: version, nbits, ntime, nonce.
absl::StatusOr<uint32_t> ParseHex32(std::string_view text);
std::string ToHex32(uint32_t value);

}  // namespace switchyard::agent::mining

#endif  // SWITCHYARD_AGENT_MINING_HEX_H_
