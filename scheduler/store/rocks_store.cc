#include "scheduler/store/rocks_store.h"

#include <fcntl.h>
#include <rocksdb/utilities/checkpoint.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>
#include <ostream>
#include <utility>

#include "common/check.h"
#include "common/faults/failpoint.h"
#include "common/platform/files.h"
#include "fmt/format.h"
#include "scheduler/store/rocks_database.h"
#include "scheduler/store/row_text.h"
#include "switchyard/store/v1/rows.pb.h"

namespace switchyard::store {
namespace {

using core::Row;
using core::RowKind;

constexpr char kMetaKey[] = "meta";
constexpr char kStampKey[] = "stamp";  // in the default column family: sequence and utc of the last batch, 8 bytes each
constexpr char kLiveFile[] = "/LIVE";
constexpr char kBackupFile[] = "/BACKUP";
constexpr char kBallastFile[] = "/BALLAST";
constexpr int64_t kSpareBelow = int64_t{1} << 30;  // a recovery may rewrite up to 256 MiB of log; this is room enough and more

// Agents refuse a lower incarnation than the highest they have followed, so a new one is above every earlier one: above the one in
// the store, and, for stores that were lost or restored twice from one backup, later in civil time. The low bits are random, so
// that two stores made within one millisecond differ.
uint64_t NewIncarnation(uint64_t previous) {
  constexpr int kRandomBits = 20;
  uint64_t random = 0;
  SWITCHYARD_CHECK(::getrandom(&random, sizeof(random), 0) == sizeof(random)) << std::strerror(errno);
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto milliseconds = static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
  return std::max(previous + 1, (milliseconds << kRandomBits) | (random >> (64 - kRandomBits)));
}

std::string LiveText(uint64_t incarnation) { return fmt::format("{:016x}\n", incarnation); }

std::string StampText(uint64_t sequence, UtcTime utc) {
  return core::NumberKey(sequence) + core::NumberKey(static_cast<uint64_t>(utc.milliseconds()));
}

uint64_t NumberAt(const std::string& bytes, size_t offset) {
  uint64_t number = 0;
  for (size_t i = 0; i < 8; ++i) number = number << 8 | static_cast<unsigned char>(bytes[offset + i]);
  return number;
}

rocksdb::WriteOptions Synced() {
  rocksdb::WriteOptions options;
  options.sync = true;
  return options;
}

void GiveBallastIfFull(const RocksOptions& options) {
  const absl::StatusOr<int64_t> free = platform::FreeBytes(options.directory);
  if (free.ok() && *free < options.ballast_bytes) ::unlink((options.directory + kBallastFile).c_str());
}

}  // namespace

RocksStore::RocksStore(RocksOptions options, std::unique_ptr<RocksDatabase> database)
    : options_(std::move(options)), database_(std::move(database)) {}

RocksStore::~RocksStore() {
  // After a failed write RocksDB can only be left: to close it would flush what is not to be relied on, and ends in its own
  // assertions. The process is about to end, and with it the lock.
  if (failed_) database_.release();
}

absl::StatusOr<std::unique_ptr<RocksStore>> RocksStore::Open(const RocksOptions& options) {
  if (!platform::FileExists(options.directory)) {
    if (absl::Status made = platform::MakeDirectories(options.directory, 0700); !made.ok()) return made;
  }
  const absl::StatusOr<int64_t> free = platform::FreeBytes(options.directory);
  const bool spare_disk = free.ok() && *free < kSpareBelow;
  GiveBallastIfFull(options);
  absl::StatusOr<std::unique_ptr<RocksDatabase>> database = RocksDatabase::Open(options.directory, spare_disk);
  if (!database.ok()) return database.status();
  std::unique_ptr<RocksStore> store(new RocksStore(options, *std::move(database)));
  if (absl::Status started = store->StartTerm(); !started.ok()) return started;
  store->KeepBallast();
  return store;
}

absl::Status RocksStore::StartTerm() {
  const std::string& directory = options_.directory;
  const auto meta_bytes = database_->Read(database_->table(RowKind::kMeta), kMetaKey);
  if (!meta_bytes.ok()) return meta_bytes.status();
  const auto stamp = database_->Read(database_->stamps(), kStampKey);
  if (!stamp.ok()) return stamp.status();

  v1::MetaRow meta;
  const bool stamp_fits = !stamp->has_value() || (*stamp)->size() == 16;
  if (!stamp_fits || (meta_bytes->has_value() && !meta.ParseFromString(**meta_bytes))) {
    return absl::DataLossError(fmt::format("store \"{}\": its meta row cannot be read; restore the newest backup", directory));
  }
  if (meta.schema_version() > kSchemaVersion) {
    return absl::FailedPreconditionError(
        fmt::format("store \"{}\": written with schema {}, this program knows schemas up to {}; start the version that wrote it, "
                    "or restore a backup from before the upgrade",
                    directory, meta.schema_version(), kSchemaVersion));
  }
  if (stamp->has_value()) {
    last_sequence_ = NumberAt(**stamp, 0);
    term_.first_sequence = last_sequence_ + kSequenceSlack + 1;
    term_.not_before = UtcTime(static_cast<int64_t>(NumberAt(**stamp, 8)));
  }
  const absl::StatusOr<std::string> live = platform::ReadFile(directory + kLiveFile);
  term_.created = !meta_bytes->has_value();
  term_.restored = !term_.created && (!live.ok() || *live != LiveText(meta.store_incarnation()));
  term_.torn_tail = database_->torn_tail();
  term_.incarnation = term_.created || term_.restored ? NewIncarnation(meta.store_incarnation()) : meta.store_incarnation();
  term_.number = meta.term() + 1;

  meta.set_schema_version(kSchemaVersion);
  meta.set_store_incarnation(term_.incarnation);
  meta.set_term(term_.number);
  SWITCHYARD_FAILPOINT("term.before");
  const rocksdb::Status written =
      database_->db().Put(Synced(), database_->table(RowKind::kMeta), kMetaKey, meta.SerializeAsString());
  if (!written.ok()) return ToStatus(written, directory, "starting a term");

  // The row first, then the mark: a crash between the two costs one more incarnation, the other order would keep an old one.
  if (term_.created || term_.restored) {
    absl::Status marked = platform::WriteFileAtomically(directory + kLiveFile, LiveText(term_.incarnation), 0600);
    if (!marked.ok()) return marked;
    ::unlink((directory + kBackupFile).c_str());
  }
  SWITCHYARD_FAILPOINT("term.after");
  return absl::OkStatus();
}

// Best effort: a store works without it as long as the disk never fills up.
void RocksStore::KeepBallast() {
  if (options_.ballast_bytes <= 0) return;
  const absl::StatusOr<int64_t> free = FreeBytes();
  if (!free.ok() || *free < 4 * options_.ballast_bytes) return;
  const std::string path = options_.directory + kBallastFile;
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) return;
  if (::posix_fallocate(file, 0, options_.ballast_bytes) != 0) ::unlink(path.c_str());
  ::close(file);
}

