// Were the hashes real? Recomputes every share of a pool's file: the double SHA-256 of its 80 bytes of header must be the hash that
// is claimed and must reach the difficulty that is claimed. The arithmetic is OpenSSL's.
#ifndef SWITCHYARD_TOOLS_REFEREE_SHARE_AUDIT_H_
#define SWITCHYARD_TOOLS_REFEREE_SHARE_AUDIT_H_

#include <cstdint>
#include <istream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace switchyard::tools::referee {

struct WorkerShares {
  int64_t shares = 0;
  double hashes = 0;        // expected: the difficulty of each share times 2^48 / 65535
  double difficulty_least = 0;
  int64_t first_utc_ms = 0, last_utc_ms = 0;
};

struct ShareAudit {
  std::map<std::string, WorkerShares> workers;  // valid shares only
  int64_t shares = 0;
  int64_t wrong_hash = 0;       // the header does not hash to what is claimed
  int64_t above_target = 0;     // it does, but is not hard enough
  int64_t repeated = 0;         // the same header twice
  int64_t unreadable_lines = 0;
  std::vector<std::string> complaints;  // the first few, for a person
};

// `hash` as displayed (most significant byte first) of a header; empty where it is not 80 bytes of hex.
std::string HashOfHeader(const std::string& header_hex);

// Whether a hash as displayed is at most 0xFFFF x 2^208 / difficulty, decided exactly. `difficulty` is decimal text.
bool ReachesDifficulty(const std::string& hash_hex, const std::string& difficulty);

// One JSON object a line: utc_ms, worker, header, hash, difficulty.
ShareAudit AuditShares(std::istream& lines);

}  // namespace switchyard::tools::referee

#endif  // SWITCHYARD_TOOLS_REFEREE_SHARE_AUDIT_H_
