#include "tools/referee/share_audit.h"

#include <fmt/format.h>
#include <openssl/bn.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

namespace switchyard::tools::referee {
namespace {

using BigNumber = std::unique_ptr<BIGNUM, decltype(&BN_free)>;

BigNumber FromHex(const std::string& hex) {
  BIGNUM* number = nullptr;
  if (BN_hex2bn(&number, hex.c_str()) != static_cast<int>(hex.size())) BN_zero(number);
  return BigNumber(number, BN_free);
}

std::optional<std::vector<uint8_t>> Bytes(const std::string& hex) {
  std::vector<uint8_t> bytes;
  if (hex.size() % 2 != 0) return std::nullopt;
  for (size_t i = 0; i < hex.size(); i += 2) {
    if (!isxdigit(static_cast<unsigned char>(hex[i])) || !isxdigit(static_cast<unsigned char>(hex[i + 1]))) return std::nullopt;
    bytes.push_back(static_cast<uint8_t>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

using Digest = std::array<uint8_t, 32>;

Digest Sha256(const uint8_t* data, size_t size) {
  Digest digest;
  unsigned int length = 0;
  EVP_Digest(data, size, digest.data(), &length, EVP_sha256(), nullptr);
  return digest;
}

// A difficulty as digits and the number of them behind the point: "0.0125" is 125 (with leading zeros) and 4.
std::optional<std::pair<std::string, int>> Decimal(const std::string& text) {
  const size_t point = text.find('.');
  std::string digits = text;
  if (point != std::string::npos) digits.erase(point, 1);
  if (digits.empty() || digits.find_first_not_of("0123456789") != std::string::npos) return std::nullopt;
  return std::make_pair(digits, point == std::string::npos ? 0 : static_cast<int>(text.size() - point - 1));
}

}  // namespace

std::string HashOfHeader(const std::string& header_hex) {
  const std::optional<std::vector<uint8_t>> header = Bytes(header_hex);
  if (!header.has_value() || header->size() != 80) return "";
  const Digest once = Sha256(header->data(), header->size());
  Digest twice = Sha256(once.data(), once.size());
  std::reverse(twice.begin(), twice.end());
  std::string hex;
  for (const uint8_t byte : twice) hex += fmt::format("{:02x}", byte);
  return hex;
}

bool ReachesDifficulty(const std::string& hash_hex, const std::string& difficulty) {
  const auto decimal = Decimal(difficulty);
  if (!decimal.has_value() || hash_hex.size() != 64 || !Bytes(hash_hex).has_value()) return false;
  // hash x digits <= 0xFFFF x 2^208 x 10^places, for hash <= 0xFFFF x 2^208 / (digits / 10^places).
  const std::unique_ptr<BN_CTX, decltype(&BN_CTX_free)> context(BN_CTX_new(), BN_CTX_free);
  const BigNumber hash = FromHex(hash_hex), limit = FromHex("FFFF");
  BIGNUM* raw = nullptr;
  BN_dec2bn(&raw, decimal->first.c_str());
  const BigNumber digits(raw, BN_free), product(BN_new(), BN_free);
  if (BN_is_zero(digits.get())) return false;
  BN_lshift(limit.get(), limit.get(), 208);
  for (int i = 0; i < decimal->second; ++i) BN_mul_word(limit.get(), 10);
  BN_mul(product.get(), hash.get(), digits.get(), context.get());
  return BN_cmp(product.get(), limit.get()) <= 0;
}

ShareAudit AuditShares(std::istream& lines) {
  constexpr size_t kComplaints = 10;
  ShareAudit audit;
  std::set<std::string> seen;
  std::string line;
  for (int64_t number = 1; std::getline(lines, line); ++number) {
    if (line.empty()) continue;
    const nlohmann::json share = nlohmann::json::parse(line, nullptr, false);
    const auto text = [&](const char* key) { return share.is_object() && share.contains(key) && share[key].is_string() ? share[key].get<std::string>() : ""; };
    const std::string worker = text("worker"), header = text("header"), hash = text("hash"), difficulty = text("difficulty");
    const auto complain = [&](int64_t* counter, const char* what) {
      ++*counter;
      if (audit.complaints.size() < kComplaints) audit.complaints.push_back(fmt::format("line {}: {}", number, what));
    };
    if (worker.empty() || header.empty() || !share.contains("utc_ms") || !share["utc_ms"].is_number_integer()) {
      complain(&audit.unreadable_lines, "not a share");
      continue;
    }
    ++audit.shares;
    if (const std::string truth = HashOfHeader(header); truth.empty() || truth != hash) {
      complain(&audit.wrong_hash, "the header does not hash to what is claimed");
    } else if (!ReachesDifficulty(hash, difficulty)) {
      complain(&audit.above_target, "the hash does not reach the claimed difficulty");
    } else if (!seen.insert(header).second) {
      complain(&audit.repeated, "the header was accepted before");
    } else {
      const double value = std::stod(difficulty);
      WorkerShares& sums = audit.workers[worker];
      const int64_t at = share["utc_ms"].get<int64_t>();
      if (sums.shares++ == 0) sums.first_utc_ms = at;
      sums.last_utc_ms = at;
      sums.hashes += value * std::ldexp(1.0, 48) / 65535;
      sums.difficulty_least = sums.difficulty_least == 0 ? value : std::min(sums.difficulty_least, value);
    }
  }
  return audit;
}

}  // namespace switchyard::tools::referee