void RocksStore::MakeRoomToStop() { GiveBallastIfFull(options_); }

const Term& RocksStore::term() const { return term_; }

absl::Status RocksStore::Commit(uint64_t sequence, UtcTime utc, const std::vector<Row>& rows) {
  SWITCHYARD_CHECK(sequence > last_sequence_) << "sequence " << sequence << " after " << last_sequence_;
  rocksdb::WriteBatch batch;
  batch.Put(database_->stamps(), kStampKey, StampText(sequence, utc));
  for (const Row& row : rows) {
    rocksdb::ColumnFamilyHandle* const table = database_->table(row.kind);
    if (row.kind == RowKind::kMeta && row.key == kMetaKey) {
      v1::MetaRow meta;
      SWITCHYARD_CHECK(row.value.has_value() && meta.ParseFromString(*row.value)) << "the meta row must be a MetaRow";
      meta.set_schema_version(kSchemaVersion);
      meta.set_store_incarnation(term_.incarnation);
      meta.set_term(term_.number);
      batch.Put(table, row.key, meta.SerializeAsString());
    } else if (row.value.has_value()) {
      batch.Put(table, row.key, *row.value);
    } else {
      batch.Delete(table, row.key);
    }
  }
  SWITCHYARD_FAILPOINT_IF("store.before_write", !rows.empty());
  const rocksdb::Status status = database_->db().Write(Synced(), &batch);
  SWITCHYARD_FAILPOINT_IF("store.after_write", !rows.empty());
  if (!status.ok()) {
    failed_ = true;
    return ToStatus(status, options_.directory, fmt::format("committing batch {}", sequence));
  }
  last_sequence_ = sequence;
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Row>> RocksStore::LoadAll() {
  std::vector<Row> rows;
  for (const RowKind kind : AllKinds()) {
    if (kind == RowKind::kAccount) continue;  // they only grow, and no start needs them: Scan reads them
    if (absl::Status read = database_->Collect(kind, "", -1, &rows); !read.ok()) return read;
  }
  return rows;
}

absl::StatusOr<std::vector<Row>> RocksStore::Scan(RowKind kind, const std::string& from_key, int limit) {
  std::vector<Row> rows;
  if (absl::Status read = database_->Collect(kind, from_key, std::max(limit, 0), &rows); !read.ok()) return read;
  return rows;
}

uint64_t RocksStore::BufferedBytes() const {
  uint64_t bytes = 0;
  database_->db().GetAggregatedIntProperty(rocksdb::DB::Properties::kSizeAllMemTables, &bytes);
  return bytes;
}

absl::StatusOr<int64_t> RocksStore::FreeBytes() { return platform::FreeBytes(options_.directory); }

absl::Status RocksStore::Backup(const std::string& directory) {
  if (platform::FileExists(directory)) {
    return absl::AlreadyExistsError(
        fmt::format("backup \"{}\": it exists, a backup makes its directory itself; name a new one", directory));
  }
  rocksdb::Checkpoint* made = nullptr;
  rocksdb::Status status = rocksdb::Checkpoint::Create(&database_->db(), &made);
  const std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
  if (status.ok()) status = checkpoint->CreateCheckpoint(directory);
  if (!status.ok()) return ToStatus(status, options_.directory, fmt::format("backing up to \"{}\"", directory));
  const std::string text =
      fmt::format("A backup of {} (incarnation {:016x}, term {}). To restore it, copy this directory to where the store was and "
                  "start switchyardd.\n",
                  options_.directory, term_.incarnation, term_.number);
  return platform::WriteFileAtomically(directory + kBackupFile, text, 0600);
}

absl::Status DumpStore(const std::string& directory, std::ostream& out) {
  if (!platform::FileExists(directory + "/CURRENT")) {
    return absl::NotFoundError(
        fmt::format("store \"{}\": there is none in this directory; name the --store of a switchyardd", directory));
  }
  // RocksDB's lock is a POSIX lock on LOCK; reading beside a writer would see its files vanish.
  const int file = ::open((directory + "/LOCK").c_str(), O_RDWR | O_CLOEXEC);
  if (file >= 0) {
    struct flock lock = {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    const bool held = ::fcntl(file, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
    ::close(file);
    if (held) {
      return absl::FailedPreconditionError(
          fmt::format("store \"{}\": process {} has it open; back it up and dump the backup", directory, lock.l_pid));
    }
  }
  absl::StatusOr<std::unique_ptr<RocksDatabase>> database = RocksDatabase::OpenReadOnly(directory);
  if (!database.ok()) return database.status();
  constexpr int kPage = 1000;  // rows in memory at a time: a dump of a large store must not need its size
  for (const RowKind kind : AllKinds()) {
    std::string from;
    for (;;) {
      std::vector<Row> rows;
      if (absl::Status read = (*database)->Collect(kind, from, kPage, &rows); !read.ok()) return read;
      for (const Row& row : rows) {
        const absl::StatusOr<std::string> line = RowToJson(row);
        if (!line.ok()) return line.status();
        out << *line << '\n';
      }
      if (rows.size() < static_cast<size_t>(kPage)) break;
      from = rows.back().key + '\0';
    }
  }
  return out.good() ? absl::OkStatus() : absl::InternalError("dump: writing its lines failed; see whether the disk is full");
}

}  // namespace switchyard::store
