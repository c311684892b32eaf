#include "scheduler/rpc/job_service.h"

#include <gtest/gtest.h>
#include <thread>

#include "scheduler/rpc/bounds/limits.h"
#include "tests/scheduler/rpc/house.h"
#include "tests/scheduler/rpc/rows.h"

namespace switchyard::rpc {
namespace {

using testing_house::Command;
using testing_rows::ConfigurationRow;
using testing_rows::JobRow;
using testing_rows::Row;

class JobServiceTest : public testing_house::House {
 protected:
  static v1::SubmitRequest GoodSubmit() {
    v1::SubmitRequest request;
    request.set_idempotency_key("key-1");
    v1::JobSpec& spec = *request.add_jobs();
    spec.set_name("train");
    spec.set_tenant("ml");
    spec.set_kind(v1::TRAINING);
    v1::TaskGroup& group = *spec.add_groups();
    group.add_command("/bin/true");
    group.mutable_resources()->set_cpu_milli(1000);
    return request;
  }
  void Publish(uint64_t sequence, std::vector<core::Row> rows) { gate_->OnRows(sequence, std::move(rows)); }
};

TEST_F(JobServiceTest, SubmitCarriesThePrincipalAndTheDefaultsToTheCore) {
  engine_.AnswerWith([](const Command&) {
    core::Reply reply;
    reply.result.mutable_submit()->add_job_ids(17);
    reply.result.mutable_submit()->set_store_revision(3);
    return reply;
  });
  v1::SubmitResponse response;
  const auto status = Within([&](auto* context) { return Jobs()->Submit(context, GoodSubmit(), &response); });
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.job_ids(0), 17u);
  const Command command = engine_.Wait(Command::kSubmit);
  EXPECT_EQ(command.principal(), "uid:" + std::to_string(getuid()));
  EXPECT_TRUE(command.is_operator()) << "the daemon's own user";
  EXPECT_EQ(command.submit().jobs(0).groups(0).count(), 1) << "a default";
  EXPECT_GT(command.submit().jobs(0).grace_ms(), 0);
}

TEST_F(JobServiceTest, EveryBadFieldIsNamedAtOnceAndNothingReachesTheCore) {
  v1::SubmitRequest request = GoodSubmit();
  request.clear_idempotency_key();
  *request.add_jobs() = request.jobs(0);
  request.mutable_jobs(1)->set_name("Not A Name");
  request.mutable_jobs(1)->set_priority(100'000);
  v1::SubmitResponse response;
  const auto status = Within([&](auto* context) { return Jobs()->Submit(context, request, &response); });
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  for (const char* path : {"idempotency_key", "jobs[1].name", "jobs[1].priority"}) {
    EXPECT_NE(status.error_message().find(path), std::string::npos) << path << " in:\n" << status.error_message();
  }
  EXPECT_EQ(engine_.Count(Command::kSubmit), 0u);
}

TEST_F(JobServiceTest, AListOfProblemsThatOutgrowsATrailerIsCutAndStillArrives) {
  v1::SubmitRequest request = GoodSubmit();
  for (int i = 0; i < 500; ++i) {
    *request.add_jobs() = request.jobs(0);
    request.mutable_jobs(i + 1)->set_name("Not A Name");
  }
  v1::SubmitResponse response;
  const auto status = Within([&](auto* context) { return Jobs()->Submit(context, request, &response); });
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_LE(status.error_message().size(), kStatusMessageBytesMax);
  EXPECT_NE(status.error_message().find("more problems"), std::string::npos);
}

TEST_F(JobServiceTest, ARequestAboveTheSizeBoundIsRefusedAndTheNextOneServed) {
  v1::SubmitRequest request = GoodSubmit();
  request.mutable_jobs(0)->mutable_groups(0)->add_command(std::string(kMessageBytesMax, 'x'));
  v1::SubmitResponse response;
  auto status = Within([&](auto* context) { return Jobs()->Submit(context, request, &response); });
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  status = Within([&](auto* context) { return Jobs()->Submit(context, GoodSubmit(), &response); });
  EXPECT_TRUE(status.ok());
}

TEST_F(JobServiceTest, TheCoresRefusalKeepsItsCodeAndWords) {
  engine_.AnswerWith([](const Command&) {
    core::Reply reply;
    reply.status = absl::AlreadyExistsError("key \"key-1\": used with another body");
    return reply;
  });
  v1::SubmitResponse response;
  const auto status = Within([&](auto* context) { return Jobs()->Submit(context, GoodSubmit(), &response); });
  EXPECT_EQ(status.error_code(), grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_EQ(status.error_message(), "key \"key-1\": used with another body");
}

TEST_F(JobServiceTest, AReadSeesWhatWasPublishedBeforeIt) {
  for (uint64_t id = 1; id <= 200; ++id) {
    Publish(id, {Row(JobRow(id, "ml", v1::PENDING))});
    v1::GetJobRequest request;
    request.set_id(id);
    v1::Job job;
    const auto status = Within([&](auto* context) { return Jobs()->GetJob(context, request, &job); });
    ASSERT_TRUE(status.ok()) << status.error_message();
    ASSERT_EQ(job.store_revision(), id);
  }
}

TEST_F(JobServiceTest, AReadWaitsForTheRevisionItDemands) {
  v1::GetJobRequest request;
  request.set_id(1);
  request.set_at_least(7);
  v1::Job job;
  std::thread writer([&] {
    for (uint64_t sequence = 1; sequence <= 7; ++sequence) {
      Publish(sequence, {Row(JobRow(1, "ml", sequence == 7 ? v1::RUNNING : v1::PENDING))});
    }
  });
  const auto status = Within([&](auto* context) { return Jobs()->GetJob(context, request, &job); });
  writer.join();
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(job.state(), v1::RUNNING);
}

TEST_F(JobServiceTest, AReadOfARevisionThatDoesNotComeIsUnavailableAtItsDeadline) {
  v1::GetJobRequest request;
  request.set_id(1);
  request.set_at_least(1000);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(200));
  v1::Job job;
  const auto status = Jobs()->GetJob(&context, request, &job);
  // Client and server count the same deadline; either may be first.
  EXPECT_TRUE(status.error_code() == grpc::StatusCode::UNAVAILABLE ||
              status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED);
}

TEST_F(JobServiceTest, AnUnknownJobIsNotFound) {
  v1::GetJobRequest request;
  request.set_id(4);
  v1::Job job;
  const auto status = Within([&](auto* context) { return Jobs()->GetJob(context, request, &job); });
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  v1::ExplainRequest explain;
  explain.set_id(4);
  v1::ExplainResponse explained;
  EXPECT_EQ(Within([&](auto* context) { return Jobs()->Explain(context, explain, &explained); }).error_code(),
            grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(engine_.Count(Command::kQuery), 0u) << "who may not see a job does not ask the core of it";
}

TEST_F(JobServiceTest, PagesFollowEachOtherWithoutGapsWhileJobsAreAdded) {
  std::vector<core::Row> rows;
  for (uint64_t id = 1; id <= 25; ++id) rows.push_back(Row(JobRow(id, "ml", v1::PENDING)));
  Publish(1, rows);
  v1::ListJobsRequest request;
  request.set_page_size(10);
  std::vector<uint64_t> ids;
  uint64_t sequence = 1;
  do {
    v1::ListJobsResponse page;
    const auto status = Within([&](auto* context) { return Jobs()->ListJobs(context, request, &page); });
    ASSERT_TRUE(status.ok()) << status.error_message();
    for (const v1::Job& job : page.jobs()) ids.push_back(job.id());
    request.set_page_token(page.next_page_token());
    ++sequence;
    Publish(sequence, {Row(JobRow(100 + sequence, "ml", v1::PENDING))});
  } while (!request.page_token().empty());
  ASSERT_EQ(ids.size(), 25u);
  for (size_t i = 0; i < ids.size(); ++i) EXPECT_EQ(ids[i], 25 - i);
}

TEST_F(JobServiceTest, BadPagesAreRefusedWithTheirFields) {
  v1::ListJobsRequest request;
  request.set_page_size(100'000);
  request.set_page_token("ten");
  v1::ListJobsResponse page;
  const auto status = Within([&](auto* context) { return Jobs()->ListJobs(context, request, &page); });
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_NE(status.error_message().find("page_size"), std::string::npos);
  EXPECT_NE(status.error_message().find("page_token"), std::string::npos);
}

TEST_F(JobServiceTest, AWatchFollowsAndResumes) {
  Publish(1, {Row(JobRow(1, "ml", v1::PENDING))});
  uint64_t resume = 0;
  {
    grpc::ClientContext context;
    auto reader = Jobs()->Watch(&context, v1::WatchRequest());
    v1::WatchResponse message;
    ASSERT_TRUE(reader->Read(&message));
    // The stream may begin before the first batch is applied; then the job comes as a change.
    while (message.kind() != v1::WatchResponse::JOB) ASSERT_TRUE(reader->Read(&message));
    EXPECT_EQ(message.job().id(), 1u);
    ASSERT_TRUE(reader->Read(&message));
    EXPECT_EQ(message.kind(), v1::WatchResponse::PROGRESS);
    Publish(2, {Row(JobRow(1, "ml", v1::RUNNING))});
    ASSERT_TRUE(reader->Read(&message));
    EXPECT_EQ(message.job().state(), v1::RUNNING);
    ASSERT_TRUE(reader->Read(&message));
    ASSERT_EQ(message.kind(), v1::WatchResponse::PROGRESS);
    resume = message.store_revision();
    EXPECT_EQ(resume, 2u);
    context.TryCancel();
  }
  Publish(3, {Row(JobRow(2, "ml", v1::PENDING))});
  grpc::ClientContext context;
  v1::WatchRequest request;
  request.set_from_revision(resume);
  auto reader = Jobs()->Watch(&context, request);
  v1::WatchResponse message;
  do ASSERT_TRUE(reader->Read(&message));
  while (message.kind() == v1::WatchResponse::PROGRESS);
  EXPECT_EQ(message.job().id(), 2u) << "and nothing of what was seen before";
  context.TryCancel();
}

TEST_F(JobServiceTest, AWatchFromAnotherStoresRevisionIsToldToResyncAndEnds) {
  grpc::ClientContext context;
  v1::WatchRequest request;
  request.set_from_revision(1'000'000);
  auto reader = Jobs()->Watch(&context, request);
  v1::WatchResponse message;
  ASSERT_TRUE(reader->Read(&message));
  EXPECT_EQ(message.kind(), v1::WatchResponse::RESYNC);
  EXPECT_FALSE(reader->Read(&message));
  EXPECT_TRUE(reader->Finish().ok());
}

TEST_F(JobServiceTest, AWatcherThatDoesNotReadHoldsUpNobodyAndIsToldToResync) {
  grpc::ClientContext context;
  auto reader = Jobs()->Watch(&context, v1::WatchRequest());
  v1::WatchResponse message;
  ASSERT_TRUE(reader->Read(&message));
  EXPECT_EQ(message.kind(), v1::WatchResponse::PROGRESS);
  // First fill the connection's window with what it will not read, then move on further than the ring keeps.
  uint64_t sequence = 0;
  for (uint64_t id = 1; id <= 64; ++id) {
    store::v1::JobRow job = JobRow(id, "ml", v1::RUNNING);
    job.mutable_job()->set_reason(std::string(1 << 20, 'x'));
    Publish(++sequence, {Row(job)});
  }
  while (gate_->reads().applied() < sequence) std::this_thread::yield();
  for (size_t i = 0; i < kChangesKept + 1; ++i) Publish(++sequence, {Row(JobRow(1000 + i % 10, "ml", v1::RUNNING))});
  while (gate_->reads().applied() < sequence) std::this_thread::yield();
  bool resync = false;
  while (reader->Read(&message)) resync = message.kind() == v1::WatchResponse::RESYNC;
  EXPECT_TRUE(resync);
  EXPECT_TRUE(reader->Finish().ok());
}

TEST_F(JobServiceTest, StoppingEndsOpenWatchesSoThatClientsComeBack) {
  grpc::ClientContext context;
  auto reader = Jobs()->Watch(&context, v1::WatchRequest());
  v1::WatchResponse message;
  ASSERT_TRUE(reader->Read(&message));
  server_->Stop();
  while (reader->Read(&message)) {
  }
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(JobServiceTest, OnePrincipalsStreamsAreBounded) {
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
  std::vector<std::unique_ptr<grpc::ClientReader<v1::WatchResponse>>> readers;
  v1::WatchResponse message;
  for (int i = 0; i < kStreamsPerPrincipalMax; ++i) {
    contexts.push_back(std::make_unique<grpc::ClientContext>());
    readers.push_back(Jobs()->Watch(contexts.back().get(), v1::WatchRequest()));
    ASSERT_TRUE(readers.back()->Read(&message));
  }
  grpc::ClientContext context;
  auto refused = Jobs()->Watch(&context, v1::WatchRequest());
  EXPECT_FALSE(refused->Read(&message));
  EXPECT_EQ(refused->Finish().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  for (auto& open : contexts) open->TryCancel();
  for (auto& reader : readers) {
    while (reader->Read(&message)) {
    }
    (void)reader->Finish();
  }
}

}  // namespace
}  // namespace switchyard::rpc
