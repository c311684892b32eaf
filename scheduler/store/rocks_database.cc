#include "scheduler/store/rocks_database.h"

#include <algorithm>
#include <utility>

#include "fmt/format.h"
#include "scheduler/store/log_tail.h"
#include "scheduler/store/row_text.h"

namespace switchyard::store {
namespace {

using core::RowKind;

rocksdb::DBOptions DatabaseOptions() {
  rocksdb::DBOptions options;
  options.create_if_missing = true;
  options.create_missing_column_families = true;
  options.paranoid_checks = true;
  options.track_and_verify_wals_in_manifest = true;  // a missing log is an error, not a gap
  options.max_bgerror_resume_count = 0;              // a failed write ends the process: no retries behind its back
  options.IncreaseParallelism(2);
  options.max_total_wal_size = 256 << 20;  // bounds the disk that logs take and what a recovery has to read
  options.db_write_buffer_size = 256 << 20;
  options.bytes_per_sync = 1 << 20;  // background files reach the disk evenly, beside the writer's syncs
  options.avoid_unnecessary_blocking_io = true;
  options.keep_log_file_num = 4;  // RocksDB's own diary: four files of 4 MiB at most
  options.max_log_file_size = 4 << 20;
  options.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  return options;
}

// A table with more files than this whose average is below kSmallFile is rewritten at a start. It costs what reading
// them costs, and comes once in so many starts.
constexpr size_t kSmallFilesKept = 24;
constexpr uint64_t kSmallFile = 1 << 20;

// Room before a write is slowed: four memtables and 40 young files a table are far above what two background threads
// leave behind at the engine's rates, so that a stall means a disk that is really too slow.
rocksdb::ColumnFamilyOptions TableOptions(const std::string& name) {
  rocksdb::ColumnFamilyOptions options;
  const bool busy =
      name == KindName(RowKind::kJob) || name == KindName(RowKind::kAllocation) || name == KindName(RowKind::kEvent);
  options.write_buffer_size = busy ? 32 << 20 : 8 << 20;
  options.max_write_buffer_number = 4;
  options.level0_slowdown_writes_trigger = 40;
  options.level0_stop_writes_trigger = 60;
  options.level_compaction_dynamic_level_bytes = true;
  return options;
}

// All tables that this program knows, and, in an existing store, those that it does not: RocksDB opens all or nothing,
// and a newer store is refused by its schema version, with a better message.
std::vector<rocksdb::ColumnFamilyDescriptor> Tables(const std::string& directory) {
  std::vector<std::string> names = {rocksdb::kDefaultColumnFamilyName};
  for (const RowKind kind : AllKinds()) names.push_back(KindName(kind));
  std::vector<std::string> existing;
  if (rocksdb::DB::ListColumnFamilies(DatabaseOptions(), directory, &existing).ok()) {
    for (const std::string& name : existing) {
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
  }
  std::vector<rocksdb::ColumnFamilyDescriptor> tables;
  for (const std::string& name : names) tables.emplace_back(name, TableOptions(name));
  return tables;
}

}  // namespace

std::vector<RowKind> AllKinds() {
  std::vector<RowKind> kinds;
  for (int kind = 0; kind < core::kRowKinds; ++kind) kinds.push_back(static_cast<RowKind>(kind));
  return kinds;
}

absl::Status ToStatus(const rocksdb::Status& status, const std::string& directory, const std::string& what) {
  if (status.ok()) return absl::OkStatus();
  const std::string detail = status.ToString();
  if (status.IsNoSpace() || status.subcode() == rocksdb::Status::kNoSpace) {
    return absl::ResourceExhaustedError(fmt::format(
        "store \"{}\": {} found the disk full ({}); free space there and start again", directory, what, detail));
  }
  if (status.IsIOError() && detail.find("LOCK") != std::string::npos) {
    return absl::FailedPreconditionError(fmt::format(
        "store \"{}\": it is open already, one program at a time may have it; stop the other switchyardd, or give "
        "this one a --store of its own ({})",
        directory, detail));
  }
  if (status.IsCorruption()) {
    return absl::DataLossError(
        fmt::format("store \"{}\": {} found what was acknowledged unreadable ({}); keep the directory for "
                    "inspection and restore the newest backup",
                    directory, what, detail));
  }
  return absl::InternalError(fmt::format("store \"{}\": {} failed ({})", directory, what, detail));
}

absl::StatusOr<std::unique_ptr<RocksDatabase>> RocksDatabase::Open(const std::string& directory, bool spare_disk) {
  std::unique_ptr<RocksDatabase> database(new RocksDatabase(directory));
  rocksdb::DBOptions options = DatabaseOptions();
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  options.avoid_flush_during_recovery = spare_disk;
  rocksdb::Status status = database->OpenWith(options, false);
  if (status.IsCorruption() && OnlyTailIsTorn(directory)) {
    database->torn_tail_ = true;
    options.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
    options.avoid_flush_during_recovery =
        false;  // the torn log has to go, or it would look corrupt once it is not the newest
    status = database->OpenWith(options, false);
  }
  if (status.ok() && !spare_disk) status = database->MergeSmallFiles();
  if (!status.ok()) return ToStatus(status, directory, "opening");
  return database;
}

// Each start leaves a file a table that was written since the start before. New keys rise, so that these files do not
// overlap, and RocksDB never finds a reason to merge them.
rocksdb::Status RocksDatabase::MergeSmallFiles() {
  std::vector<rocksdb::LiveFileMetaData> files;
  db_->GetLiveFilesMetaData(&files);
  for (rocksdb::ColumnFamilyHandle* const table : handles_) {
    size_t count = 0;
    uint64_t bytes = 0;
    for (const rocksdb::LiveFileMetaData& file : files) {
      if (file.column_family_name != table->GetName()) continue;
      ++count;
      bytes += file.size;
    }
    if (count <= kSmallFilesKept || bytes / count >= kSmallFile) continue;
    rocksdb::CompactRangeOptions options;
    options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
    if (rocksdb::Status merged = db_->CompactRange(options, table, nullptr, nullptr); !merged.ok()) return merged;
  }
  return rocksdb::Status::OK();
}

absl::StatusOr<std::unique_ptr<RocksDatabase>> RocksDatabase::OpenReadOnly(const std::string& directory) {
  std::unique_ptr<RocksDatabase> database(new RocksDatabase(directory));
  rocksdb::DBOptions options = DatabaseOptions();
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  const rocksdb::Status status = database->OpenWith(options, true);
  if (!status.ok()) return ToStatus(status, directory, "opening");
  return database;
}

RocksDatabase::~RocksDatabase() {
  for (rocksdb::ColumnFamilyHandle* const handle : handles_) db_->DestroyColumnFamilyHandle(handle);
}

rocksdb::Status RocksDatabase::OpenWith(const rocksdb::DBOptions& options, bool read_only) {
  handles_.clear();
  rocksdb::DB* opened = nullptr;
  const rocksdb::Status status =
      read_only ? rocksdb::DB::OpenForReadOnly(options, directory_, Tables(directory_), &handles_, &opened)
                : rocksdb::DB::Open(options, directory_, Tables(directory_), &handles_, &opened);
  db_.reset(opened);
  if (!status.ok()) handles_.clear();
  return status;
}

absl::StatusOr<std::optional<std::string>> RocksDatabase::Read(rocksdb::ColumnFamilyHandle* table,
                                                               const std::string& key) const {
  std::string found;
  const rocksdb::Status status = db_->Get(rocksdb::ReadOptions(), table, key, &found);
  if (status.IsNotFound()) return std::optional<std::string>();
  if (!status.ok()) return ToStatus(status, directory_, "reading");
  return std::optional<std::string>(std::move(found));
}

absl::Status RocksDatabase::Collect(RowKind kind, const std::string& from, int limit,
                                    std::vector<core::Row>* rows) const {
  rocksdb::ReadOptions options;
  options.readahead_size = 2 << 20;
  options.fill_cache = false;  // what a scan reads is read once
  const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(options, table(kind)));
  for (it->Seek(from); it->Valid() && limit != 0; it->Next(), --limit) {
    rows->push_back({kind, it->key().ToString(), it->value().ToString()});
  }
  return ToStatus(it->status(), directory_, fmt::format("reading table {}", KindName(kind)));
}

}  // namespace switchyard::store
