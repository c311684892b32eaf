// What is durable. A Store keeps rows: whole entities under typed keys, the last writer wins. The batch is the unit: after a
// crash all rows of a committed batch are there, or, where Commit had not returned, all or none.
//
// Nothing above this interface knows which implementation it has. Opening one starts a term (see Term): it is durable before the
// open returns, so that it is durable before anything listens.
#ifndef SWITCHYARD_SCHEDULER_STORE_STORE_H_
#define SWITCHYARD_SCHEDULER_STORE_STORE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/units.h"
#include "scheduler/core/row.h"

namespace switchyard::store {

// The version of the rows that this program writes. It rises only when an older program would read new rows wrongly; a field that
// an older program may overlook needs no new version.
inline constexpr int kSchemaVersion = 1;

// A batch without rows may use a sequence without a commit. At most this many may pass between two commits (the engine sees to it),
// and a new term begins further than this after the last durable one, so that no sequence is ever given twice.
inline constexpr uint64_t kSequenceSlack = 4096;

// The reign that an open began.
struct Term {
  uint64_t incarnation = 0;     // of the store: new, and higher, for a new or a restored one, else as before; never 0
  uint64_t number = 0;          // rises with every open
  uint64_t first_sequence = 1;  // the first that may be given out; higher than any of an earlier term
  UtcTime not_before;           // no stamp of this term may be earlier: the latest of the terms before
  bool created = false;         // there was no store
  bool restored = false;        // the directory came out of a backup
  bool torn_tail = false;       // the last write before a crash was incomplete, hence never acknowledged, and was dropped
};

// Thread rule: one thread commits; everything else may be called from any thread at the same time.
class Store {
 public:
  virtual ~Store() = default;

  virtual const Term& term() const = 0;

  // Makes the rows durable in one atomic step. REQUIRES: sequence rises from call to call. The store owns schema, incarnation and
  // term of the meta row and keeps its own values for them. RESOURCE_EXHAUSTED: the disk is full; every other error: it failed or
  // lies. After an error it is unknown whether the batch is durable: the process has to end and to read the store again.
  virtual absl::Status Commit(uint64_t sequence, UtcTime utc, const std::vector<core::Row>& rows) = 0;

  // Every row but the accounts, by kind and then by key: what a core is rebuilt from.
  virtual absl::StatusOr<std::vector<core::Row>> LoadAll() = 0;

  // Up to `limit` rows of a kind in the order of their keys, from the first key >= `from_key` on: history by pages.
  virtual absl::StatusOr<std::vector<core::Row>> Scan(core::RowKind kind, const std::string& from_key, int limit) = 0;

  // Bytes that may still be written where the store lives.
  virtual absl::StatusOr<int64_t> FreeBytes() = 0;

  // Copies everything committed before the call into a new directory while commits go on. A store opened from the copy has a
  // new incarnation. ALREADY_EXISTS: the directory exists.
  virtual absl::Status Backup(const std::string& directory) = 0;
};

}  // namespace switchyard::store

#endif  // SWITCHYARD_SCHEDULER_STORE_STORE_H_
