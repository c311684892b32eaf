#include "agent/reconcile/lease.h"

#include "gtest/gtest.h"

namespace switchyard::agent::reconcile {
namespace {

MonoTime At(int64_t ms) { return MonoTime(ms); }

TEST(LeaseTest, CountsFromTheSendOfTheAnsweredHeartbeatNotFromTheAnswer) {
  Lease lease(At(0));
  const uint64_t sequence = lease.Send(At(1000));
  EXPECT_TRUE(lease.Renew(At(20'000), sequence));
  EXPECT_TRUE(lease.Runs(At(30'999)));
  EXPECT_FALSE(lease.Runs(At(31'000)));
}

TEST(LeaseTest, IsAsLongAsTheSchedulerSaid) {
  Lease lease(At(0));
  lease.Configure(Seconds(5), Seconds(10));
  EXPECT_TRUE(lease.Renew(At(1000), lease.Send(At(1000))));
  EXPECT_TRUE(lease.Runs(At(5'999)));
  EXPECT_FALSE(lease.Runs(At(6'000)));
}

TEST(LeaseTest, IgnoresAnAnswerToAHeartbeatThatWasNeverSent) {
  Lease lease(At(0));
  lease.Send(At(1000));
  EXPECT_FALSE(lease.Renew(At(1001), 7));
  EXPECT_FALSE(lease.Runs(At(1001)));
}

TEST(LeaseTest, IgnoresARepeatedAndAnOvertakenAnswer) {
  Lease lease(At(0));
  const uint64_t first = lease.Send(At(1000));
  const uint64_t second = lease.Send(At(6000));
  EXPECT_TRUE(lease.Renew(At(6100), second));
  EXPECT_FALSE(lease.Renew(At(6200), second));
  EXPECT_FALSE(lease.Renew(At(6300), first));
  EXPECT_EQ(lease.end(), At(36'000));
}

TEST(LeaseTest, IgnoresAnAnswerThatComesAfterTheLeaseItWouldGive) {
  Lease lease(At(0));
  const uint64_t sequence = lease.Send(At(1000));
  EXPECT_FALSE(lease.Renew(At(31'000), sequence));
  EXPECT_FALSE(lease.Runs(At(31'000)));
}

TEST(LeaseTest, ForgetsHeartbeatsOfABrokenStream) {
  Lease lease(At(0));
  const uint64_t sequence = lease.Send(At(1000));
  lease.ForgetSent();
  EXPECT_FALSE(lease.Renew(At(1100), sequence));
}

TEST(LeaseTest, IsInAnotherStretchAfterAGap) {
  Lease lease(At(0));
  lease.Renew(At(0), lease.Send(At(0)));
  const uint64_t stretch = lease.Stretch(At(1));
  lease.Renew(At(20'000), lease.Send(At(20'000)));
  EXPECT_EQ(lease.Stretch(At(40'000)), stretch);
  EXPECT_EQ(lease.Stretch(At(60'000)), 0u);
  lease.Renew(At(60'000), lease.Send(At(60'000)));
  EXPECT_NE(lease.Stretch(At(60'001)), stretch);
}

TEST(LeaseTest, FallsBackAtItsEndOrWhereNoneCameAfterTheGrace) {
  Lease never(At(500));
  EXPECT_EQ(never.NextDeadline(At(600)), At(10'500));
  EXPECT_FALSE(never.FallbackDue(At(10'499)));
  EXPECT_TRUE(never.FallbackDue(At(10'500)));
  EXPECT_EQ(never.NextDeadline(At(10'500)), MonoTime::Never());

  Lease ran(At(0));
  ran.Renew(At(1000), ran.Send(At(1000)));
  EXPECT_FALSE(ran.FallbackDue(At(15'000)));
  EXPECT_EQ(ran.NextDeadline(At(15'000)), At(31'000));
  EXPECT_TRUE(ran.FallbackDue(At(31'000)));
}

}  // namespace
}  // namespace switchyard::agent::reconcile
