#include "scheduler/store/rocks_store.h"

#include <gmock/gmock.h>
#include <rocksdb/db.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <sstream>

#include "tests/scheduler/store/store_fixture.h"

namespace switchyard::store {
namespace {

using core::NumberKey;
using core::RowKind;
using testing::HasSubstr;

using RocksStoreTest = StoreFixture;

TEST_F(RocksStoreTest, WhatWasCommittedIsThereAfterAReopen) {
  {
    const auto store = OpenOrDie(Directory());
    ASSERT_TRUE(store->Commit(1, UtcTime(1000), {JobRow(1, "a"), JobRow(2, "b")}).ok());
    ASSERT_TRUE(store->Commit(2, UtcTime(2000), {JobRow(2, "b2"), {RowKind::kNode, "site/n1", "x"}}).ok());
  }
  const auto store = OpenOrDie(Directory());
  const auto contents = Contents(*store);
  EXPECT_EQ(contents.size(), 3u);
  EXPECT_EQ(contents.at({static_cast<int>(RowKind::kJob), NumberKey(2)}), *JobRow(2, "b2").value);
  EXPECT_EQ(contents.at({static_cast<int>(RowKind::kNode), "site/n1"}), "x");
}

TEST_F(RocksStoreTest, ADeletedRowStaysDeleted) {
  {
    const auto store = OpenOrDie(Directory());
    ASSERT_TRUE(store->Commit(1, UtcTime(0), {JobRow(1, "a"), JobRow(2, "b"), {RowKind::kEvent, NumberKey(1), "e"}}).ok());
    ASSERT_TRUE(store->Commit(2, UtcTime(0), {Deleted(RowKind::kJob, NumberKey(1)), Deleted(RowKind::kEvent, NumberKey(1))}).ok());
  }
  const auto store = OpenOrDie(Directory());
  const auto contents = Contents(*store);
  EXPECT_EQ(contents.size(), 1u);
  EXPECT_EQ(contents.count({static_cast<int>(RowKind::kJob), NumberKey(2)}), 1u);
}

TEST_F(RocksStoreTest, ScanPagesThroughAKindInTheOrderOfAge) {
  const auto store = OpenOrDie(Directory());
  std::vector<core::Row> rows;
  for (uint64_t id : {300, 2, 256, 1}) rows.push_back(JobRow(id, "j"));
  ASSERT_TRUE(store->Commit(1, UtcTime(0), rows).ok());
  const auto first = store->Scan(RowKind::kJob, "", 3);
  ASSERT_TRUE(first.ok());
  ASSERT_EQ(first->size(), 3u);
  EXPECT_EQ(first->at(0).key, NumberKey(1));
  EXPECT_EQ(first->at(2).key, NumberKey(256));
  const auto rest = store->Scan(RowKind::kJob, NumberKey(257), 3);
  ASSERT_EQ(rest->size(), 1u);
  EXPECT_EQ(rest->at(0).key, NumberKey(300));
}

TEST_F(RocksStoreTest, EveryOpenIsANewTermAndSequencesAndTimesRiseOverTerms) {
  uint64_t incarnation = 0;
  {
    const auto store = OpenOrDie(Directory());
    EXPECT_TRUE(store->term().created);
    EXPECT_FALSE(store->term().restored);
    EXPECT_EQ(store->term().number, 1u);
    EXPECT_EQ(store->term().first_sequence, 1u);
    incarnation = store->term().incarnation;
    EXPECT_NE(incarnation, 0u);
    ASSERT_TRUE(store->Commit(7, UtcTime(5000), {JobRow(1, "a")}).ok());
  }
  const auto store = OpenOrDie(Directory());
  EXPECT_FALSE(store->term().created);
  EXPECT_FALSE(store->term().restored);
  EXPECT_EQ(store->term().number, 2u);
  EXPECT_EQ(store->term().incarnation, incarnation);
  EXPECT_GT(store->term().first_sequence, 7u + kSequenceSlack);
  EXPECT_EQ(store->term().not_before, UtcTime(5000));
}

TEST_F(RocksStoreTest, TheStoreKeepsItsOwnTermWhateverAMetaRowSays) {
  {
    const auto store = OpenOrDie(Directory());
    v1::MetaRow meta;
    meta.set_term(99);
    meta.set_schema_version(99);
    meta.set_next_job(12);
    ASSERT_TRUE(store->Commit(1, UtcTime(0), {{RowKind::kMeta, "meta", meta.SerializeAsString()}}).ok());
    EXPECT_EQ(Meta(*store).term(), 1u);
  }
  const auto store = OpenOrDie(Directory());
  EXPECT_EQ(Meta(*store).term(), 2u);
  EXPECT_EQ(Meta(*store).next_job(), 12u);
  EXPECT_EQ(Meta(*store).schema_version(), kSchemaVersion);
  EXPECT_EQ(Meta(*store).store_incarnation(), store->term().incarnation);
}

TEST_F(RocksStoreTest, ASecondOpenerIsRefusedByName) {
  const auto store = OpenOrDie(Directory());
  const auto second = RocksStore::Open({.directory = Directory()});
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(second.status().message()), HasSubstr(Directory()));
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("is open already"));
}

