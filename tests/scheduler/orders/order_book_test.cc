#include "scheduler/orders/order_book.h"

#include <gtest/gtest.h>

#include "common/set_hash.h"
#include "scheduler/rpc/bounds/limits.h"

namespace switchyard::orders {
namespace {

constexpr uint64_t kSession = 7;
constexpr char kNode[] = "site/n1";

v1::DesiredAllocation Allocation(uint64_t id, int64_t grant_mw, uint32_t epoch = 1) {
  v1::DesiredAllocation allocation;
  allocation.set_allocation(id);
  allocation.set_epoch(epoch);
  allocation.set_phase(v1::RUN);
  allocation.set_grant_mw(grant_mw);
  return allocation;
}

core::NodeOrder Order(uint64_t revision, std::vector<v1::DesiredAllocation> upserts, std::vector<uint64_t> removed = {},
                      bool reset = false) {
  core::NodeOrder order;
  order.node = kNode;
  order.revision = revision;
  order.upserts = std::move(upserts);
  order.removed = std::move(removed);
  order.reset = reset;
  return order;
}

// Applies sets as an agent does, and says what it would hold.
struct Agent {
  std::map<uint64_t, v1::DesiredAllocation> held;
  uint64_t revision = 0;

  bool Take(const v1::DesiredSet& set) {
    if (set.base_revision() != 0 && set.base_revision() != revision) return false;
    if (set.base_revision() == 0) held.clear();
    for (const auto& allocation : set.upserts()) held[allocation.allocation()] = allocation;
    for (const uint64_t id : set.removed()) held.erase(id);
    revision = set.revision();
    return Hash() == set.set_hash();
  }
  uint64_t Hash() const {
    SetHash hash;
    for (const auto& [id, allocation] : held)
      hash.Add(id, allocation.epoch(), allocation.phase(), allocation.grant_mw());
    return hash.Finish();
  }
  v1::NodeReport Report() const {
    v1::NodeReport report;
    report.set_applied_revision(revision);
    report.set_set_hash(Hash());
    return report;
  }
};

TEST(OrderBookTest, SendsNothingBeforeTheNodeIsAllowed) {
  OrderBook book;
  EXPECT_EQ(book.Apply(Order(3, {Allocation(1, 100)})), 0u);
  EXPECT_FALSE(book.NextSet(kSession, kNode, MonoTime(0)));
}

TEST(OrderBookTest, SendsNothingForANodeOfWhichNoOrderIsKnown) {
  OrderBook book;
  book.Allow(kSession, kNode);
  EXPECT_FALSE(book.NextSet(kSession, kNode, MonoTime(0))) << "an empty set would claim that nothing shall run";
}

TEST(OrderBookTest, BeginsWithTheFullSetAndGoesOnWithDifferences) {
  OrderBook book;
  Agent agent;
  book.Apply(Order(3, {Allocation(1, 100), Allocation(2, 200)}));
  book.Allow(kSession, kNode);
  auto full = book.NextSet(kSession, kNode, MonoTime(0));
  ASSERT_TRUE(full);
  EXPECT_EQ(full->base_revision(), 0u);
  EXPECT_EQ(full->upserts_size(), 2);
  EXPECT_TRUE(agent.Take(*full));
  EXPECT_FALSE(book.NextSet(kSession, kNode, MonoTime(0)));

  EXPECT_EQ(book.Apply(Order(5, {Allocation(2, 150)}, {1})), kSession);
  auto difference = book.NextSet(kSession, kNode, MonoTime(0));
  ASSERT_TRUE(difference);
  EXPECT_EQ(difference->base_revision(), 3u);
  EXPECT_EQ(difference->revision(), 5u);
  EXPECT_EQ(difference->upserts_size(), 1);
  ASSERT_EQ(difference->removed_size(), 1);
  EXPECT_EQ(difference->removed(0), 1u);
  EXPECT_TRUE(agent.Take(*difference));
}

TEST(OrderBookTest, OrdersThatWaitMergeIntoOneSet) {
  OrderBook book;
  Agent agent;
  book.Apply(Order(1, {Allocation(1, 100)}));
  book.Allow(kSession, kNode);
  EXPECT_TRUE(agent.Take(*book.NextSet(kSession, kNode, MonoTime(0))));
  for (uint64_t revision = 2; revision < 100; ++revision) {
    book.Apply(Order(revision, {Allocation(1, 100 - static_cast<int64_t>(revision))}));
  }
  book.Apply(Order(100, {Allocation(2, 5)}));
  book.Apply(Order(101, {}, {2}));
  const auto set = book.NextSet(kSession, kNode, MonoTime(0));
  ASSERT_TRUE(set);
  EXPECT_EQ(set->base_revision(), 1u);
  EXPECT_EQ(set->revision(), 101u);
  ASSERT_EQ(set->upserts_size(), 1);
  EXPECT_EQ(set->upserts(0).grant_mw(), 1);
  EXPECT_TRUE(agent.Take(*set));
  EXPECT_FALSE(book.NextSet(kSession, kNode, MonoTime(0)));
}

TEST(OrderBookTest, AResetSendsTheFullSetAgain) {
  OrderBook book;
  Agent agent;
  book.Apply(Order(1, {Allocation(1, 100), Allocation(2, 100)}));
  book.Allow(kSession, kNode);
  EXPECT_TRUE(agent.Take(*book.NextSet(kSession, kNode, MonoTime(0))));
  book.Apply(Order(2, {Allocation(3, 7)}, {}, /*reset=*/true));
  const auto set = book.NextSet(kSession, kNode, MonoTime(0));
  ASSERT_TRUE(set);
  EXPECT_EQ(set->base_revision(), 0u);
  EXPECT_TRUE(agent.Take(*set));
  EXPECT_EQ(agent.held.size(), 1u);
}

TEST(OrderBookTest, ANewSessionTakesTheNodeOverWithAFullSet) {
  OrderBook book;
  book.Apply(Order(1, {Allocation(1, 100)}));
  book.Allow(kSession, kNode);
  ASSERT_TRUE(book.NextSet(kSession, kNode, MonoTime(0)));
  book.Allow(kSession + 1, kNode);
  EXPECT_EQ(book.SessionOf(kNode), kSession + 1);
  EXPECT_FALSE(book.NextSet(kSession, kNode, MonoTime(0)));
  const auto set = book.NextSet(kSession + 1, kNode, MonoTime(0));
  ASSERT_TRUE(set);
  EXPECT_EQ(set->base_revision(), 0u);
  book.Withdraw(kSession, kNode);  // the old stream's end comes late and takes nothing away
  EXPECT_EQ(book.SessionOf(kNode), kSession + 1);
  book.Withdraw(kSession + 1, kNode);
  EXPECT_EQ(book.SessionOf(kNode), 0u);
}

TEST(OrderBookTest, AnAgentThatCarriedOutTheRevisionAndHoldsAnotherSetGetsItInFull) {
  OrderBook book;
  Agent agent;
  book.Apply(Order(1, {Allocation(1, 100)}));
  book.Allow(kSession, kNode);
  EXPECT_TRUE(agent.Take(*book.NextSet(kSession, kNode, MonoTime(0))));
  EXPECT_FALSE(book.Reported(kSession, kNode, agent.Report(), MonoTime(10)));
  agent.held[1].set_grant_mw(99);
  EXPECT_TRUE(book.Reported(kSession, kNode, agent.Report(), MonoTime(20)));
  const auto set = book.NextSet(kSession, kNode, MonoTime(20));
  ASSERT_TRUE(set);
  EXPECT_EQ(set->base_revision(), 0u);
  EXPECT_TRUE(agent.Take(*set));
}

TEST(OrderBookTest, AMismatchThatNeverHealsCostsAFullSetNowAndThen) {
  OrderBook book;
  book.Apply(Order(1, {Allocation(1, 100)}));
  book.Allow(kSession, kNode);
  ASSERT_TRUE(book.NextSet(kSession, kNode, MonoTime(0)));
  v1::NodeReport wrong;
  wrong.set_applied_revision(1);
  wrong.set_set_hash(12345);
  int sets = 0;
  const int64_t spans = 4;
  for (int64_t t = 1; t <= kSetSettle.count() * spans; t += 100) {
    book.Reported(kSession, kNode, wrong, MonoTime(t));
    if (book.NextSet(kSession, kNode, MonoTime(t))) ++sets;
  }
  EXPECT_EQ(sets, spans);
}

TEST(OrderBookTest, AReportThatCrossedASetOnItsWayCausesNothing) {
  OrderBook book;
  Agent agent;
  book.Apply(Order(1, {Allocation(1, 100)}));
  book.Allow(kSession, kNode);
  EXPECT_TRUE(agent.Take(*book.NextSet(kSession, kNode, MonoTime(0))));
  const v1::NodeReport before = agent.Report();
  book.Apply(Order(2, {Allocation(1, 50)}));
  ASSERT_TRUE(book.NextSet(kSession, kNode, MonoTime(10)));
  EXPECT_FALSE(book.Reported(kSession, kNode, before, MonoTime(20)));
  EXPECT_FALSE(book.NextSet(kSession, kNode, MonoTime(20)));
}

TEST(OrderBookTest, AnAgentThatKeepsToAnOlderSetGetsTheFullOneAfterAWhile) {
  OrderBook book;
  Agent agent;
  book.Apply(Order(1, {Allocation(1, 100)}));
  book.Allow(kSession, kNode);
  EXPECT_TRUE(agent.Take(*book.NextSet(kSession, kNode, MonoTime(0))));
  book.Apply(Order(2, {Allocation(1, 50)}));
  ASSERT_TRUE(book.NextSet(kSession, kNode, MonoTime(0)));  // and the agent could not apply it
  EXPECT_FALSE(book.Reported(kSession, kNode, agent.Report(), MonoTime(10)));
  EXPECT_FALSE(book.Heard(kSession, kNode, MonoTime(kSetSettle.count() - 1)));
  EXPECT_TRUE(book.Heard(kSession, kNode, MonoTime(kSetSettle.count())));
  const auto set = book.NextSet(kSession, kNode, MonoTime(kSetSettle.count()));
  ASSERT_TRUE(set);
  EXPECT_EQ(set->base_revision(), 0u);
}

TEST(SetHashTest, TellsSetsApartAndIsTheSameEverywhere) {
  EXPECT_NE(SetHash().Finish(), 0u);
  const uint64_t one = SetHash().Add(1, 1, v1::RUN, 100).Finish();
  EXPECT_EQ(one, SetHash().Add(1, 1, v1::RUN, 100).Finish());
  EXPECT_NE(one, SetHash().Add(2, 1, v1::RUN, 100).Finish());
  EXPECT_NE(one, SetHash().Add(1, 2, v1::RUN, 100).Finish());
  EXPECT_NE(one, SetHash().Add(1, 1, v1::STOP, 100).Finish());
  EXPECT_NE(one, SetHash().Add(1, 1, v1::RUN, 101).Finish());
  EXPECT_NE(one, SetHash().Add(1, 1, v1::RUN, 100).Add(2, 1, v1::RUN, 0).Finish());
}

}  // namespace
}  // namespace switchyard::orders
