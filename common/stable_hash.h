// A 64-bit hash that is the same in every process, build and machine (absl::Hash is salted per process): for state
// digests, set hashes on the wire and request bodies behind an idempotency key. Not for adversaries and not for hash
// tables.
#ifndef SWITCHYARD_COMMON_STABLE_HASH_H_
#define SWITCHYARD_COMMON_STABLE_HASH_H_

#include <cstdint>
#include <string_view>

namespace switchyard {

// Changing a constant or the order of mixing changes every recorded digest: it needs a new version in the record's
// header.
class StableHash {
 public:
  StableHash& Add(uint64_t value) {
    state_ ^= Mix(value + 0x9e3779b97f4a7c15ULL);
    state_ = (state_ << 27 | state_ >> 37) * 0x3c79ac492ba7b653ULL + 0x1c69b3f74ac4ae35ULL;
    return *this;
  }
  StableHash& Add(int64_t value) { return Add(static_cast<uint64_t>(value)); }
  StableHash& Add(int value) { return Add(static_cast<uint64_t>(static_cast<int64_t>(value))); }
  StableHash& Add(uint32_t value) { return Add(static_cast<uint64_t>(value)); }
  StableHash& Add(bool value) { return Add(static_cast<uint64_t>(value)); }
  StableHash& Add(std::string_view bytes) {
    Add(static_cast<uint64_t>(bytes.size()));
    uint64_t word = 0;
    int filled = 0;
    for (const char byte : bytes) {
      word |= static_cast<uint64_t>(static_cast<unsigned char>(byte)) << (8 * filled);
      if (++filled == 8) {
        Add(word);
        word = 0;
        filled = 0;
      }
    }
    if (filled > 0) Add(word);
    return *this;
  }
  uint64_t Finish() const { return Mix(state_); }

 private:
  static uint64_t Mix(uint64_t x) {
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9ULL;
    x ^= x >> 27;
    x *= 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
  }
  uint64_t state_ = 0x51afd7ed558ccd1bULL;
};

}  // namespace switchyard

#endif  // SWITCHYARD_COMMON_STABLE_HASH_H_