TEST_F(RocksStoreTest, ANewerSchemaIsRefusedAndLeftAsItWas) {
  OpenOrDie(Directory());
  {
    rocksdb::DB* db = nullptr;
    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    std::vector<std::string> names;
    ASSERT_TRUE(rocksdb::DB::ListColumnFamilies(rocksdb::DBOptions(), Directory(), &names).ok());
    std::vector<rocksdb::ColumnFamilyDescriptor> tables;
    for (const std::string& name : names) tables.emplace_back(name, rocksdb::ColumnFamilyOptions());
    ASSERT_TRUE(rocksdb::DB::Open(rocksdb::DBOptions(), Directory(), tables, &handles, &db).ok());
    v1::MetaRow meta;
    meta.set_schema_version(kSchemaVersion + 1);
    meta.set_term(41);
    for (rocksdb::ColumnFamilyHandle* handle : handles) {
      if (handle->GetName() == "meta") {
        ASSERT_TRUE(db->Put(rocksdb::WriteOptions(), handle, "meta", meta.SerializeAsString()).ok());
      }
    }
    rocksdb::ColumnFamilyHandle* added = nullptr;  // a table that this version has never heard of
    ASSERT_TRUE(db->CreateColumnFamily(rocksdb::ColumnFamilyOptions(), "reservation", &added).ok());
    handles.push_back(added);
    for (rocksdb::ColumnFamilyHandle* handle : handles) db->DestroyColumnFamilyHandle(handle);
    delete db;
  }
  const auto refused = RocksStore::Open({.directory = Directory()});
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("schema 2, this program knows schemas up to 1"));
  std::ostringstream lines;
  ASSERT_TRUE(DumpStore(Directory(), lines).ok());
  EXPECT_THAT(lines.str(), HasSubstr("\"term\":\"41\""));
}

// Run in a process of its own by the test below: commits batches of two rows that must agree and tells of each, until killed.
TEST(RocksStoreWriter, DISABLED_CommitsUntilKilled) {
  const char* const directory = std::getenv("SWITCHYARD_TEST_STORE");
  ASSERT_NE(directory, nullptr);
  auto store = RocksStore::Open({.directory = directory, .ballast_bytes = 0});
  ASSERT_TRUE(store.ok()) << store.status();
  const int told = std::atoi(std::getenv("SWITCHYARD_TEST_PIPE"));
  for (uint64_t n = 1;; ++n) {
    const std::string text = std::to_string(n) + std::string(2000, '.');
    ASSERT_TRUE((*store)->Commit(n, UtcTime(0), {{RowKind::kNode, "left", text}, {RowKind::kTenant, "right", text}}).ok());
    ASSERT_EQ(::write(told, &n, sizeof(n)), 8);
  }
}

