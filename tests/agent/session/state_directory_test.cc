#include "agent/session/state_directory.h"

#include <fstream>
#include <sys/stat.h>

#include "gtest/gtest.h"
#include "tests/agent/session/fake_scheduler.h"

namespace switchyard::agent::session {
namespace {

TEST(StateDirectoryTest, KeepsItsIncarnationAndItsSenderOverAProcess) {
  const TemporaryDirectory directory;
  std::string incarnation;
  {
    auto state = StateDirectory::Open(directory / "state");
    ASSERT_TRUE(state.ok()) << state.status();
    incarnation = state->incarnation();
    EXPECT_EQ(incarnation.size(), 32u);
    EXPECT_EQ(state->sender(), Sender());
    ASSERT_TRUE(state->SetSender({"moses", 3, 7}).ok());
  }
  auto again = StateDirectory::Open(directory / "state");
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->incarnation(), incarnation);
  EXPECT_EQ(again->sender(), (Sender{"moses", 3, 7}));
}

TEST(StateDirectoryTest, IsPrivateAndTakesOneAgentOnly) {
  const TemporaryDirectory directory;
  auto state = StateDirectory::Open(directory / "state");
  ASSERT_TRUE(state.ok());
  struct stat found {};
  ASSERT_EQ(stat((directory / "state").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0700u);
  EXPECT_EQ(StateDirectory::Open(directory / "state").status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(StateDirectoryTest, RefusesASenderThatCannotBeRead) {
  const TemporaryDirectory directory;
  ASSERT_TRUE(StateDirectory::Open(directory / "state").ok());
  std::ofstream(directory / "state/sender") << "moses three";
  EXPECT_EQ(StateDirectory::Open(directory / "state").status().code(), absl::StatusCode::kDataLoss);
}

TEST(StateDirectoryTest, GivesAWipedDirectoryAnotherIncarnation) {
  const TemporaryDirectory directory;
  const std::string first = StateDirectory::Open(directory / "state")->incarnation();
  std::filesystem::remove_all(directory / "state");
  EXPECT_NE(StateDirectory::Open(directory / "state")->incarnation(), first);
}

}  // namespace
}  // namespace switchyard::agent::session
