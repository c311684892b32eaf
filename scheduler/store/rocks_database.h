// RocksDB as the embedded store uses it: its options, its tables, its errors in the project's words. For the .cc files of this
// folder alone; whoever wants a store includes rocks_store.h.
#ifndef SWITCHYARD_SCHEDULER_STORE_ROCKS_DATABASE_H_
#define SWITCHYARD_SCHEDULER_STORE_ROCKS_DATABASE_H_

#include <rocksdb/db.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "scheduler/core/row.h"

namespace switchyard::store {

std::vector<core::RowKind> AllKinds();

// OK, RESOURCE_EXHAUSTED for a full disk, FAILED_PRECONDITION for a held lock, DATA_LOSS for corruption, else INTERNAL. `what` is
// the deed that met the error: "opening", "committing batch 7".
absl::Status ToStatus(const rocksdb::Status& status, const std::string& directory, const std::string& what);

class RocksDatabase {
 public:
  // Opens or creates. The torn tail of the newest log, never acknowledged, is dropped; any other damage is DATA_LOSS. With
  // `spare_disk` the log is not rewritten into table files at once, which takes as much room again.
  static absl::StatusOr<std::unique_ptr<RocksDatabase>> Open(const std::string& directory, bool spare_disk);
  // For reading alone; leaves no trace in the directory. REQUIRES: no other process has it open.
  static absl::StatusOr<std::unique_ptr<RocksDatabase>> OpenReadOnly(const std::string& directory);
  ~RocksDatabase();

  rocksdb::DB& db() { return *db_; }
  rocksdb::ColumnFamilyHandle* table(core::RowKind kind) const { return handles_[1 + static_cast<size_t>(kind)]; }
  rocksdb::ColumnFamilyHandle* stamps() const { return handles_[0]; }
  bool torn_tail() const { return torn_tail_; }

  absl::StatusOr<std::optional<std::string>> Read(rocksdb::ColumnFamilyHandle* table, const std::string& key) const;

  // Appends rows of one table to `rows`, from the first key >= `from` on, at most `limit` (negative: all).
  absl::Status Collect(core::RowKind kind, const std::string& from, int limit, std::vector<core::Row>* rows) const;

 private:
  explicit RocksDatabase(std::string directory) : directory_(std::move(directory)) {}
  rocksdb::Status MergeSmallFiles();
  rocksdb::Status OpenWith(const rocksdb::DBOptions& options, bool read_only);

  const std::string directory_;
  std::unique_ptr<rocksdb::DB> db_;
  std::vector<rocksdb::ColumnFamilyHandle*> handles_;  // default, the kinds in order, then tables unknown to this program
  bool torn_tail_ = false;
};

}  // namespace switchyard::store

#endif  // SWITCHYARD_SCHEDULER_STORE_ROCKS_DATABASE_H_
