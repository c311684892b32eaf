#include "common/faults/faults.h"

#include <cstdio>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <set>
#include <signal.h>
#include <sstream>
#include <stdlib.h>
#include <unistd.h>

#include "common/faults/failpoint.h"
#include "common/faults/mutation.h"

namespace switchyard::faults {
namespace {

using ::testing::HasSubstr;

class Environment : public ::testing::Test {
 protected:
  void SetUp() override { Clear(); }
  void TearDown() override {
    Clear();
    EXPECT_TRUE(Activate("none").ok());
    internal::armed_failpoint = -1;
  }
  static void Clear() {
    for (const char* name : {"SWITCHYARD_MUTATION", "SWITCHYARD_FAILPOINT", "SWITCHYARD_FAILPOINT_HITS"})
      ::unsetenv(name);
  }
  static void Set(const char* name, const std::string& value) { ASSERT_EQ(::setenv(name, value.c_str(), 1), 0); }
};

void Commit(int times) {
  for (int i = 0; i < times; ++i) SWITCHYARD_FAILPOINT("commit.before");
}

void DieAtThePass(int nth, int passes) {
  ::setenv("SWITCHYARD_FAILPOINT", ("commit.before:" + std::to_string(nth)).c_str(), 1);
  if (!ArmFromEnvironment().ok()) ::_exit(2);
  Commit(passes);
  ::_exit(0);
}

TEST(Registry, EveryNameIsThereOnceWithASentence) {
  std::set<std::string> names;
  for (const MutationInfo& info : Mutations()) {
    EXPECT_TRUE(names.insert(info.name).second) << info.name;
    EXPECT_NE(std::string(info.profile), "") << info.name;
    EXPECT_NE(std::string(info.sentence), "") << info.name;
  }
  for (const FailpointInfo& info : Failpoints()) {
    EXPECT_TRUE(names.insert(info.name).second) << info.name;
    EXPECT_NE(std::string(info.sentence), "") << info.name;
  }
}

TEST(Registry, EveryPathOfTheSchedulerHasAFailpoint) {
  std::set<std::string> paths;
  for (const FailpointInfo& info : Failpoints()) paths.insert(info.path);
  EXPECT_EQ(paths, (std::set<std::string>{"request", "commit", "reply", "order", "expiry", "plan", "term"}));
}

TEST_F(Environment, NoMutationIsActiveUnlessOneIsNamed) {
  ASSERT_TRUE(ArmFromEnvironment().ok());
  EXPECT_FALSE(SWITCHYARD_MUTATION(no_wait_for_confirmation));
  EXPECT_EQ(Reached(), 0u);
}

TEST_F(Environment, EveryMutationCanBeActivatedAndIsAloneThen) {
  for (const MutationInfo& info : Mutations()) {
    ASSERT_TRUE(Activate(info.name).ok()) << info.name;
    int active = 0;
#define SWITCHYARD_FAILPOINT_ENTRY(name, path, sentence)
#define SWITCHYARD_MUTATION_ENTRY(entry, profile, words) \
  if (SWITCHYARD_MUTATION(entry)) {                      \
    ++active;                                            \
    EXPECT_STREQ(#entry, info.name);                     \
  }
#include "common/faults/registry.inc"
#undef SWITCHYARD_MUTATION_ENTRY
#undef SWITCHYARD_FAILPOINT_ENTRY
    EXPECT_EQ(active, 1) << info.name;
    EXPECT_EQ(Reached(), 1u) << info.name;
  }
}

TEST_F(Environment, TheProcessIsWholeAgainAfterNone) {
  ASSERT_TRUE(Activate("boolean_confirmation").ok());
  EXPECT_TRUE(SWITCHYARD_MUTATION(boolean_confirmation));
  ASSERT_TRUE(Activate("none").ok());
  EXPECT_FALSE(SWITCHYARD_MUTATION(boolean_confirmation));
}

TEST_F(Environment, AnUnknownMutationIsAnErrorThatListsTheKnown) {
  Set("SWITCHYARD_MUTATION", "no_such_rule");
  const absl::Status status = ArmFromEnvironment();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.ToString(), HasSubstr("no_such_rule"));
  EXPECT_THAT(status.ToString(), HasSubstr("no_wait_for_confirmation"));
  EXPECT_EQ(Activate("no_such_rule").code(), absl::StatusCode::kNotFound);
}

TEST_F(Environment, TheEnvironmentActivatesAMutation) {
  Set("SWITCHYARD_MUTATION", "watts_rounded_down");
  ASSERT_TRUE(ArmFromEnvironment().ok());
  EXPECT_TRUE(SWITCHYARD_MUTATION(watts_rounded_down));
}

TEST_F(Environment, AnUnknownFailpointIsAnErrorThatListsTheKnown) {
  Set("SWITCHYARD_FAILPOINT", "commit.never:2");
  const absl::Status status = ArmFromEnvironment();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.ToString(), HasSubstr("commit.never"));
  EXPECT_THAT(status.ToString(), HasSubstr("plan.open.after_commit"));
}

TEST_F(Environment, APassThatIsNoNumberIsAnError) {
  for (const char* nth : {"0", "x", "", "3x", "-1"}) {
    Set("SWITCHYARD_FAILPOINT", std::string("commit.before:") + nth);
    EXPECT_EQ(ArmFromEnvironment().code(), absl::StatusCode::kInvalidArgument) << nth;
  }
}

TEST_F(Environment, OnlyTheArmedFailpointKills) {
  Set("SWITCHYARD_FAILPOINT", "commit.after");
  ASSERT_TRUE(ArmFromEnvironment().ok());
  Commit(3);
}

TEST_F(Environment, TheConditionIsAskedOnlyWhileArmed) {
  int asked = 0;
  const auto ask = [&asked] { return ++asked > 100; };
  SWITCHYARD_FAILPOINT_IF("commit.before", ask());
  EXPECT_EQ(asked, 0);
  Set("SWITCHYARD_FAILPOINT", "commit.before");
  ASSERT_TRUE(ArmFromEnvironment().ok());
  SWITCHYARD_FAILPOINT_IF("commit.before", ask());
  EXPECT_EQ(asked, 1);
}

TEST_F(Environment, TheProcessIsKilledAtThePassThatWasArmed) {
  EXPECT_EXIT(DieAtThePass(1, 1), ::testing::KilledBySignal(SIGKILL), "");
  EXPECT_EXIT(DieAtThePass(3, 3), ::testing::KilledBySignal(SIGKILL), "");
  EXPECT_EXIT(DieAtThePass(3, 2), ::testing::ExitedWithCode(0), "");
}

TEST_F(Environment, ADeathLeavesItsLine) {
  const std::string file = ::testing::TempDir() + "/hits";
  std::remove(file.c_str());
  Set("SWITCHYARD_FAILPOINT_HITS", file);
  EXPECT_EXIT(DieAtThePass(2, 2), ::testing::KilledBySignal(SIGKILL), "");
  EXPECT_EXIT(DieAtThePass(1, 1), ::testing::KilledBySignal(SIGKILL), "");
  EXPECT_EXIT(DieAtThePass(2, 1), ::testing::ExitedWithCode(0), "");
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  EXPECT_EQ(text.str(), "commit.before 2\ncommit.before 1\n");
}

}  // namespace
}  // namespace switchyard::faults
