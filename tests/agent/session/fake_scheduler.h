// The other end of an agent's stream for tests: a real gRPC service on a unix socket that records what it hears and
// says what the test tells it to.
#ifndef SWITCHYARD_TESTS_AGENT_SESSION_FAKE_SCHEDULER_H_
#define SWITCHYARD_TESTS_AGENT_SESSION_FAKE_SCHEDULER_H_

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <grpcpp/grpcpp.h>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "switchyard/v1/agent_service.grpc.pb.h"

namespace switchyard::agent::session {

// A directory that goes with the object.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string path = (std::filesystem::temp_directory_path() / "switchyard-XXXXXX").string();
    path_ = mkdtemp(path.data());
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

class FakeScheduler final : public v1::AgentService::Service {
 public:
  // How it answers each message, on its own thread; what it returns is sent.
  using Answer = std::function<std::vector<v1::SchedulerMessage>(const v1::AgentMessage&)>;

  explicit FakeScheduler(std::string address) : address_(std::move(address)) {}
  ~FakeScheduler() override { Stop(); }

  void Start() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort(address_, grpc::InsecureServerCredentials());
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }
  void Stop() {
    if (server_ == nullptr) return;
    server_->Shutdown(std::chrono::system_clock::now());
    server_.reset();
  }

  void OnMessage(Answer answer) {
    const std::lock_guard lock(mutex_);
    answer_ = std::move(answer);
  }

  // Says something on the stream that is open. False: none is.
  bool Say(const v1::SchedulerMessage& message) {
    const std::lock_guard lock(mutex_);
    return stream_ != nullptr && stream_->Write(message);
  }

  // Waits until what was heard fulfils the predicate; it is called with all messages so far.
  bool WaitFor(const std::function<bool(const std::vector<v1::AgentMessage>&)>& predicate) {
    std::unique_lock lock(mutex_);
    return heard_.wait_for(lock, std::chrono::seconds(60), [&] { return predicate(messages_); });
  }
  // Waits for a message that fulfils it.
  bool WaitForMessage(const std::function<bool(const v1::AgentMessage&)>& predicate) {
    return WaitFor([&](const std::vector<v1::AgentMessage>& messages) {
      for (const v1::AgentMessage& message : messages) {
        if (predicate(message)) return true;
      }
      return false;
    });
  }
  std::vector<v1::AgentMessage> messages() {
    const std::lock_guard lock(mutex_);
    return messages_;
  }
  void Forget() {
    const std::lock_guard lock(mutex_);
    messages_.clear();
  }

  grpc::Status Session(grpc::ServerContext*,
                       grpc::ServerReaderWriter<v1::SchedulerMessage, v1::AgentMessage>* stream) override {
    {
      const std::lock_guard lock(mutex_);
      stream_ = stream;
    }
    v1::AgentMessage message;
    while (stream->Read(&message)) {
      const std::lock_guard lock(mutex_);
      messages_.push_back(message);
      if (answer_) {
        for (const v1::SchedulerMessage& reply : answer_(message)) stream->Write(reply);
      }
      heard_.notify_all();
    }
    const std::lock_guard lock(mutex_);
    if (stream_ == stream) stream_ = nullptr;
    return grpc::Status::OK;
  }

 private:
  std::string address_;
  std::unique_ptr<grpc::Server> server_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable heard_;
  Answer answer_;
  std::vector<v1::AgentMessage> messages_;
  grpc::ServerReaderWriter<v1::SchedulerMessage, v1::AgentMessage>* stream_ = nullptr;
};

}  // namespace switchyard::agent::session

#endif  // SWITCHYARD_TESTS_AGENT_SESSION_FAKE_SCHEDULER_H_