TEST_F(RocksStoreTest, AKilledWriterLosesNothingAcknowledgedAndTearsNoBatch) {
  int pipe_ends[2];
  ASSERT_EQ(::pipe(pipe_ends), 0);
  ::setenv("SWITCHYARD_TEST_STORE", Directory().c_str(), 1);
  ::setenv("SWITCHYARD_TEST_PIPE", std::to_string(pipe_ends[1]).c_str(), 1);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::execl("/proc/self/exe", "writer", "--gtest_filter=RocksStoreWriter.*", "--gtest_also_run_disabled_tests", nullptr);
    ::_exit(127);
  }
  ::close(pipe_ends[1]);
  uint64_t acknowledged = 0;
  while (acknowledged < 200) ASSERT_EQ(::read(pipe_ends[0], &acknowledged, sizeof(acknowledged)), 8);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  for (uint64_t n = 0; ::read(pipe_ends[0], &n, sizeof(n)) == sizeof(n);) acknowledged = n;
  ::close(pipe_ends[0]);

  const auto store = OpenOrDie(Directory());
  const auto contents = Contents(*store);
  const std::string left = contents.at({static_cast<int>(RowKind::kNode), "left"});
  EXPECT_EQ(left, contents.at({static_cast<int>(RowKind::kTenant), "right"}));
  EXPECT_GE(std::stoull(left), acknowledged);
}

TEST_F(RocksStoreTest, DumpPrintsEveryRowAsALineOfJson) {
  {
    const auto store = OpenOrDie(Directory());
    v1::IdempotencyRow kept;
    kept.set_body_hash(5);
    const std::string key = std::string("uid:0") + '\0' + "k\"1";
    ASSERT_TRUE(store->Commit(1, UtcTime(0), {JobRow(17, "train"), {RowKind::kIdempotency, key, kept.SerializeAsString()}}).ok());
  }
  std::ostringstream lines;
  ASSERT_TRUE(DumpStore(Directory(), lines).ok());
  EXPECT_THAT(lines.str(), HasSubstr(R"({"kind":"job","key":"17","row":{"job":{"id":"17","spec":{"name":"train"}}}})"));
  EXPECT_THAT(lines.str(), HasSubstr(R"({"kind":"idempotency","key":"uid:0\u0000k\"1","row":{"body_hash":"5"}})"));
  EXPECT_THAT(lines.str(), HasSubstr(R"("kind":"meta")"));
  const auto store = OpenOrDie(Directory());
  EXPECT_EQ(store->term().number, 2u) << "a dump starts no term";
}

TEST_F(RocksStoreTest, DumpNamesARowThatIsNotWhatItsTableHolds) {
  {
    const auto store = OpenOrDie(Directory());
    ASSERT_TRUE(store->Commit(1, UtcTime(0), {{RowKind::kJob, NumberKey(9), "\xff\xff\xff"}}).ok());
  }
  std::ostringstream lines;
  const absl::Status status = DumpStore(Directory(), lines);
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("job/9"));
}

TEST_F(RocksStoreTest, FilesDoNotPileUpOverStarts) {
  constexpr int kStarts = 80;
  size_t most = 0;
  for (int start = 1; start <= kStarts; ++start) {
    const auto store = OpenOrDie(Directory());
    const uint64_t sequence = store->term().first_sequence;
    ASSERT_TRUE(store->Commit(sequence, UtcTime(0), {JobRow(static_cast<uint64_t>(start), "train")}).ok());
    size_t files = 0;
    for ([[maybe_unused]] const auto& file : std::filesystem::directory_iterator(Directory())) ++files;
    most = std::max(most, files);
  }
  EXPECT_LT(most, kStarts);
  const auto store = OpenOrDie(Directory());
  EXPECT_EQ(Contents(*store).size(), static_cast<size_t>(kStarts)) << "and nothing is lost by merging them";
}

TEST_F(RocksStoreTest, DumpOfNoStoreSaysSo) {
  std::ostringstream lines;
  EXPECT_EQ(DumpStore(root_ + "/nothing", lines).code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace switchyard::store
