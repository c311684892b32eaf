#include "common/set_hash.h"

#include "common/check.h"

namespace switchyard {

SetHash& SetHash::Add(uint64_t allocation, uint32_t epoch, int phase, int64_t grant_mw) {
  SWITCHYARD_CHECK(count_ == 0 || allocation > last_) << "allocation " << allocation << " after " << last_;
  last_ = allocation;
  ++count_;
  hash_.Add(allocation).Add(epoch).Add(phase).Add(grant_mw);
  return *this;
}

uint64_t SetHash::Finish() const {
  // The count closes the hash, so that a prefix of a set never hashes like the set. Zero is kept for "no set".
  StableHash closed = hash_;
  const uint64_t value = closed.Add(count_).Finish();
  return value == 0 ? 1 : value;
}

}  // namespace switchyard
