// The hash by which scheduler and agent notice that they hold different sets of a node (docs/protocol.md, "Session").
// Pure, and of plain numbers, so that both ends compute it from their own types.
#ifndef SWITCHYARD_COMMON_SET_HASH_H_
#define SWITCHYARD_COMMON_SET_HASH_H_

#include <cstdint>

#include "common/stable_hash.h"

namespace switchyard {

// Hash over (allocation, epoch, phase, grant) of every allocation of a set. The empty set has a hash too, and it is not
// 0.
class SetHash {
 public:
  // REQUIRES: allocations are added in strictly ascending order, else two ends that hold the same set could disagree.
  SetHash& Add(uint64_t allocation, uint32_t epoch, int phase, int64_t grant_mw);
  uint64_t Finish() const;

 private:
  StableHash hash_;
  uint64_t last_ = 0;
  uint64_t count_ = 0;
};

}  // namespace switchyard

#endif  // SWITCHYARD_COMMON_SET_HASH_H_
