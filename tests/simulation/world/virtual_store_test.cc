#include "simulation/world/virtual_store.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "switchyard/store/v1/rows.pb.h"

namespace switchyard::simulation {
namespace {

using core::Row;
using core::RowKind;

constexpr UtcTime kCivil{1'700'000'000'000};

Row JobRow(uint64_t id, const std::string& value) { return {RowKind::kJob, core::NumberKey(id), value}; }

TEST(VirtualStoreTest, EachOpenStartsAHigherTermAboveEverySequence) {
  VirtualStore store;
  const VirtualTerm first = store.Open(1, kCivil, 5);
  EXPECT_EQ(first.number, 1u);
  EXPECT_EQ(first.first_sequence, 1u);
  EXPECT_TRUE(store.Commit(1, 3, kCivil, {JobRow(1, "a")}));
  const VirtualTerm second = store.Open(2, kCivil, 6);
  EXPECT_EQ(second.number, 2u);
  EXPECT_EQ(second.incarnation, first.incarnation);
  EXPECT_GT(second.first_sequence, 3u + kSequenceSlack);
  EXPECT_EQ(second.not_before, kCivil);
}

TEST(VirtualStoreTest, AStaleLeadersCommitWritesNothing) {
  VirtualStore store;
  store.Open(1, kCivil, 5);
  ASSERT_TRUE(store.Commit(1, 1, kCivil, {JobRow(1, "a")}));
  store.Open(2, kCivil, 6);
  EXPECT_FALSE(store.Commit(1, 2, kCivil, {JobRow(1, "b")}));
  ASSERT_EQ(store.Load().size(), 2u);  // the meta row and the job
  EXPECT_EQ(*store.Load()[1].value, "a");
}

TEST(VirtualStoreTest, AnOlderCopyComesBackUnderANewIncarnation) {
  VirtualStore store;
  const VirtualTerm first = store.Open(1, kCivil, 5);
  ASSERT_TRUE(store.Commit(1, 1, kCivil, {JobRow(1, "a")}));
  const VirtualStore::Copy copy = store.content();
  ASSERT_TRUE(store.Commit(1, 2, kCivil, {JobRow(1, "b"), JobRow(2, "c")}));
  store.Restore(copy);
  EXPECT_FALSE(store.Commit(1, 3, kCivil, {}));
  const VirtualTerm restored = store.Open(2, kCivil + Seconds(1), 6);
  EXPECT_GT(restored.incarnation, first.incarnation);
  ASSERT_EQ(store.Load().size(), 2u);
  EXPECT_EQ(*store.Load()[1].value, "a");
  // And it keeps it.
  EXPECT_EQ(store.Open(3, kCivil + Seconds(2), 7).incarnation, restored.incarnation);
}

TEST(VirtualStoreTest, ALostStoreBeginsAnewUnderAHigherIncarnation) {
  VirtualStore store;
  const VirtualTerm first = store.Open(1, kCivil, 5);
  ASSERT_TRUE(store.Commit(1, 1, kCivil, {JobRow(1, "a")}));
  store.Lose();
  const VirtualTerm second = store.Open(2, kCivil + Seconds(1), 6);
  EXPECT_EQ(second.number, 1u);
  EXPECT_GT(second.incarnation, first.incarnation);
  EXPECT_EQ(store.Load().size(), 1u);  // its meta row
}

TEST(VirtualStoreTest, TheStoreKeepsItsOwnTermInTheMetaRow) {
  VirtualStore store;
  const VirtualTerm term = store.Open(1, kCivil, 5);
  store::v1::MetaRow meta;
  meta.set_term(99);
  meta.set_next_job(12);
  ASSERT_TRUE(store.Commit(1, 1, kCivil, {{RowKind::kMeta, "meta", meta.SerializeAsString()}}));
  store::v1::MetaRow kept;
  ASSERT_TRUE(kept.ParseFromString(*store.Load()[0].value));
  EXPECT_EQ(kept.term(), term.number);
  EXPECT_EQ(kept.next_job(), 12u);
}

}  // namespace
}  // namespace switchyard::simulation
