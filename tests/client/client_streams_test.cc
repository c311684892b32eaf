#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <thread>

#include "client/client.h"
#include "tests/client/fake_scheduler.h"

namespace switchyard::client {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Watches = StreamScript<v1::WatchResponse>;

const grpc::Status kBroken(grpc::StatusCode::UNAVAILABLE, "connection reset");

std::unique_ptr<Client> ConnectTo(const ClientOptions& options) {
  absl::StatusOr<std::unique_ptr<Client>> client = Client::Connect(options);
  EXPECT_TRUE(client.ok()) << client.status();
  return *std::move(client);
}

// "17:RUNNING@5", "PROGRESS@5", "RESYNC@9"
std::string Brief(const v1::WatchResponse& message) {
  const std::string at = "@" + std::to_string(message.store_revision());
  if (message.kind() != v1::WatchResponse::JOB) return v1::WatchResponse::Kind_Name(message.kind()) + at;
  return std::to_string(message.job().id()) + ":" + v1::JobState_Name(message.job().state()) + at;
}

TEST(WatchTest, ResumesABrokenStreamFromTheLastProgress) {
  FakeScheduler scheduler;
  scheduler.watches = {
      Watches{{JobMessage(MakeJob(17, v1::PENDING, 4)), ProgressMessage(5), JobMessage(MakeJob(17, v1::PREPARING, 6))},
              true,
              kBroken},
      Watches{
          {JobMessage(MakeJob(17, v1::PREPARING, 6)), JobMessage(MakeJob(17, v1::RUNNING, 7))}, true, grpc::Status::OK},
      Watches{{JobMessage(MakeJob(17, v1::SUCCEEDED, 8))}, false, grpc::Status::OK}};
  std::vector<std::string> seen;
  const absl::Status status = ConnectTo(scheduler.options())->Watch({{17}, 0}, [&](const v1::WatchResponse& message) {
    seen.push_back(Brief(message));
    return message.job().state() != v1::SUCCEEDED;
  });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_THAT(seen, ElementsAre("17:PENDING@4", "PROGRESS@5", "17:PREPARING@6", "17:PREPARING@6", "17:RUNNING@7",
                                "17:SUCCEEDED@8"));
  ASSERT_EQ(scheduler.watch_requests.size(), 3U);
  EXPECT_EQ(scheduler.watch_requests[0].from_revision(), 0U);
  EXPECT_EQ(scheduler.watch_requests[1].from_revision(), 5U) << "6 was not complete when the line broke";
  EXPECT_EQ(scheduler.watch_requests[2].from_revision(), 5U);
}

TEST(WatchTest, ResyncBringsThePresentStateAndWatchesOnFromThere) {
  FakeScheduler scheduler;
  scheduler.PutJob(MakeJob(17, v1::RUNNING, 40));
  scheduler.watches = {Watches{{ResyncMessage(42)}, false, grpc::Status::OK},
                       Watches{{JobMessage(MakeJob(17, v1::SUCCEEDED, 43))}, false, grpc::Status::OK}};
  std::vector<std::string> seen;
  const absl::Status status = ConnectTo(scheduler.options())->Watch({{17}, 3}, [&](const v1::WatchResponse& message) {
    seen.push_back(Brief(message));
    return message.job().state() != v1::SUCCEEDED;
  });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_THAT(seen, ElementsAre("RESYNC@42", "17:RUNNING@42", "17:SUCCEEDED@43"));
  EXPECT_EQ(scheduler.watch_requests[0].from_revision(), 3U);
  EXPECT_EQ(scheduler.watch_requests[1].from_revision(), 42U);
}

TEST(WatchTest, ResyncOfAWatchOverAllListsAllPages) {
  FakeScheduler scheduler;
  scheduler.page_bound = 2;
  for (uint64_t id = 1; id <= 5; ++id) scheduler.PutJob(MakeJob(id, v1::RUNNING));
  scheduler.watches = {Watches{{ResyncMessage(42)}, false, grpc::Status::OK}};
  int jobs = 0;
  const absl::Status status = ConnectTo(scheduler.options())->Watch({}, [&](const v1::WatchResponse& message) {
    jobs += message.kind() == v1::WatchResponse::JOB ? 1 : 0;
    return jobs < 5;
  });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(scheduler.job_lists[0].at_least(), 42U);
}

TEST(WatchTest, ARefusalIsNotRetriedAndAnAbsentSchedulerOnlyForAWhile) {
  FakeScheduler scheduler;
  scheduler.watches = {Watches{{}, true, {grpc::StatusCode::PERMISSION_DENIED, "tenant \"research\": not a member"}}};
  ClientOptions options = scheduler.options();
  options.reconnect_for = Milliseconds(50);
  const auto client = ConnectTo(options);
  const auto any = [](const v1::WatchResponse&) { return true; };
  EXPECT_EQ(client->Watch({}, any).code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(scheduler.watch_requests.size(), 1U);
  scheduler.Stop();
  EXPECT_EQ(client->Watch({}, any).code(), absl::StatusCode::kUnavailable);
}

TEST(WaitTest, ReturnsAtOnceForJobsThatHaveEnded) {
  FakeScheduler scheduler;
  scheduler.PutJob(MakeJob(17, v1::SUCCEEDED));
  scheduler.PutJob(MakeJob(18, v1::FAILED));
  const auto jobs = ConnectTo(scheduler.options())->Wait({18, 17, 18}, {});
  ASSERT_TRUE(jobs.ok()) << jobs.status();
  ASSERT_EQ(jobs->size(), 3U);
  EXPECT_EQ((*jobs)[0].id(), 18U);
  EXPECT_EQ((*jobs)[1].id(), 17U);
  EXPECT_TRUE(scheduler.watch_requests.empty());
}

TEST(WaitTest, WatchesOnlyWhatIsMissingUntilItIsThere) {
  FakeScheduler scheduler;
  scheduler.PutJob(MakeJob(17, v1::RUNNING));
  scheduler.PutJob(MakeJob(18, v1::PENDING));
  scheduler.watches = {Watches{{JobMessage(MakeJob(18, v1::PREPARING, 5)), ProgressMessage(5)}, true, kBroken},
                       Watches{{JobMessage(MakeJob(18, v1::RUNNING, 6))}, false, grpc::Status::OK}};
  WaitOptions options;
  options.until = v1::RUNNING;
  std::vector<std::string> changes;
  options.on_change = [&](const v1::Job& job) {
    changes.push_back(std::to_string(job.id()) + v1::JobState_Name(job.state()));
  };
  const auto jobs = ConnectTo(scheduler.options())->Wait({17, 18}, options);
  ASSERT_TRUE(jobs.ok()) << jobs.status();
  EXPECT_EQ((*jobs)[1].state(), v1::RUNNING);
  EXPECT_THAT(changes, ElementsAre("17RUNNING", "18PENDING", "18PREPARING", "18RUNNING"));
  ASSERT_EQ(scheduler.watch_requests.size(), 2U);
  EXPECT_THAT(scheduler.watch_requests[0].ids(), ElementsAre(18U));
}

TEST(WaitTest, AnOlderStateNeverReplacesANewerOne) {
  FakeScheduler scheduler;
  scheduler.PutJob(MakeJob(17, v1::RUNNING, 9));
  scheduler.watches = {Watches{
      {JobMessage(MakeJob(17, v1::FAILED, 3)), JobMessage(MakeJob(17, v1::SUCCEEDED, 10))}, false, grpc::Status::OK}};
  const auto jobs = ConnectTo(scheduler.options())->Wait({17}, {});
  ASSERT_TRUE(jobs.ok()) << jobs.status();
  EXPECT_EQ(jobs->front().state(), v1::SUCCEEDED);
}

TEST(WaitTest, NamesWhatIsMissingWhenTheTimeIsOver) {
  FakeScheduler scheduler;
  scheduler.PutJob(MakeJob(17, v1::RUNNING));
  scheduler.PutJob(MakeJob(18, v1::SUCCEEDED));
  WaitOptions options;
  options.timeout = Milliseconds(50);
  const auto jobs = ConnectTo(scheduler.options())->Wait({17, 18}, options);
  EXPECT_EQ(jobs.status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(std::string(jobs.status().message()), HasSubstr("1 of 2 jobs not there when the time was over: 17"));
}

TEST(WaitTest, AJobThatDoesNotExistIsAnError) {
  FakeScheduler scheduler;
  EXPECT_EQ(ConnectTo(scheduler.options())->Wait({99}, {}).status().code(), absl::StatusCode::kNotFound);
}

TEST(HasReachedTest, EveryEndEndsEveryWaitAndLaterStatesIncludeEarlierOnes) {
  EXPECT_TRUE(HasReached(v1::FAILED, v1::RUNNING));
  EXPECT_TRUE(HasReached(v1::RUNNING, v1::PREPARING));
  EXPECT_TRUE(HasReached(v1::RUNNING, v1::RUNNING));
  EXPECT_FALSE(HasReached(v1::PREPARING, v1::RUNNING));
  EXPECT_FALSE(HasReached(v1::RUNNING, v1::SUCCEEDED));
  EXPECT_FALSE(HasReached(v1::STOPPING, v1::JOB_STATE_UNSPECIFIED));
}

v1::LogChunk Chunk(const std::string& data) {
  v1::LogChunk chunk;
  chunk.set_data(data);
  return chunk;
}

TEST(LogsTest, RetriesBeforeTheFirstByteAndNeverAfterIt) {
  FakeScheduler scheduler;
  using Logs = StreamScript<v1::LogChunk>;
  scheduler.logs = {Logs{{}, true, kBroken}, Logs{{Chunk("epoch 1\n"), Chunk("epoch 2\n")}, true, grpc::Status::OK},
                    Logs{{Chunk("epoch 1\n")}, true, kBroken}};
  const auto client = ConnectTo(scheduler.options());
  std::string text;
  const auto take = [&](const v1::LogChunk& chunk) {
    text += chunk.data();
    return true;
  };
  EXPECT_TRUE(client->Logs({}, take).ok());
  EXPECT_EQ(text, "epoch 1\nepoch 2\n");
  EXPECT_EQ(client->Logs({}, take).code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(scheduler.log_requests.size(), 3U);
}

TEST(EventsTest, ResumesAfterTheLastEventSeenWithoutRepeatingIt) {
  FakeScheduler scheduler;
  using Events = StreamScript<v1::Event>;
  scheduler.events = {Events{{MakeEvent(1, "a"), MakeEvent(2, "b")}, true, kBroken},
                      Events{{MakeEvent(2, "b"), MakeEvent(3, "c")}, false, grpc::Status::OK}};
  v1::StreamEventsRequest request;
  request.set_follow(true);
  std::string seen;
  const absl::Status status = ConnectTo(scheduler.options())->Events(request, [&](const v1::Event& event) {
    seen += event.text();
    return event.sequence() < 3;
  });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(seen, "abc");
  EXPECT_EQ(scheduler.event_requests[1].since_utc_ms(), MakeEvent(2, "").utc_ms());
}

TEST(EventsTest, WithoutFollowTheEndOfTheStreamIsTheEnd) {
  FakeScheduler scheduler;
  scheduler.events = {StreamScript<v1::Event>{{MakeEvent(1, "a")}, true, grpc::Status::OK}};
  int seen = 0;
  EXPECT_TRUE(ConnectTo(scheduler.options())->Events({}, [&](const v1::Event&) { return ++seen > 0; }).ok());
  EXPECT_EQ(seen, 1);
  EXPECT_EQ(scheduler.event_requests.size(), 1U);
}

}  // namespace
}  // namespace switchyard::client
