#include "scheduler/queueing/order.h"

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <tuple>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace switchyard::queueing {
namespace {

using testing::ElementsAre;

PendingJob Job(uint64_t id, const std::string& tenant, int32_t priority = 100, int64_t queued_ms = 0,
               Power watts = Watts(1000)) {
  return PendingJob{JobId(id), TenantId(tenant), priority, UtcTime(queued_ms), watts, 0};
}

TenantShare Share(const std::string& id, int64_t weight = 1, Power used = Power(0)) {
  TenantShare share;
  share.id = TenantId(id);
  share.weight = weight;
  share.used = used;
  return share;
}

std::vector<uint64_t> Ids(const std::vector<JobId>& order) {
  std::vector<uint64_t> ids;
  for (const JobId id : order) ids.push_back(id.value());
  return ids;
}

TEST(Order, HigherPriorityComesFirstWhateverTheShares) {
  const auto order =
      Order({Share("hungry"), Share("full", 1, Watts(1'000'000))}, {Job(1, "hungry", 100), Job(2, "full", 200)});
  EXPECT_THAT(Ids(order), ElementsAre(2, 1));
}

TEST(Order, TheTenantWithTheLeastUseComesFirst) {
  const auto order =
      Order({Share("a", 1, Watts(5000)), Share("b", 1, Watts(100))}, {Job(1, "a"), Job(2, "b", 100, 50)});
  EXPECT_THAT(Ids(order), ElementsAre(2, 1));
}

TEST(Order, UseIsCountedPerWeight) {
  const auto order = Order({Share("a", 10, Watts(5000)), Share("b", 1, Watts(1000))}, {Job(1, "b"), Job(2, "a")});
  EXPECT_THAT(Ids(order), ElementsAre(2, 1));
}

TEST(Order, EqualTenantsAlternateAsTheirJobsAreTaken) {
  const auto order = Order({Share("a"), Share("b")},
                           {Job(1, "a"), Job(2, "a"), Job(3, "a"), Job(4, "b", 100, 9), Job(5, "b", 100, 9)});
  EXPECT_THAT(Ids(order), ElementsAre(1, 4, 2, 5, 3));
}

TEST(Order, ATenantOfTwiceTheWeightGetsTwoWattsForOne) {
  const auto order = Order({Share("a", 2), Share("b", 1)}, {Job(1, "a"), Job(2, "a"), Job(3, "a"), Job(4, "a"),
                                                            Job(5, "b", 100, 1), Job(6, "b", 100, 1)});
  EXPECT_THAT(Ids(order), ElementsAre(1, 5, 2, 3, 6, 4));
}

TEST(Order, WhatAHigherPriorityTookCountsInTheLowerOne) {
  const auto order = Order({Share("a"), Share("b")}, {Job(1, "a", 200), Job(2, "a", 100), Job(3, "b", 100, 9)});
  EXPECT_THAT(Ids(order), ElementsAre(1, 3, 2));
}

TEST(Order, EqualSharesGoByTheLongestWaitAndThenTheLowerId) {
  const auto order = Order({}, {Job(9, "a", 100, 5), Job(2, "b", 100, 5), Job(3, "c", 100, 1)});
  EXPECT_THAT(Ids(order), ElementsAre(3, 2, 9));
}

TEST(Order, JobsInsideTheirQuotaComeBeforeThoseThatBorrow) {
  TenantShare borrower = Share("a");
  borrower.quota = Watts(500);
  borrower.borrow = Watts(5000);
  const auto order = Order({borrower, Share("b", 1, Watts(90'000))}, {Job(1, "a"), Job(2, "b", 100, 9)});
  EXPECT_THAT(Ids(order), ElementsAre(2, 1));
}

TEST(Order, ATenantThatReachesItsQuotaOnTheWayFallsBehind) {
  TenantShare small = Share("a");
  small.quota = Watts(1000);
  const auto order = Order({small, Share("b", 1, Watts(90'000))}, {Job(1, "a"), Job(2, "a"), Job(3, "b", 100, 9)});
  EXPECT_THAT(Ids(order), ElementsAre(1, 3, 2));
}

TEST(Order, AStreamOfJobsWithoutWattsDoesNotHoldTheFrontForEver) {
  const auto order = Order({}, {Job(1, "a", 100, 0, Power(0)), Job(2, "a", 100, 0, Power(0)), Job(3, "b", 100, 9)});
  EXPECT_THAT(Ids(order), ElementsAre(1, 3, 2));
}

TEST(Order, OfNothingIsNothing) { EXPECT_TRUE(Order({Share("a")}, {}).empty()); }

// Any queue: each job once, priorities fall, jobs of one tenant and priority keep their order, and the order of the
// arguments does not matter.
TEST(Order, IsATotalOrderThatDependsOnNothingButTheJobs) {
  std::mt19937_64 random(3);
  for (int round = 0; round < 200; ++round) {
    std::vector<TenantShare> shares;
    for (int t = 0; t < 4; ++t) {
      shares.push_back(Share("t" + std::to_string(t), random() % 3, Watts(random() % 5000)));
      shares.back().quota = Watts(random() % 3 * 4000);
    }
    std::map<JobId, PendingJob> jobs;
    for (uint64_t id = 1; id <= random() % 60; ++id) {
      jobs[JobId(id)] = Job(id, "t" + std::to_string(random() % 5), random() % 3, random() % 4, Watts(random() % 2000));
    }
    std::vector<PendingJob> queue;
    for (const auto& [id, job] : jobs) queue.push_back(job);
    const std::vector<JobId> order = Order(shares, queue);
    EXPECT_EQ(std::set<JobId>(order.begin(), order.end()).size(), jobs.size());
    EXPECT_EQ(order.size(), jobs.size());
    std::map<std::pair<TenantId, int32_t>, std::tuple<int64_t, JobId>> last;
    for (size_t i = 0; i < order.size(); ++i) {
      const PendingJob& job = jobs.at(order[i]);
      if (i > 0) {
        EXPECT_GE(jobs.at(order[i - 1]).priority, job.priority);
      }
      const std::tuple<int64_t, JobId> age{job.queued.milliseconds(), job.id};
      const auto [entry, first] = last.try_emplace({job.tenant, job.priority}, age);
      if (!first) {
        EXPECT_LT(entry->second, age);
      }
      entry->second = age;
    }
    std::shuffle(queue.begin(), queue.end(), random);
    std::reverse(shares.begin(), shares.end());
    EXPECT_EQ(Order(shares, queue), order);
  }
}

}  // namespace
}  // namespace switchyard::queueing
