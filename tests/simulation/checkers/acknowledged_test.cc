#include "simulation/checkers/acknowledged.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/simulation/checkers/hand_made_state.h"

namespace switchyard::simulation {
namespace {

using ::testing::HasSubstr;

class AcknowledgedTest : public ::testing::Test {
 protected:
  AcknowledgedTest() : state_(MakeState(testing::ClusterBuilder().Server("s").configuration())) {
    checker_.OnStart(At(0), 1, state_);
  }

  static store::v1::JobRow Job(uint64_t id, v1::JobState state = v1::PENDING) {
    store::v1::JobRow job;
    job.mutable_job()->set_id(id);
    job.mutable_job()->set_state(state);
    return job;
  }
  void AnswerSubmit(const std::string& key, uint64_t id) {
    store::v1::Command command;
    command.mutable_submit()->set_idempotency_key(key);
    core::Reply reply;
    reply.result.mutable_submit()->add_job_ids(id);
    checker_.OnAnswer(At(10), key, command, reply);
  }
  void AnswerCancel(uint64_t id) {
    store::v1::Command command;
    command.mutable_cancel()->add_ids(id);
    checker_.OnAnswer(At(20), "c", command, {});
  }

  core::State state_;
  Acknowledged checker_;
};

TEST_F(AcknowledgedTest, WhatIsDurableMayBeAcknowledged) {
  checker_.OnDurable(At(5), 1, 1, {JobRow(Job(3))});
  AnswerSubmit("k", 3);
  AnswerSubmit("k", 3);
  AddJob(&state_, 3, {}, v1::PENDING);
  checker_.OnStart(At(30), 2, state_);
  EXPECT_TRUE(checker_.verdict().ok()) << checker_.verdict();
}

TEST_F(AcknowledgedTest, WhatIsNotDurableMayNot) {
  AnswerSubmit("k", 3);
  EXPECT_THAT(checker_.verdict().message(), HasSubstr("job 3 is acknowledged and not durable"));
}

TEST_F(AcknowledgedTest, OneKeyIsOneJob) {
  checker_.OnDurable(At(5), 1, 1, {JobRow(Job(3)), JobRow(Job(4))});
  AnswerSubmit("k", 3);
  AnswerSubmit("k", 4);
  EXPECT_THAT(checker_.verdict().message(), HasSubstr("was answered with job 3 and then with job 4"));
}

TEST_F(AcknowledgedTest, ALaterLeaderKnowsIt) {
  checker_.OnDurable(At(5), 1, 1, {JobRow(Job(3))});
  AnswerSubmit("k", 3);
  checker_.OnStart(At(30), 2, state_);
  EXPECT_THAT(checker_.verdict().message(), HasSubstr("not in the store of leader 2"));
}

TEST_F(AcknowledgedTest, AnOlderBackupLosesWhatCameAfterIt) {
  checker_.OnDurable(At(5), 1, 1, {JobRow(Job(3))});
  AnswerSubmit("k", 3);
  checker_.OnFault(At(20), Fault(FaultKind::kOlderBackup, "", Seconds(1)));
  checker_.OnStart(At(30), 2, state_);
  EXPECT_TRUE(checker_.verdict().ok()) << checker_.verdict();
}

TEST_F(AcknowledgedTest, ACancelThatIsNotDurableFails) {
  checker_.OnDurable(At(5), 1, 1, {JobRow(Job(3))});
  AnswerSubmit("k", 3);
  AnswerCancel(3);
  EXPECT_THAT(checker_.verdict().message(), HasSubstr("the cancel of job 3"));
}

TEST_F(AcknowledgedTest, ACancelThatALaterLeaderForgotFails) {
  checker_.OnDurable(At(5), 1, 1, {JobRow(Job(3))});
  AnswerSubmit("k", 3);
  checker_.OnDurable(At(15), 1, 2, {JobRow(Job(3, v1::CANCELLED))});
  AnswerCancel(3);
  EXPECT_TRUE(checker_.verdict().ok()) << checker_.verdict();
  AddJob(&state_, 3, {}, v1::PENDING);
  checker_.OnStart(At(30), 2, state_);
  EXPECT_THAT(checker_.verdict().message(), HasSubstr("does not know of it"));
}

}  // namespace
}  // namespace switchyard::simulation
