// What clients ask: keys, tenants, quotas, arrays, dependencies and bounds.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tests/support/cluster_builder.h"
#include "tests/support/core_harness.h"

namespace switchyard::testing {
namespace {

using ::testing::HasSubstr;

pb::Command SubmitCommand(const v1::JobSpec& spec, const std::string& key, const std::string& principal = "uid:1000") {
  pb::Command command;
  *command.mutable_submit()->add_jobs() = spec;
  command.mutable_submit()->set_idempotency_key(key);
  command.set_principal(principal);
  return command;
}

class RequestsTest : public ::testing::Test {
 protected:
  CoreHarness& Start() {
    cluster_ = std::make_unique<CoreHarness>(builder_.Server("s1").configuration());
    return cluster_->ConnectAll();
  }
  std::string Constraint(uint64_t job) const { return cluster_->job(job).pending.constraint(); }

  ClusterBuilder builder_;
  std::unique_ptr<CoreHarness> cluster_;
};

TEST_F(RequestsTest, TheSameKeyWithTheSameBodyIsTheSameRequest) {
  CoreHarness& cluster = Start();
  pb::CommandResult first, again;
  ASSERT_TRUE(cluster.Send(SubmitCommand(TrainingJob("train", 1, 1), "k"), &first).ok());
  ASSERT_TRUE(cluster.Send(SubmitCommand(TrainingJob("train", 1, 1), "k"), &again).ok());
  EXPECT_EQ(first.submit().SerializeAsString(), again.submit().SerializeAsString());
  EXPECT_EQ(cluster.state().jobs.size(), 1u);
}

TEST_F(RequestsTest, TheSameKeySurvivesTheSchedulersDeath) {
  CoreHarness& cluster = Start();
  pb::CommandResult first, again;
  ASSERT_TRUE(cluster.Send(SubmitCommand(TrainingJob("train", 1, 1), "k"), &first).ok());
  cluster.Restart();
  ASSERT_TRUE(cluster.Send(SubmitCommand(TrainingJob("train", 1, 1), "k"), &again).ok());
  EXPECT_EQ(first.submit().job_ids(0), again.submit().job_ids(0));
  EXPECT_EQ(cluster.state().jobs.size(), 1u);
}

TEST_F(RequestsTest, TheSameKeyWithAnotherBodyIsRefused) {
  CoreHarness& cluster = Start();
  ASSERT_TRUE(cluster.Send(SubmitCommand(TrainingJob("train", 1, 1), "k")).ok());
  const absl::Status status = cluster.Send(SubmitCommand(TrainingJob("train", 1, 2), "k"));
  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(status.message()), HasSubstr("take a new key"));
  EXPECT_EQ(cluster.state().jobs.size(), 1u);
}

TEST_F(RequestsTest, KeysAreScopedToTheirPrincipal) {
  CoreHarness& cluster = Start();
  ASSERT_TRUE(cluster.Send(SubmitCommand(TrainingJob("train", 1, 1), "k", "uid:1")).ok());
  ASSERT_TRUE(cluster.Send(SubmitCommand(TrainingJob("train", 1, 1), "k", "uid:2")).ok());
  EXPECT_EQ(cluster.state().jobs.size(), 2u);
}

TEST_F(RequestsTest, AKeyOfARefusedRequestIsFree) {
  CoreHarness& cluster = Start();
  v1::JobSpec stranger = TrainingJob("train", 1, 1);
  stranger.set_tenant("nobody");
  EXPECT_EQ(cluster.Send(SubmitCommand(stranger, "k")).code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(cluster.Send(SubmitCommand(TrainingJob("train", 1, 1), "k")).ok());
}

TEST_F(RequestsTest, ManyJobsAreAcceptedTogetherOrNotAtAll) {
  CoreHarness& cluster = Start();
  pb::Command command = SubmitCommand(TrainingJob("good", 1, 1), "k");
  *command.mutable_submit()->add_jobs() = TrainingJob("bad", 0, 1);
  command.mutable_submit()->mutable_jobs(1)->mutable_groups(0)->set_count(-1);
  const absl::Status status = cluster.Send(command);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("jobs[1]."));
  EXPECT_TRUE(cluster.state().jobs.empty());
}

TEST_F(RequestsTest, OnlyMembersActForATenant) {
  builder_.Tenant("closed").add_members("user:alice");
  CoreHarness& cluster = Start();
  v1::JobSpec spec = TrainingJob("train", 1, 1);
  spec.set_tenant("closed");
  const absl::Status status = cluster.Send(SubmitCommand(spec, "k", "uid:7"));
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(std::string(status.message()), HasSubstr("uid:7"));
  pb::Command alias = SubmitCommand(spec, "k", "uid:8");
  alias.add_aliases("user:alice");
  pb::CommandResult result;
  ASSERT_TRUE(cluster.Send(alias, &result).ok()) << "one of her names is a member";
  pb::Command cancel;
  cancel.mutable_cancel()->add_ids(result.submit().job_ids(0));
  cancel.mutable_cancel()->set_idempotency_key("c");
  cancel.set_principal("uid:7");
  EXPECT_EQ(cluster.Send(cancel).code(), absl::StatusCode::kPermissionDenied);
  cancel.set_principal("uid:0");
  EXPECT_TRUE(cluster.Send(cancel).ok()) << "an operator may";
}

TEST_F(RequestsTest, OperatorsWordsAreForOperators) {
  CoreHarness& cluster = Start();
  pb::Command command;
  command.mutable_node_action()->set_node("site/s1");
  command.mutable_node_action()->set_action(v1::NodeActionRequest::CORDON);
  command.mutable_node_action()->set_idempotency_key("w");
  command.set_principal("uid:7");
  EXPECT_EQ(cluster.Send(command).code(), absl::StatusCode::kPermissionDenied);
  EXPECT_FALSE(cluster.state().nodes[0].cordoned);
}

TEST_F(RequestsTest, AnArrayIsOneJobForEachIndex) {
  CoreHarness& cluster = Start();
  v1::JobSpec spec = TrainingJob("sweep", 1, 1);
  spec.set_array_size(3);
  pb::CommandResult result;
  ASSERT_TRUE(cluster.Send(SubmitCommand(spec, "k"), &result).ok());
  ASSERT_EQ(result.submit().job_ids_size(), 3);
  cluster.Settle();
  for (int i = 0; i < 3; ++i) {
    const v1::Job& job = cluster.job(result.submit().job_ids(i)).row.job();
    EXPECT_EQ(job.spec().name(), "sweep-" + std::to_string(i));
    EXPECT_EQ(job.array_id(), result.submit().job_ids(0));
    EXPECT_EQ(job.array_index(), i);
    const v1::DesiredAllocation& order = cluster.agent("s1").tasks.at(cluster.allocations_of(job.id())[0]->id).order;
    ASSERT_EQ(order.launch().environment_size(), 1);
    EXPECT_EQ(order.launch().environment(0).name(), "SWITCHYARD_ARRAY_INDEX");
    EXPECT_EQ(order.launch().environment(0).value(), std::to_string(i));
  }
}

TEST_F(RequestsTest, AJobWaitsForThoseThatItNamesInAfter) {
  CoreHarness& cluster = Start();
  const uint64_t first = cluster.Submit(TrainingJob("first", 1, 1));
  v1::JobSpec spec = TrainingJob("second", 1, 1);
  spec.add_after(first);
  const uint64_t second = cluster.Submit(spec);
  cluster.Settle();
  EXPECT_EQ(cluster.state_of(second), v1::PENDING);
  EXPECT_EQ(Constraint(second), "dependency");
  cluster.Exit(first, 0);
  EXPECT_EQ(cluster.state_of(second), v1::RUNNING);
}

TEST_F(RequestsTest, AJobAfterOneThatFailedFailsToo) {
  CoreHarness& cluster = Start();
  v1::JobSpec once = TrainingJob("first", 1, 1);
  once.set_max_retries(0);
  const uint64_t first = cluster.Submit(once);
  v1::JobSpec spec = TrainingJob("second", 1, 1);
  spec.add_after(first);
  const uint64_t second = cluster.Submit(spec);
  cluster.Settle();
  cluster.Exit(first, 1);
  EXPECT_EQ(cluster.state_of(second), v1::FAILED);
}

TEST_F(RequestsTest, AnUnknownDependencyIsRefused) {
  CoreHarness& cluster = Start();
  v1::JobSpec spec = TrainingJob("second", 1, 1);
  spec.add_after(99);
  const absl::Status status = cluster.Send(SubmitCommand(spec, "k"));
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("jobs[0].after"));
}

