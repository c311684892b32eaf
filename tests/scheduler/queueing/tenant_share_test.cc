#include "scheduler/queueing/tenant_share.h"

#include "gtest/gtest.h"

namespace switchyard::queueing {
namespace {

using Kind = QuotaShortfall::Kind;

TenantShare Share(Power quota, Power borrow, Power used) {
  TenantShare share;
  share.id = TenantId("lab");
  share.quota = quota;
  share.borrow = borrow;
  share.used = used;
  return share;
}

TEST(QuotaExcess, WithoutAQuotaEverythingFits) {
  EXPECT_FALSE(QuotaExcess(Share(Power(0), Power(0), Watts(1'000'000)), Watts(1'000'000), 1'000'000).has_value());
}

TEST(QuotaExcess, AJobThatFillsTheQuotaExactlyFits) {
  EXPECT_FALSE(QuotaExcess(Share(Watts(100), Power(0), Watts(60)), Watts(40), 0).has_value());
}

TEST(QuotaExcess, NamesTheWattsOverTheQuota) {
  const auto excess = QuotaExcess(Share(Watts(100), Power(0), Watts(60)), Watts(45), 0);
  ASSERT_TRUE(excess.has_value());
  EXPECT_EQ(excess->kind, Kind::kWatts);
  EXPECT_EQ(excess->amount, 5'000);
  EXPECT_FALSE(excess->never);
}

TEST(QuotaExcess, BorrowingExtendsTheQuotaOnlyWhereItIsAllowed) {
  const TenantShare share = Share(Watts(100), Watts(20), Watts(60));
  EXPECT_FALSE(QuotaExcess(share, Watts(60), 0, Borrowing::kAllowed).has_value());
  EXPECT_EQ(QuotaExcess(share, Watts(60), 0, Borrowing::kForbidden)->amount, 20'000);
  EXPECT_EQ(QuotaExcess(share, Watts(61), 0, Borrowing::kAllowed)->amount, 1'000);
}

TEST(QuotaExcess, AJobLargerThanQuotaAndBorrowingNeverFits) {
  const TenantShare share = Share(Watts(100), Watts(20), Power(0));
  EXPECT_FALSE(QuotaExcess(share, Watts(110), 0, Borrowing::kForbidden)->never);
  EXPECT_TRUE(QuotaExcess(share, Watts(121), 0)->never);
}

TEST(QuotaExcess, GpusAreNotBorrowed) {
  TenantShare share = Share(Watts(100), Watts(20), Power(0));
  share.quota_gpu_milli = 8'000;
  share.used_gpu_milli = 7'500;
  EXPECT_FALSE(QuotaExcess(share, Watts(1), 500).has_value());
  const auto excess = QuotaExcess(share, Watts(1), 1'000);
  ASSERT_TRUE(excess.has_value());
  EXPECT_EQ(excess->kind, Kind::kGpus);
  EXPECT_EQ(excess->amount, 500);
  EXPECT_FALSE(excess->never);
  EXPECT_TRUE(QuotaExcess(share, Watts(1), 8'001)->never);
}

TEST(QuotaExcess, AJobThatAddsNoneOfAResourceIsNotStoppedByItsLoweredQuota) {
  TenantShare share = Share(Watts(100), Power(0), Watts(150));
  share.quota_gpu_milli = 1'000;
  share.used_gpu_milli = 4'000;
  EXPECT_FALSE(QuotaExcess(share, Power(0), 0).has_value());
}

}  // namespace
}  // namespace switchyard::queueing
