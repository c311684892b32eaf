#include "agent/reconcile/held_set.h"

#include "gtest/gtest.h"
#include "tests/agent/reconcile/node_under_test.h"

namespace switchyard::agent::reconcile {
namespace {

v1::DesiredSet Difference(uint64_t base, uint64_t revision, const std::vector<v1::DesiredAllocation>& upserts,
                          const std::vector<uint64_t>& removed, const std::vector<v1::DesiredAllocation>& result) {
  v1::DesiredSet set = FullSet(revision, result);
  set.set_base_revision(base);
  set.clear_upserts();
  for (const v1::DesiredAllocation& order : upserts) *set.add_upserts() = order;
  for (const uint64_t id : removed) set.add_removed(id);
  return set;
}

TEST(HeldSetTest, AppliesADifferenceToItsBase) {
  HeldSet held;
  ASSERT_TRUE(held.Receive(FullSet(5, {Order(1, v1::RUN, 100), Order(2, v1::RUN, 200)}), 1).ok());
  ASSERT_TRUE(held.Receive(Difference(5, 6, {Order(2, v1::RUN, 50)}, {1}, {Order(2, v1::RUN, 50)}), 1).ok());
  EXPECT_EQ(held.revision(), 6u);
  ASSERT_EQ(held.allocations().size(), 1u);
  EXPECT_EQ(held.allocations().at(2).grant_mw(), 50);
}

TEST(HeldSetTest, NeedsTheFullSetAfterAWrongBase) {
  HeldSet held;
  ASSERT_TRUE(held.Receive(FullSet(5, {Order(1, v1::RUN, 100)}), 1).ok());
  const absl::Status status = held.Receive(Difference(6, 7, {Order(1, v1::RUN, 900)}, {}, {Order(1, v1::RUN, 900)}), 1);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(held.needs_full());
  EXPECT_EQ(held.allocations().at(1).grant_mw(), 100);
  ASSERT_TRUE(held.Receive(FullSet(7, {Order(1, v1::RUN, 900)}), 1).ok());
  EXPECT_FALSE(held.needs_full());
}

TEST(HeldSetTest, NeedsTheFullSetAfterAWrongHash) {
  HeldSet held;
  v1::DesiredSet set = FullSet(5, {Order(1, v1::RUN, 100)});
  set.set_set_hash(set.set_hash() + 1);
  EXPECT_EQ(held.Receive(set, 1).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(held.needs_full());
  EXPECT_TRUE(held.allocations().empty());
}

TEST(HeldSetTest, HasNoBaseForADifferenceOnANewStream) {
  HeldSet held;
  ASSERT_TRUE(held.Receive(FullSet(5, {}), 1).ok());
  held.ForgetBase();
  EXPECT_FALSE(held.Receive(Difference(5, 6, {Order(1, v1::RUN, 1)}, {}, {Order(1, v1::RUN, 1)}), 1).ok());
}

TEST(HeldSetTest, IgnoresOlderAndRepeatedSets) {
  HeldSet held;
  ASSERT_TRUE(held.Receive(FullSet(5, {Order(1, v1::RUN, 100)}), 1).ok());
  const v1::DesiredSet lower = Difference(5, 6, {Order(1, v1::RUN, 50)}, {}, {Order(1, v1::RUN, 50)});
  ASSERT_TRUE(held.Receive(lower, 1).ok());
  EXPECT_TRUE(held.Receive(lower, 1).ok());
  EXPECT_TRUE(held.Receive(FullSet(5, {Order(1, v1::RUN, 100)}), 1).ok());
  EXPECT_EQ(held.revision(), 6u);
  EXPECT_EQ(held.allocations().at(1).grant_mw(), 50);
}

TEST(HeldSetTest, ComparesNoRevisionsOfAnotherStore) {
  HeldSet held;
  ASSERT_TRUE(held.Receive(FullSet(500, {Order(1, v1::RUN, 100)}), 1).ok());
  held.ForgetRevision();
  ASSERT_TRUE(held.Receive(FullSet(5, {}), 1).ok());
  EXPECT_EQ(held.revision(), 5u);
}

}  // namespace
}  // namespace switchyard::agent::reconcile