TEST_F(RequestsTest, FirmWattsStayWithinTheTenantsQuota) {
  builder_.Tenant("team").set_quota_mw(Watts(3000).count());
  CoreHarness& cluster = Start();
  const uint64_t first = cluster.Submit(TrainingJob("first", 1, 4));
  const uint64_t second = cluster.Submit(TrainingJob("second", 1, 1));
  cluster.Settle();
  EXPECT_EQ(cluster.state_of(first), v1::RUNNING);
  EXPECT_EQ(cluster.state_of(second), v1::PENDING);
  EXPECT_EQ(Constraint(second), "quota-watts");
  cluster.Exit(first, 0);
  EXPECT_EQ(cluster.state_of(second), v1::RUNNING);
}

TEST_F(RequestsTest, GpusStayWithinTheTenantsQuota) {
  builder_.Tenant("team").set_quota_gpu_milli(4500);
  CoreHarness& cluster = Start();
  const uint64_t first = cluster.Submit(TrainingJob("first", 1, 4));
  const uint64_t second = cluster.Submit(TrainingJob("second", 1, 1));
  v1::JobSpec half = TrainingJob("half", 1, 0);
  half.mutable_groups(0)->mutable_resources()->set_gpu_milli(500);
  const uint64_t third = cluster.Submit(half);
  cluster.Settle();
  EXPECT_EQ(cluster.state_of(first), v1::RUNNING);
  EXPECT_EQ(Constraint(second), "quota-gpus");
  EXPECT_EQ(cluster.state_of(third), v1::RUNNING) << "half a GPU is left";
}

