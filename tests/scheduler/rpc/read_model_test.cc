#include "scheduler/rpc/read_model.h"

#include <future>
#include <gtest/gtest.h>

#include "scheduler/rpc/bounds/limits.h"
#include "tests/scheduler/rpc/rows.h"

namespace switchyard::rpc {
namespace {

using testing_rows::AllocationRow;
using testing_rows::ConfigurationRow;
using testing_rows::Deleted;
using testing_rows::EventRow;
using testing_rows::JobRow;
using testing_rows::NodeRow;

Principal Operator() { return LoopbackPrincipal(); }
Principal Person(const std::string& name) {
  Principal principal;
  principal.kind = Principal::Kind::kPerson;
  principal.name = name;
  return principal;
}

class ReadModelTest : public ::testing::Test {
 protected:
  void Publish(uint64_t sequence, std::vector<core::Row> rows) {
    model_.Publish(sequence, std::move(rows));
    Reach(sequence);
  }
  void Reach(uint64_t revision) {
    std::promise<absl::Status> reached;
    model_.WhenReached(revision, std::chrono::steady_clock::now() + std::chrono::minutes(1),
                       [&](absl::Status status) { reached.set_value(status); });
    ASSERT_TRUE(reached.get_future().get().ok());
  }
  std::vector<uint64_t> Ids(const JobTable::Page& page) {
    std::vector<uint64_t> ids;
    for (const v1::Job& job : page.jobs) ids.push_back(job.id());
    return ids;
  }
  // Everything that a watch has to say now, as "job@revision", "progress@revision" or "resync".
  std::vector<std::string> Drain(ReadModel::Cursor* cursor, const Principal& principal) {
    std::vector<std::string> said;
    for (;;) {
      const ReadModel::WatchAnswer answer = model_.NextChange(cursor, principal);
      const std::string at = "@" + std::to_string(answer.revision);
      switch (answer.next) {
        case ReadModel::Next::kWait:
          return said;
        case ReadModel::Next::kResync:
          said.push_back("resync");
          return said;
        case ReadModel::Next::kProgress:
          said.push_back("progress" + at);
          break;
        case ReadModel::Next::kJob:
          said.push_back(std::to_string(answer.job.id()) + at);
          break;
      }
    }
  }

