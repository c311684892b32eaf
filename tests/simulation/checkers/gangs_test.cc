#include "simulation/checkers/gangs.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/simulation/checkers/hand_made_state.h"

namespace switchyard::simulation {
namespace {

using ::testing::HasSubstr;

// A gang of two members, allocations 7 and 8 of job 7 on two servers.
class GangsTest : public ::testing::Test {
 protected:
  GangsTest() {
    job_.mutable_job()->set_id(7);
    *job_.mutable_job()->mutable_spec() = testing::TrainingJob("gang", 2, 1);
    job_.mutable_job()->set_attempt(1);
    checker_.OnDurable(At(0), 1, 1, {JobRow(job_), Member(7), Member(8)});
  }
  static core::Row Member(uint64_t id) {
    store::v1::AllocationRow row;
    row.set_id(id);
    row.set_job(7);
    row.set_attempt(1);
    return {core::RowKind::kAllocation, core::NumberKey(id), row.SerializeAsString()};
  }
  static v1::DesiredAllocation Order(uint64_t id, int attempt = 1) {
    v1::DesiredAllocation order = Desired(id, v1::TRAINING, {"gpu-1"});
    order.set_job(7);
    order.mutable_launch()->set_attempt(attempt);
    return order;
  }
  void Release() {
    job_.set_released(true);
    checker_.OnDurable(At(10), 1, 2, {JobRow(job_)});
  }

  store::v1::JobRow job_;
  Gangs checker_;
};

TEST_F(GangsTest, AReleasedGangOfPreparedMembersHolds) {
  checker_.OnPrepared(At(1), "site/s1", Order(7));
  checker_.OnPrepared(At(2), "site/s2", Order(8));
  Release();
  checker_.OnInstruction(At(11), "site/s1", Order(7));
  checker_.OnInstruction(At(12), "site/s2", Order(8));
  EXPECT_TRUE(checker_.verdict().ok()) << checker_.verdict();
}

TEST_F(GangsTest, AnInstructionBeforeTheReleaseIsDurableFails) {
  checker_.OnPrepared(At(1), "site/s1", Order(7));
  checker_.OnPrepared(At(2), "site/s2", Order(8));
  checker_.OnInstruction(At(3), "site/s1", Order(7));
  EXPECT_THAT(checker_.verdict().message(), HasSubstr("its release is not durable"));
}

TEST_F(GangsTest, AnInstructionBeforeAllArePreparedFails) {
  checker_.OnPrepared(At(1), "site/s1", Order(7));
  Release();
  checker_.OnInstruction(At(11), "site/s1", Order(7));
  EXPECT_THAT(checker_.verdict().message(), HasSubstr("allocation 8, was never prepared"));
}

TEST_F(GangsTest, AnAttemptBesideAMemberOfTheOneBeforeFails) {
  checker_.OnPrepared(At(1), "site/s1", Order(7));
  checker_.OnPrepared(At(2), "site/s2", Order(8));
  Release();
  checker_.OnInstruction(At(11), "site/s1", Order(7));
  checker_.OnInstruction(At(20), "site/s2", Order(9, 2));
  EXPECT_THAT(checker_.verdict().message(), HasSubstr("while allocation 7 of attempt 1 runs"));
}

TEST_F(GangsTest, AnAttemptAfterAllOfTheOneBeforeAreGoneHolds) {
  checker_.OnPrepared(At(1), "site/s1", Order(7));
  checker_.OnPrepared(At(2), "site/s2", Order(8));
  Release();
  checker_.OnInstruction(At(11), "site/s1", Order(7));
  checker_.OnGone(At(15), "site/s1", 7, 1);
  checker_.OnInstruction(At(20), "site/s2", Order(9, 2));
  EXPECT_TRUE(checker_.verdict().ok()) << checker_.verdict();
}

}  // namespace
}  // namespace switchyard::simulation
