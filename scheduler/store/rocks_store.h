// The embedded store: RocksDB in one directory, for one process.
//
//   <directory>/            RocksDB's files: one column family a row kind, "default" for the stamp of the last batch
//   <directory>/LIVE        the incarnation, in hex. No backup contains it: where it is missing or another, the store was restored
//   <directory>/BACKUP      only in a backup: when it was taken, for people
//   <directory>/BALLAST     space held back: on a disk found full it is given up, so that the scheduler starts and keeps leases
//                           alive while somebody makes room
//
// A commit is one WriteBatch with sync: appended to the write-ahead log and on the disk before it returns. Flushes and
// compactions run on threads of RocksDB and are given room enough (see the options) not to stall the writer.
#ifndef SWITCHYARD_SCHEDULER_STORE_ROCKS_STORE_H_
#define SWITCHYARD_SCHEDULER_STORE_ROCKS_STORE_H_

#include <iosfwd>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "scheduler/store/store.h"

namespace switchyard::store {

class RocksDatabase;  // RocksDB's handles, kept out of this header

struct RocksOptions {
  std::string directory;                      // made if missing, with rights for its owner alone
  int64_t ballast_bytes = 64 * 1024 * 1024;   // hours of a scheduler that takes no submissions; 0: none
};

class RocksStore : public Store {
 public:
  // Opens or creates the store and starts a term. FAILED_PRECONDITION: another process has it open, or a newer version wrote it.
  // DATA_LOSS: what was acknowledged cannot be read back. Each message says what to do.
  static absl::StatusOr<std::unique_ptr<RocksStore>> Open(const RocksOptions& options);

  ~RocksStore() override;
  RocksStore(const RocksStore&) = delete;
  RocksStore& operator=(const RocksStore&) = delete;

  const Term& term() const override;
  absl::Status Commit(uint64_t sequence, UtcTime utc, const std::vector<core::Row>& rows) override;
  absl::StatusOr<std::vector<core::Row>> LoadAll() override;
  absl::StatusOr<std::vector<core::Row>> Scan(core::RowKind kind, const std::string& from_key, int limit) override;
  absl::StatusOr<int64_t> FreeBytes() override;
  absl::Status Backup(const std::string& directory) override;

  // Rows that wait in memory to be written to table files, in bytes: what of the process's memory rises and falls with that.
  uint64_t BufferedBytes() const;

  // Before a clean stop: gives the ballast up if the disk is nearly full, so that what is in the queue can still be committed.
  void MakeRoomToStop();

 private:
  RocksStore(RocksOptions options, std::unique_ptr<RocksDatabase> database);
  absl::Status StartTerm();
  void KeepBallast();

  const RocksOptions options_;
  std::unique_ptr<RocksDatabase> database_;
  Term term_;
  uint64_t last_sequence_ = 0;
  bool failed_ = false;  // a commit failed: nothing may be written any more
};

// Writes every row of the store in `directory` as one line of JSON, by kind and then by key: {"kind", "key", "row"}. It only reads
// and starts no term. FAILED_PRECONDITION if a process has the store open: dump a backup of it then.
absl::Status DumpStore(const std::string& directory, std::ostream& out);

}  // namespace switchyard::store

#endif  // SWITCHYARD_SCHEDULER_STORE_ROCKS_STORE_H_