  using Lines = std::vector<std::string>;
  ReadModel model_{{.changes_kept = 8, .events_kept = 4}};
};

// What a job waits for is of the moment: no revision, no row, and nothing for watchers.
TEST_F(ReadModelTest, AReasonIsShownUntilItChangesOrARowSaysOtherwise) {
  const auto reason = [](const std::string& constraint) {
    v1::PendingReason made;
    made.set_constraint(constraint);
    return std::vector<core::ReasonChange>{{.job = 1, .reason = made}};
  };
  const auto shown = [&] { return model_.GetJob(1).job->pending().constraint(); };
  store::v1::JobRow job = JobRow(1, "ml", v1::RUNNING);
  job.mutable_job()->mutable_spec()->set_kind(v1::HASHING);
  Publish(1, {testing_rows::Row(job)});
  std::optional<ReadModel::Cursor> cursor = model_.StartWatch(1, {});
  ASSERT_TRUE(cursor.has_value());
  model_.PublishReasons(1, reason("one"));
  Publish(2, {});
  EXPECT_EQ(shown(), "one");
  EXPECT_EQ(Drain(&*cursor, Operator()), Lines{"progress@2"});
  model_.PublishReasons(2, reason(""));
  Publish(3, {});
  EXPECT_FALSE(model_.GetJob(1).job->has_pending());
  model_.PublishReasons(3, reason("two"));
  Publish(4, {});
  EXPECT_EQ(shown(), "two");
  job.mutable_job()->set_state(v1::FAILED);
  Publish(5, {testing_rows::Row(job)});
  EXPECT_EQ(shown(), "");
  model_.PublishReasons(5, reason("three"));
  model_.PublishReasons(5, {{.job = 2, .reason = {}}});
  Publish(6, {});
  EXPECT_EQ(shown(), "") << "it has ended";
}

TEST_F(ReadModelTest, JoinsAJobWithItsAllocationAndTheNamesOfItsDevices) {
  store::v1::JobRow job = JobRow(1, "ml", v1::RUNNING);
  v1::Task& task = *job.mutable_job()->add_tasks();
  task.set_group("task");
  task.set_allocation(10);
  store::v1::AllocationRow allocation = AllocationRow(10, 1, "site/n1");
  allocation.set_device_group("gpu");
  allocation.add_devices()->set_first(1);
  allocation.mutable_devices(0)->set_count(2);
  allocation.set_grant_mw(500);
  allocation.set_confirmed_mw(700);
  allocation.add_grants()->set_grant_mw(900);
  allocation.set_reported(v1::TASK_RUNNING);
  // The allocation's row may stand before the job's in a batch.
  Publish(1, {testing_rows::Row(NodeRow("site/n1", "gpu", {"a", "b", "c"})), testing_rows::Row(allocation),
              testing_rows::Row(job)});
  const v1::Job shown = *model_.GetJob(1).job;
  ASSERT_EQ(shown.tasks_size(), 1);
  EXPECT_EQ(shown.tasks(0).node(), "site/n1");
  EXPECT_EQ(shown.tasks(0).grant_mw(), 500);
  EXPECT_EQ(shown.tasks(0).bound_mw(), 900) << "the highest of what is confirmed and every grant since";
  EXPECT_EQ(shown.tasks(0).phase(), v1::TASK_RUNNING);
  ASSERT_EQ(shown.tasks(0).devices_size(), 2);
  EXPECT_EQ(shown.tasks(0).devices(0), "b");
  EXPECT_EQ(shown.tasks(0).devices(1), "c");
  EXPECT_EQ(shown.store_revision(), 1u);
}

TEST_F(ReadModelTest, AnOrphanIsNoTaskOfTheJobThatItNames) {
  store::v1::AllocationRow orphan = AllocationRow(10, 1, "site/n1");
  orphan.set_orphan(true);
  const std::string key = std::string("site/n1") + '\0' + core::NumberKey(10);
  store::v1::JobRow job = JobRow(1, "ml", v1::RUNNING);
  job.mutable_job()->add_tasks()->set_allocation(10);
  Publish(5, {testing_rows::Row(job), {core::RowKind::kAllocation, key, orphan.SerializeAsString()}});
  EXPECT_EQ(model_.GetJob(1).job->tasks(0).node(), "");
  Publish(6, {{core::RowKind::kAllocation, key, std::nullopt}});
  EXPECT_TRUE(model_.GetJob(1).job.has_value());
}

TEST_F(ReadModelTest, AnAllocationThatChangesChangesItsJob) {
  Publish(1, {testing_rows::Row(JobRow(1, "ml", v1::RUNNING))});
  auto cursor = model_.StartWatch(1, {});
  ASSERT_TRUE(cursor);
  Publish(2, {testing_rows::Row(AllocationRow(10, 1, "site/n1"))});
  EXPECT_EQ(Drain(&*cursor, Operator()), (Lines{"1@2", "progress@2"}));
  EXPECT_EQ(model_.GetJob(1).job->tasks_size(), 1) << "hashing's tasks are its allocations";
  Publish(3, {Deleted(core::RowKind::kAllocation, 10)});
  EXPECT_EQ(model_.GetJob(1).job->tasks_size(), 0);
  EXPECT_EQ(Drain(&*cursor, Operator()), (Lines{"1@3", "progress@3"}));
}

TEST_F(ReadModelTest, ListsNewestFirstInPagesWithFilters) {
  std::vector<core::Row> rows;
  for (uint64_t id = 1; id <= 9; ++id) {
    rows.push_back(
        testing_rows::Row(JobRow(id, id % 3 == 0 ? "hash" : "ml", id % 2 == 0 ? v1::RUNNING : v1::SUCCEEDED)));
  }
  Publish(1, rows);
  JobTable::Query query;
  query.page_size = 4;
  auto page = model_.ListJobs(query, Operator()).page;
  EXPECT_EQ(Ids(page), (std::vector<uint64_t>{9, 8, 7, 6}));
  query.before = page.next;
  page = model_.ListJobs(query, Operator()).page;
  EXPECT_EQ(Ids(page), (std::vector<uint64_t>{5, 4, 3, 2}));
  query.before = page.next;
  page = model_.ListJobs(query, Operator()).page;
  EXPECT_EQ(Ids(page), (std::vector<uint64_t>{1}));
  EXPECT_EQ(page.next, 0u);

  query = {};
  query.page_size = 100;
  query.tenant = "hash";
  EXPECT_EQ(Ids(model_.ListJobs(query, Operator()).page), (std::vector<uint64_t>{9, 6, 3}));
  query.state = v1::RUNNING;
  EXPECT_EQ(Ids(model_.ListJobs(query, Operator()).page), (std::vector<uint64_t>{6}));
  query.tenant = "none";
  EXPECT_TRUE(Ids(model_.ListJobs(query, Operator()).page).empty());
}

TEST_F(ReadModelTest, APageEndsBeforeItOutgrowsAMessage) {
  std::vector<core::Row> rows;
  for (uint64_t id = 1; id <= 10; ++id) {
    store::v1::JobRow job = JobRow(id, "ml", v1::RUNNING);
    job.mutable_job()->set_reason(std::string(1 << 20, 'x'));
    rows.push_back(testing_rows::Row(job));
  }
  Publish(1, rows);
  JobTable::Query query;
  query.page_size = 10;
  std::vector<uint64_t> all;
  do {
    const auto page = model_.ListJobs(query, Operator()).page;
    size_t bytes = 0;
    for (const v1::Job& job : page.jobs) bytes += job.ByteSizeLong();
    ASSERT_LE(bytes, kServedBytesMax);
    ASSERT_FALSE(page.jobs.empty());
    for (const uint64_t id : Ids(page)) all.push_back(id);
    query.before = page.next;
  } while (query.before != 0);
  EXPECT_EQ(all, (std::vector<uint64_t>{10, 9, 8, 7, 6, 5, 4, 3, 2, 1}));
}

TEST_F(ReadModelTest, OnlyMembersSeeATenantsJobs) {
  Publish(1, {testing_rows::Row(ConfigurationRow({{"ml", {"user:alice"}}, {"open", {"*"}}}, {"cn:ops"})),
              testing_rows::Row(JobRow(1, "ml", v1::RUNNING)), testing_rows::Row(JobRow(2, "open", v1::RUNNING)),
              testing_rows::Row(JobRow(3, "gone", v1::RUNNING))});
  JobTable::Query query;
  query.page_size = 10;
  Principal alice = Person("uid:1000");
  alice.aliases = {"user:alice"};
  EXPECT_EQ(Ids(model_.ListJobs(query, alice).page), (std::vector<uint64_t>{2, 1}));
  EXPECT_EQ(Ids(model_.ListJobs(query, Person("uid:1001")).page), (std::vector<uint64_t>{2}));
  EXPECT_EQ(Ids(model_.ListJobs(query, Person("cn:ops")).page), (std::vector<uint64_t>{3, 2, 1}));
  const absl::Status refused = model_.membership()->MustSee(Person("uid:1001"), "ml");
  EXPECT_EQ(refused.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_NE(std::string(refused.message()).find("tenant \"ml\""), std::string::npos);
}

TEST_F(ReadModelTest, AWatchFromZeroBeginsWithWhatIsAliveAndFollows) {
  Publish(1, {testing_rows::Row(JobRow(1, "ml", v1::SUCCEEDED)), testing_rows::Row(JobRow(2, "ml", v1::RUNNING)),
              testing_rows::Row(JobRow(3, "ml", v1::PENDING))});
  auto cursor = model_.StartWatch(0, {});
  ASSERT_TRUE(cursor);
  EXPECT_EQ(Drain(&*cursor, Operator()), (Lines{"2@1", "3@1", "progress@1"}));
  Publish(2, {testing_rows::Row(JobRow(3, "ml", v1::RUNNING)), testing_rows::Row(JobRow(4, "ml", v1::PENDING))});
  EXPECT_EQ(Drain(&*cursor, Operator()), (Lines{"3@2", "4@2", "progress@2"}));
  EXPECT_EQ(Drain(&*cursor, Operator()), Lines{});
}

TEST_F(ReadModelTest, AWatchOfNamedJobsShowsThemEvenWhenTheyHaveEnded) {
  Publish(1, {testing_rows::Row(JobRow(1, "ml", v1::SUCCEEDED)), testing_rows::Row(JobRow(2, "ml", v1::RUNNING))});
  auto cursor = model_.StartWatch(0, {1, 77});
  ASSERT_TRUE(cursor);
  EXPECT_EQ(Drain(&*cursor, Operator()), (Lines{"1@1", "progress@1"}));
  Publish(2, {testing_rows::Row(JobRow(2, "ml", v1::FAILED))});
  EXPECT_EQ(Drain(&*cursor, Operator()), Lines{});
}

TEST_F(ReadModelTest, AWatchResumesAfterARevisionAndSendsTheLatestOfEachJobOnce) {
  for (uint64_t sequence = 1; sequence <= 5; ++sequence) {
    Publish(sequence, {testing_rows::Row(JobRow(sequence % 2 + 1, "ml", v1::RUNNING))});
  }
  auto cursor = model_.StartWatch(2, {});
  ASSERT_TRUE(cursor);
  EXPECT_EQ(Drain(&*cursor, Operator()), (Lines{"1@4", "2@5", "progress@5"}));
}

TEST_F(ReadModelTest, AWatchFromTooOldOrUnknownRevisionsMustResync) {
  ASSERT_TRUE(model_.StartWatch(0, {}));
  for (uint64_t sequence = 1; sequence <= 20; ++sequence)
    Publish(sequence, {testing_rows::Row(JobRow(1, "ml", v1::RUNNING))});
  EXPECT_FALSE(model_.StartWatch(5, {})) << "the ring keeps 8 changes";
  EXPECT_TRUE(model_.StartWatch(12, {}));
  EXPECT_TRUE(model_.StartWatch(20, {}));
  EXPECT_FALSE(model_.StartWatch(21, {})) << "a revision of the future is of another store";
}

TEST_F(ReadModelTest, AWatcherThatFallsBehindTheRingIsToldToResync) {
  auto cursor = model_.StartWatch(0, {});
  EXPECT_EQ(Drain(&*cursor, Operator()), Lines{"progress@0"});
  for (uint64_t sequence = 1; sequence <= 9; ++sequence)
    Publish(sequence, {testing_rows::Row(JobRow(sequence, "ml", v1::RUNNING))});
  EXPECT_EQ(Drain(&*cursor, Operator()), Lines{"resync"});
}

TEST_F(ReadModelTest, LoadedHistoryIsThereAndAWatchMayResumeFromItsRevision) {
  ReadModel loaded;
  store::v1::JobRow job = JobRow(1, "ml", v1::SUCCEEDED);
  job.mutable_job()->set_store_revision(17);
  ASSERT_TRUE(loaded.Load(40, {testing_rows::Row(job), testing_rows::Row(EventRow(5, 100))}).ok());
  EXPECT_EQ(loaded.GetJob(1).job->store_revision(), 17u);
  EXPECT_EQ(loaded.GetJob(1).revision, 40u);
  EXPECT_FALSE(loaded.StartWatch(39, {}));
  EXPECT_TRUE(loaded.StartWatch(40, {}));
  uint64_t next = loaded.StartEvents(0, 10), missed = 0;
  EXPECT_EQ(loaded.NextEvent(&next, &missed)->sequence(), 5u);
}

TEST_F(ReadModelTest, ARowThatCannotBeReadIsDataLoss) {
  ReadModel broken;
  core::Row row{core::RowKind::kJob, core::NumberKey(1), std::string("\xff\xff\xff")};
  EXPECT_EQ(broken.Load(1, {row}).code(), absl::StatusCode::kDataLoss);
}

TEST_F(ReadModelTest, APrunedJobIsGoneFromEveryIndex) {
  Publish(1, {testing_rows::Row(JobRow(1, "ml", v1::SUCCEEDED)), testing_rows::Row(AllocationRow(10, 1, "site/n1"))});
  Publish(2, {Deleted(core::RowKind::kJob, 1), Deleted(core::RowKind::kAllocation, 10)});
  EXPECT_FALSE(model_.GetJob(1).job);
  JobTable::Query query;
  query.page_size = 10;
  query.state = v1::SUCCEEDED;
  EXPECT_TRUE(model_.ListJobs(query, Operator()).page.jobs.empty());
}

TEST_F(ReadModelTest, AWaitForARevisionThatDoesNotComeEndsAtItsDeadline) {
  std::promise<absl::Status> ended;
  model_.WhenReached(1000, std::chrono::steady_clock::now() + std::chrono::milliseconds(5),
                     [&](absl::Status status) { ended.set_value(status); });
  EXPECT_EQ(ended.get_future().get().code(), absl::StatusCode::kUnavailable);
}

TEST_F(ReadModelTest, EventsAreReadSinceATimeAndAGapIsCounted) {
  for (uint64_t i = 1; i <= 3; ++i) Publish(i, {testing_rows::Row(EventRow(i, static_cast<int64_t>(i) * 100))});
  EXPECT_EQ(model_.StartEvents(200, 10), 2u);
  EXPECT_EQ(model_.StartEvents(0, 1), 3u) << "the newest of too many";
  EXPECT_EQ(model_.StartEvents(0, 0), 4u);
  uint64_t next = 1, missed = 0;
  ASSERT_TRUE(model_.NextEvent(&next, &missed));
  EXPECT_EQ(missed, 0u);
  EXPECT_EQ(next, 2u);
  for (uint64_t i = 4; i <= 8; ++i) Publish(i, {testing_rows::Row(EventRow(i, static_cast<int64_t>(i) * 100))});
  const auto event = model_.NextEvent(&next, &missed);
  ASSERT_TRUE(event);
  EXPECT_EQ(event->sequence(), 5u) << "four are kept";
  EXPECT_EQ(missed, 3u);
}

}  // namespace
}  // namespace switchyard::rpc
