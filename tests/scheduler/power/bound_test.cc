#include "scheduler/power/bound.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace switchyard::power {
namespace {

TEST(BoundTest, WithoutAnOrderItIsWhatTheDevicesMayDrawAlready) {
  EXPECT_EQ(Bound().value(), Power());
  EXPECT_EQ(Bound(Watts(300)).value(), Watts(300));
  EXPECT_EQ(Bound(Watts(300)).grant(), Power());
}

TEST(BoundTest, AnOrderCountsFromItsCommitAndALoweringFreesNothingByItself) {
  Bound bound;
  bound.Order(10, Watts(3000));
  EXPECT_EQ(bound.value(), Watts(3000));
  bound.Order(11, Watts(1000));
  EXPECT_EQ(bound.grant(), Watts(1000));
  EXPECT_EQ(bound.value(), Watts(3000));
}

TEST(BoundTest, IsTheHighestOfTheConfirmedWattsItsGrantAndEveryLaterGrant) {
  Bound bound;
  bound.Order(10, Watts(1000));
  bound.Order(11, Watts(4000));
  bound.Order(12, Watts(2000));
  bound.Order(13, Watts(500));
  ASSERT_TRUE(bound.Confirm(10, Watts(900)));
  EXPECT_EQ(bound.value(), Watts(4000)) << "the orders of 11 to 13 may still be followed";
  ASSERT_TRUE(bound.Confirm(12, Watts(2500)));
  EXPECT_EQ(bound.value(), Watts(2500)) << "it draws more than its grant: the confirmed watts count";
  ASSERT_TRUE(bound.Confirm(12, Watts(1800)));
  EXPECT_EQ(bound.value(), Watts(2000)) << "it may go up to the grant of 12 without another order";
  ASSERT_TRUE(bound.Confirm(13, Watts(500)));
  EXPECT_EQ(bound.value(), Watts(500));
}

TEST(BoundTest, AConfirmationOfAnOlderRevisionChangesNothing) {
  Bound bound;
  bound.Order(10, Watts(3000));
  ASSERT_TRUE(bound.Confirm(10, Watts(3000)));
  bound.Order(12, Watts(2000));
  ASSERT_TRUE(bound.Confirm(12, Watts(2000)));
  EXPECT_FALSE(bound.Confirm(11, Watts(0)));
  EXPECT_EQ(bound.value(), Watts(2000));
  EXPECT_EQ(bound.confirmed_revision(), 12u);
}

TEST(BoundTest, AConfirmationBetweenTwoOrdersSpeaksOfTheOlderOne) {
  Bound bound;
  bound.Order(10, Watts(1000));
  bound.Order(20, Watts(3000));
  ASSERT_TRUE(bound.Confirm(15, Watts(1000)));
  EXPECT_EQ(bound.value(), Watts(3000));
  EXPECT_EQ(bound.grants().size(), 2u) << "the grant in force at 15 is that of 10";
}

TEST(BoundTest, EvidenceCountsInBothDirections) {
  Bound bound;
  bound.Order(10, Watts(1000));
  ASSERT_TRUE(bound.Confirm(10, Watts(1200)));
  EXPECT_EQ(bound.value(), Watts(1200));
  ASSERT_TRUE(bound.Confirm(10, Watts(1000)));
  EXPECT_EQ(bound.value(), Watts(1000));
}

TEST(BoundTest, OfTwoOrdersInOneRevisionOnlyTheLastWasEverSent) {
  Bound bound;
  bound.Order(10, Watts(3000));
  bound.Order(10, Watts(1000));
  EXPECT_EQ(bound.value(), Watts(1000));
}

TEST(BoundTest, AnOrderInTheRevisionThatIsConfirmedAlreadyReplacesNothing) {
  Bound bound;
  bound.Order(10, Watts(3000));
  ASSERT_TRUE(bound.Confirm(10, Watts(3000)));
  bound.Order(10, Watts(1000));
  EXPECT_EQ(bound.grant(), Watts(1000));
  EXPECT_EQ(bound.value(), Watts(3000));
}

TEST(BoundTest, ManyUnconfirmedOrdersAreMergedUpwards) {
  Bound bound;
  bound.Order(1, Watts(5000));
  for (uint64_t revision = 2; revision < 100; ++revision) bound.Order(revision, Watts(static_cast<int64_t>(revision)));
  EXPECT_EQ(bound.grants().size(), Bound::kOrdersKept);
  EXPECT_EQ(bound.value(), Watts(5000)) << "the highest of the merged is kept";
  EXPECT_EQ(bound.grant(), Watts(99));
  ASSERT_TRUE(bound.Confirm(99, Watts(99)));
  EXPECT_EQ(bound.value(), Watts(99));
}

TEST(BoundTest, ComesBackFromItsRow) {
  Bound bound;
  bound.Order(10, Watts(1000));
  bound.Order(12, Watts(4000));
  ASSERT_TRUE(bound.Confirm(10, Watts(700)));
  Bound again = Bound::FromRow(bound.confirmed_revision(), bound.confirmed(), bound.grants());
  EXPECT_EQ(again.value(), bound.value());
  EXPECT_EQ(again.grant(), bound.grant());
  EXPECT_FALSE(again.Confirm(9, Power()));
  ASSERT_TRUE(again.Confirm(12, Watts(4000)));
  EXPECT_EQ(again.value(), Watts(4000));
}

TEST(BoundDeathTest, OrdersNeverGoBackwards) {
  Bound bound;
  bound.Order(10, Watts(1000));
  EXPECT_DEATH(bound.Order(9, Watts(1000)), "order at revision 9");
}

// Against the definition: every order and confirmation is remembered, and the bound computed anew after each.
TEST(BoundTest, IsNeverBelowItsDefinitionAndEqualsItWhileFewOrdersAreOpen) {
  uint64_t random = 42;
  const auto next = [&](int64_t below) {
    random = random * 6364136223846793005ULL + 1442695040888963407ULL;
    return static_cast<int64_t>(random >> 33) % below;
  };
  for (int history = 0; history < 300; ++history) {
    Bound bound;
    std::vector<OrderedGrant> orders;
    uint64_t revision = 1, confirmed = 0;
    Power watts;
    for (int i = 0; i < 60; ++i) {
      if (next(3) > 0) {
        revision += 1 + static_cast<uint64_t>(next(3));
        orders.push_back({revision, Watts(next(5000))});
        bound.Order(revision, orders.back().grant);
      } else {
        const uint64_t at = static_cast<uint64_t>(next(static_cast<int64_t>(revision) + 1));
        const Power w = Watts(next(5000));
        EXPECT_EQ(bound.Confirm(at, w), at >= confirmed);
        if (at >= confirmed) { confirmed = at; watts = w; }
      }
      Power wanted = watts, in_force;
      size_t open = 0;
      for (const OrderedGrant& order : orders) {
        if (order.revision <= confirmed) in_force = order.grant; else { wanted = std::max(wanted, order.grant); ++open; }
      }
      wanted = std::max(wanted, in_force);
      EXPECT_GE(bound.value(), wanted);
      if (open + 1 < Bound::kOrdersKept) {
        EXPECT_EQ(bound.value(), wanted) << "history " << history << " step " << i;
      }
    }
  }
}

}  // namespace
}  // namespace switchyard::power
