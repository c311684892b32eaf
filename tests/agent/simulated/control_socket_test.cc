#include "agent/runtime/simulated/control_socket.h"

#include <cstring>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/agent/simulated/simulated_models.h"

namespace switchyard::agent::simulated {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class ControlSocketTest : public testing::Test {
 protected:
  ControlSocketTest() {
    file_.state_dir = directory_.path();
    file_.nodes = {"site/node"};
    fleet_ = *Fleet::Open(file_, clock_);
    fleet_->nodes()[0]->Configure(NodeWelcome());
    hooks_.restart = [this](const std::string& node) { return said_.push_back("restart " + node), true; };
    hooks_.silence = [this](const std::string& node, Duration span) {
      said_.push_back("silence " + node + " " + std::to_string(span.count()));
      return node == "site/node";
    };
    hooks_.clone = [this](const std::string& node) { return said_.push_back("clone " + node), absl::OkStatus(); };
    hooks_.wake = [this](const std::string& node) { said_.push_back("wake " + node); };
    hooks_.crash = [this] { said_.push_back("crash"); };
  }
  std::string Run(const std::string& line) { return RunControlCommand(line, fleet_.get(), hooks_); }

  TemporaryDirectory directory_;
  platform::ManualClock clock_;
  configuration::AgentFile file_;
  std::unique_ptr<Fleet> fleet_;
  ControlHooks hooks_;
  std::vector<std::string> said_;
};

TEST_F(ControlSocketTest, CarriesOutEachCommand) {
  const std::string boot = fleet_->nodes()[0]->Identify().boot_id();
  EXPECT_EQ(Run("reboot site/node"), "ok");
  EXPECT_NE(fleet_->nodes()[0]->Identify().boot_id(), boot);
  const std::string incarnation = fleet_->nodes()[0]->Identify().agent_incarnation();
  EXPECT_EQ(Run("wipe site/node"), "ok");
  EXPECT_NE(fleet_->nodes()[0]->Identify().agent_incarnation(), incarnation);
  EXPECT_EQ(Run("clone site/node"), "ok");
  EXPECT_EQ(Run("silence site/node 7"), "ok");
  EXPECT_EQ(Run("stick " + DeviceName("asic", 3)), "ok site/node");
  EXPECT_EQ(fleet_->nodes()[0]->groups()[0].devices[2].defect(), Defect::kStuck);
  EXPECT_EQ(Run("mend " + DeviceName("asic", 3)), "ok site/node");
  EXPECT_EQ(fleet_->nodes()[0]->groups()[0].devices[2].defect(), Defect::kNone);
  EXPECT_THAT(Run("devices site/node"), HasSubstr(DeviceName("gpu", 2)));
  EXPECT_EQ(Run("crash"), "ok");
  EXPECT_THAT(said_, testing::ElementsAre("restart site/node", "restart site/node", "clone site/node",
                                          "silence site/node 7000", "wake site/node", "wake site/node", "crash"));
}

TEST_F(ControlSocketTest, SaysWhatIsWrongWithACommand) {
  EXPECT_THAT(Run("explode site/node"), HasSubstr("is no command"));
  EXPECT_THAT(Run("reboot site/nobody"), HasSubstr("site/nobody"));
  EXPECT_THAT(Run("lie nothing"), StartsWith("error: device \"nothing\""));
  EXPECT_THAT(Run("silence site/node soon"), HasSubstr("no number"));
  EXPECT_THAT(Run(""), StartsWith("error"));
}

TEST_F(ControlSocketTest, AnswersOverItsSocket) {
  const std::string path = directory_ / "control";
  auto control = ControlSocket::Listen(path, fleet_.get(), hooks_);
  ASSERT_TRUE(control.ok()) << control.status();
  std::string answer;
  std::thread client([&] {
    const int descriptor = socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
    if (connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) return;
    const std::string line = "silence site/node 1\n";
    if (write(descriptor, line.data(), line.size()) < 0) return;
    char bytes[64];
    const ssize_t n = read(descriptor, bytes, sizeof(bytes));
    if (n > 0) answer.assign(bytes, static_cast<size_t>(n));
    close(descriptor);
  });
  pollfd readable{(*control)->descriptor(), POLLIN, 0};
  ASSERT_EQ(poll(&readable, 1, 20'000), 1);
  (*control)->Serve();
  client.join();
  EXPECT_EQ(answer, "ok\n");
}

TEST_F(ControlSocketTest, RefusesAPathThatIsTooLong) {
  EXPECT_FALSE(ControlSocket::Listen(directory_ / std::string(200, 'x'), fleet_.get(), hooks_).ok());
}

}  // namespace
}  // namespace switchyard::agent::simulated
