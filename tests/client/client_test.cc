#include "client/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <thread>

#include "tests/client/fake_scheduler.h"

namespace switchyard::client {
namespace {

using testing::AnyOf;
using testing::HasSubstr;

std::unique_ptr<Client> ConnectTo(const ClientOptions& options) {
  absl::StatusOr<std::unique_ptr<Client>> client = Client::Connect(options);
  EXPECT_TRUE(client.ok()) << client.status();
  return *std::move(client);
}

v1::SubmitRequest OneJob() {
  v1::SubmitRequest request;
  request.add_jobs()->set_name("train");
  return request;
}

TEST(ClientTest, RetriesOnUnavailableWithTheSameKey) {
  FakeScheduler scheduler;
  scheduler.FailNext(3, {grpc::StatusCode::UNAVAILABLE, "recovering"});
  int told = 0;
  ClientOptions options = scheduler.options();
  options.on_retry = [&](const absl::Status& failure, Duration) {
    ++told;
    EXPECT_THAT(std::string(failure.message()), HasSubstr("recovering"));
  };
  const auto response = ConnectTo(options)->Submit(OneJob());
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(told, 3);
  ASSERT_EQ(scheduler.submits.size(), 4U);
  EXPECT_EQ(scheduler.submits[0].idempotency_key().size(), 32U);
  for (const v1::SubmitRequest& request : scheduler.submits) {
    EXPECT_EQ(request.idempotency_key(), scheduler.submits[0].idempotency_key());
  }
}

TEST(ClientTest, TwoSubmitsHaveDifferentKeysAndAGivenKeyStays) {
  FakeScheduler scheduler;
  const auto client = ConnectTo(scheduler.options());
  ASSERT_TRUE(client->Submit(OneJob()).ok());
  ASSERT_TRUE(client->Submit(OneJob()).ok());
  v1::SubmitRequest keyed = OneJob();
  keyed.set_idempotency_key("monday");
  ASSERT_TRUE(client->Submit(keyed).ok());
  EXPECT_NE(scheduler.submits[0].idempotency_key(), scheduler.submits[1].idempotency_key());
  EXPECT_EQ(scheduler.submits[2].idempotency_key(), "monday");
}

TEST(ClientTest, GivesUpWhenTheCallTimeoutIsOverAndNamesTheKey) {
  FakeScheduler scheduler;
  scheduler.FailNext(1'000'000, {grpc::StatusCode::UNAVAILABLE, "recovering"});
  ClientOptions options = scheduler.options();
  options.call_timeout = Milliseconds(100);
  v1::SubmitRequest request = OneJob();
  request.set_idempotency_key("monday");
  const auto response = ConnectTo(options)->Submit(request);
  // By the moment: between two tries, or within one.
  EXPECT_THAT(response.status().code(), AnyOf(absl::StatusCode::kUnavailable, absl::StatusCode::kDeadlineExceeded));
  EXPECT_THAT(std::string(response.status().message()), HasSubstr("\"monday\""));
  EXPECT_GT(scheduler.submits.size(), 1U);
}

TEST(ClientTest, NeverRepeatsWhatWasRefused) {
  FakeScheduler scheduler;
  scheduler.FailNext(1, {grpc::StatusCode::INVALID_ARGUMENT, "jobs[0].groups: none, 1..16 are allowed; add one"});
  const auto response = ConnectTo(scheduler.options())->Submit(OneJob());
  EXPECT_EQ(response.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(std::string(response.status().message()), "jobs[0].groups: none, 1..16 are allowed; add one");
  EXPECT_EQ(scheduler.submits.size(), 1U);
}

TEST(ClientTest, ACallThatIsNotAnsweredEndsAtItsDeadline) {
  FakeScheduler scheduler;
  scheduler.HangCalls();
  ClientOptions options = scheduler.options();
  options.call_timeout = Milliseconds(100);
  const auto job = ConnectTo(options)->GetJob(17);
  EXPECT_EQ(job.status().code(), absl::StatusCode::kDeadlineExceeded);
}

TEST(ClientTest, ACallSurvivesARestartOfTheScheduler) {
  FakeScheduler scheduler;
  scheduler.PutJob(MakeJob(17, v1::RUNNING));
  const auto client = ConnectTo(scheduler.options());
  ASSERT_TRUE(client->GetJob(17).ok());
  scheduler.Stop();
  std::thread restart([&] { scheduler.Start(); });
  const auto job = client->GetJob(17);
  restart.join();
  EXPECT_TRUE(job.ok()) << job.status();
}

TEST(ClientTest, StopEndsACallInFlight) {
  FakeScheduler scheduler;
  scheduler.HangCalls();
  std::stop_source stop;
  ClientOptions options = scheduler.options();
  options.stop = stop.get_token();
  const auto client = ConnectTo(options);
  std::thread stopper([&] {
    scheduler.AwaitCalls(1);
    stop.request_stop();
  });
  const auto job = client->GetJob(17);
  stopper.join();
  EXPECT_EQ(job.status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(client->GetJob(17).status().code(), absl::StatusCode::kCancelled);
}

TEST(ClientTest, ListJobsMergesAllPagesNewestFirst) {
  FakeScheduler scheduler;
  scheduler.page_bound = 3;
  for (uint64_t id = 1; id <= 7; ++id) scheduler.PutJob(MakeJob(id, v1::PENDING));
  const auto all = ConnectTo(scheduler.options())->ListJobs({});
  ASSERT_TRUE(all.ok()) << all.status();
  ASSERT_EQ(all->jobs_size(), 7);
  EXPECT_EQ(all->jobs(0).id(), 7U);
  EXPECT_EQ(all->jobs(6).id(), 1U);
  EXPECT_TRUE(all->next_page_token().empty());
  EXPECT_EQ(scheduler.job_lists.size(), 3U);
  EXPECT_EQ(all->store_revision(), 101U) << "the first page's: later ones may be newer than the whole";
}

TEST(ClientTest, ListJobsStopsAtItsLimit) {
  FakeScheduler scheduler;
  scheduler.page_bound = 3;
  for (uint64_t id = 1; id <= 9; ++id) scheduler.PutJob(MakeJob(id, v1::PENDING));
  const auto some = ConnectTo(scheduler.options())->ListJobs({}, 4);
  ASSERT_TRUE(some.ok()) << some.status();
  EXPECT_EQ(some->jobs_size(), 4);
  EXPECT_EQ(scheduler.job_lists.size(), 2U);
}

TEST(ClientTest, ListNodesMergesAllPages) {
  FakeScheduler scheduler;
  scheduler.page_bound = 2;
  for (const char* id : {"s/a", "s/b", "s/c", "s/d", "s/e"}) {
    v1::NodeStatus node;
    node.set_id(id);
    scheduler.PutNode(node);
  }
  const auto all = ConnectTo(scheduler.options())->ListNodes({});
  ASSERT_TRUE(all.ok()) << all.status();
  EXPECT_EQ(all->nodes_size(), 5);
}

TEST(ClientTest, EveryOperatorsWordCarriesAKey) {
  FakeScheduler scheduler;
  const auto client = ConnectTo(scheduler.options());
  ASSERT_TRUE(client->NodeAction({}).ok());
  ASSERT_TRUE(client->OrphanAction({}).ok());
  ASSERT_TRUE(client->Cancel({}).ok());
  EXPECT_EQ(scheduler.node_actions[0].idempotency_key().size(), 32U);
  EXPECT_EQ(scheduler.orphan_actions[0].idempotency_key().size(), 32U);
  EXPECT_EQ(scheduler.cancels[0].idempotency_key().size(), 32U);
}

}  // namespace
}  // namespace switchyard::client
