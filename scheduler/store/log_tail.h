// Tells a torn tail from a corrupt write-ahead log.
//
// A power cut may leave the last write half on the disk, in any order of its pages. That write was never acknowledged, and the
// scheduler must come up again by itself. A bad record in the middle of the log is another thing: batches that were acknowledged
// stand behind it, and to drop them silently would break what operators and breakers rely on. RocksDB can be told to be strict
// about both or lax about both; this tells them apart.
#ifndef SWITCHYARD_SCHEDULER_STORE_LOG_TAIL_H_
#define SWITCHYARD_SCHEDULER_STORE_LOG_TAIL_H_

#include <string>
#include <string_view>

namespace switchyard::store {

enum class LogState {
  kWhole,    // every record is good, up to the end or to the zeros of preallocated space
  kTorn,     // the last record is bad and no record begins after it
  kCorrupt,  // a record is bad and another begins after it
};

// Classifies the bytes of one write-ahead log: blocks of 32 KiB, each record with a masked CRC-32C, a length and a type.
LogState ClassifyLog(std::string_view bytes);

// Whether all that is wrong with the write-ahead logs of a store is a torn tail of the newest.
bool OnlyTailIsTorn(const std::string& directory);

}  // namespace switchyard::store

#endif  // SWITCHYARD_SCHEDULER_STORE_LOG_TAIL_H_
