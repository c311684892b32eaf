// A gate with a fake engine behind it and real gRPC in front: commands are recorded and answered as a test says,
// committed rows and effects are whatever a test publishes.
#ifndef SWITCHYARD_TESTS_SCHEDULER_RPC_HOUSE_H_
#define SWITCHYARD_TESTS_SCHEDULER_RPC_HOUSE_H_

#include <condition_variable>
#include <filesystem>
#include <functional>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <memory>
#include <mutex>
#include <stdlib.h>
#include <string>
#include <sys/stat.h>
#include <vector>

#include "common/platform/clock.h"
#include "scheduler/rpc/command_port.h"
#include "scheduler/rpc/gate.h"
#include "scheduler/rpc/server.h"
#include "switchyard/v1/agent_service.grpc.pb.h"
#include "switchyard/v1/cluster_service.grpc.pb.h"
#include "switchyard/v1/job_service.grpc.pb.h"

namespace switchyard::rpc::testing_house {

using store::v1::Command;

class FakeEngine final : public CommandPort {
 public:
  using Answer = std::function<core::Reply(const Command&)>;

  absl::Status Post(Command command, engine::Done done) override {
    core::Reply reply;
    {
      std::lock_guard lock(mutex_);
      commands_.push_back(command);
      if (answer_) reply = answer_(command);
    }
    changed_.notify_all();
    if (done) done(reply);
    return done ? absl::OkStatus() : reply.status;
  }

  void AnswerWith(Answer answer) {
    std::lock_guard lock(mutex_);
    answer_ = std::move(answer);
  }
  // The n-th command (from 0) of a kind, waited for.
  Command Wait(Command::BodyCase kind, size_t n = 0) {
    std::unique_lock lock(mutex_);
    const Command* found = nullptr;
    const bool came =
        changed_.wait_for(lock, std::chrono::minutes(1), [&] { return (found = Find(kind, n)) != nullptr; });
    EXPECT_TRUE(came) << "no command of kind " << kind;
    return came ? *found : Command();
  }
  size_t Count(Command::BodyCase kind) {
    std::lock_guard lock(mutex_);
    size_t count = 0;
    for (const Command& command : commands_) count += command.body_case() == kind;
    return count;
  }
  std::vector<Command> All() {
    std::lock_guard lock(mutex_);
    return commands_;
  }

 private:
  const Command* Find(Command::BodyCase kind, size_t n) const {
    for (const Command& command : commands_) {
      if (command.body_case() == kind && n-- == 0) return &command;
    }
    return nullptr;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Command> commands_;
  Answer answer_;
};

// A directory that every local user may look into.
class Directory {
 public:
  Directory() {
    std::string name = "/tmp/switchyard-rpc-XXXXXX";
    EXPECT_NE(mkdtemp(name.data()), nullptr);
    chmod(name.c_str(), 0755);
    path_ = name;
  }
  ~Directory() { std::filesystem::remove_all(path_); }
  std::string File(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

class House : public ::testing::Test {
 protected:
  static constexpr char kCluster[] = "testing";

  void SetUp() override { Restart({}); }
  void TearDown() override {
    channel_.reset();
    if (server_) server_->Stop();
  }

  // A server with these options; it listens on a unix socket in any case.
  void Restart(ServerOptions options) {
    if (server_) server_->Stop();
    server_.reset();
    gate_ = std::make_unique<Gate>(&engine_, &clock_, Identity{kCluster, 5, 9}, authority_);
    options.listen.push_back("unix:" + socket());
    options.drain = Seconds(20);
    server_ = std::make_unique<Server>(gate_.get(), options);
    const absl::Status started = server_->Start();
    ASSERT_TRUE(started.ok()) << started;
    channel_ = grpc::CreateChannel("unix:" + socket(), grpc::InsecureChannelCredentials());
  }

  std::string socket() const { return directory_.File("socket"); }
  std::unique_ptr<v1::JobService::Stub> Jobs() { return v1::JobService::NewStub(channel_); }
  std::unique_ptr<v1::ClusterService::Stub> Cluster() { return v1::ClusterService::NewStub(channel_); }
  std::unique_ptr<v1::AgentService::Stub> Agents() { return v1::AgentService::NewStub(channel_); }

  // What the operating system bound for a "tcp" or "metrics" line, as "HOST:PORT".
  std::string Bound(const std::string& kind) const {
    for (const std::string& line : server_->bound()) {
      if (line.compare(0, kind.size() + 1, kind + " ") == 0) return line.substr(kind.size() + 1);
    }
    return "";
  }

  // Runs a call with a deadline that only a hanging server meets.
  template <typename Method>
  static grpc::Status Within(Method method) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::minutes(1));
    return method(&context);
  }

  Directory directory_;
  platform::ManualClock clock_{MonoTime(1000), UtcTime(1'000'000)};
  FakeEngine engine_;
  std::optional<platform::CertificateAuthority> authority_;
  std::unique_ptr<Gate> gate_;
  std::unique_ptr<Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
};

}  // namespace switchyard::rpc::testing_house

#endif  // SWITCHYARD_TESTS_SCHEDULER_RPC_HOUSE_H_