TEST_F(RequestsTest, PendingJobsOfATenantAreBounded) {
  builder_.Tenant("team").set_max_pending_jobs(3);
  CoreHarness& cluster = Start();
  cluster.Submit(TrainingJob("running", 1, 8));
  cluster.Settle();
  v1::JobSpec array = TrainingJob("waiting", 1, 8);
  array.set_array_size(3);
  ASSERT_TRUE(cluster.Send(SubmitCommand(array, "a")).ok());
  cluster.Settle();
  const absl::Status status = cluster.Send(SubmitCommand(TrainingJob("one", 1, 8), "b"));
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()), HasSubstr("bound of 3"));
}

TEST_F(RequestsTest, HistoryAndKeysArePrunedByAge) {
  builder_.timing().set_history_ms(Hours(48).count());
  CoreHarness& cluster = Start();
  const uint64_t job = cluster.Submit(TrainingJob("train", 1, 1));
  cluster.Settle();
  cluster.Exit(job, 0);
  const auto prune = [&] { pb::Command command; command.mutable_prune(); cluster.Batch({command}); };
  cluster.Disconnect("s1");
  cluster.Run(Hours(25));
  prune();
  EXPECT_TRUE(cluster.state().jobs.contains(job));
  EXPECT_TRUE(cluster.state().idempotency.empty()) << "keys live a day";
  cluster.Run(Hours(24));
  prune();
  EXPECT_FALSE(cluster.state().jobs.contains(job));
  cluster.Restart();
  EXPECT_GT(cluster.Submit(TrainingJob("next", 1, 1)), job) << "its number is not given again";
}

TEST_F(RequestsTest, OnePruningTakesAllJobsThatOneSubmitMadeAndOldKeysAsWell) {
  builder_.timing().set_history_ms(Minutes(1).count());
  CoreHarness& cluster = Start();
  cluster.Disconnect("s1");
  cluster.Submit(TrainingJob("waits", 1, 1));
  cluster.Run(Hours(25));
  v1::JobSpec many = TrainingJob("many", 1, 1);
  many.set_array_size(10'000);
  const uint64_t first = cluster.Submit(many);
  pb::Command cancel;
  for (uint64_t id = first; id < first + 10'000; ++id) cancel.mutable_cancel()->add_ids(id);
  cancel.mutable_cancel()->set_idempotency_key("c");
  cancel.set_principal("uid:0");
  ASSERT_TRUE(cluster.Send(cancel).ok());
  ASSERT_EQ(cluster.state().finished.size(), 10'000u);
  const size_t keys = cluster.state().idempotency.size();
  cluster.Run(Minutes(2));
  pb::Command prune;
  prune.mutable_prune();
  cluster.Batch({prune});
  EXPECT_TRUE(cluster.state().finished.empty());
  EXPECT_EQ(cluster.state().idempotency.size(), keys - 1) << "the key of a day ago";
}

}  // namespace
}  // namespace switchyard::testing
