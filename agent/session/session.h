// The agent's side of the stream: nodes on one loop, one stream for all of them, made anew with back-off whenever it
// breaks. What it must do without a scheduler - end of the lease, fallback - it does.
//
// Thread rule: AddNode and Start before the loop runs or on its thread; Wake from any thread; the rest on the loop's
// thread. The loop must not run any more when this object ends.
#ifndef SWITCHYARD_AGENT_SESSION_SESSION_H_
#define SWITCHYARD_AGENT_SESSION_SESSION_H_

#include <cstdint>
#include <functional>
#include <grpcpp/grpcpp.h>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "agent/runtime/runtime.h"
#include "agent/session/event_loop.h"
#include "agent/session/link.h"
#include "agent/session/node_session.h"
#include "agent/session/state_directory.h"
#include "common/units.h"

namespace switchyard::agent::session {

// Between attempts: doubled up to the maximum, and shortened by up to half at random, so that a thousand agents do not
// come back in step. The first is short: a scheduler that restarts is back within a second.
inline constexpr Duration kReconnectFirst = Milliseconds(100);
inline constexpr Duration kReconnectMost = Seconds(5);
// A stream on which nothing was heard for so long is ended: its other end may be gone without a word.
inline constexpr Duration kDeafAfter = Seconds(30);

class Session {
 public:
  // All three outlive this object.
  Session(EventLoop* loop, std::shared_ptr<grpc::Channel> channel, StateDirectory* state, std::string version);

  // `runtime` outlives this object.
  void AddNode(const std::string& node, Runtime* runtime);
  // The agent of this one node starts anew, as after a reboot of its machine: it says hello and remembers only what is
  // on disk. False: no such node.
  bool RestartNode(const std::string& node);
  bool SilenceNode(const std::string& node, Duration span);

  void Start();
  // Any thread: something about the node changed.
  void Wake(const std::string& node);
  // Ends the stream and calls `done` when that has happened. Devices and tasks stay as they are.
  void Close(std::function<void()> done);

  // For drills and tests.
  bool connected() const { return link_ != nullptr; }
  NodeSession* FindNode(const std::string& node);

 private:
  struct Entry {
    std::string name;
    Runtime* runtime = nullptr;
    std::unique_ptr<NodeSession> session;
    MonoTime next = MonoTime::Never();  // when Step is due; also in due_
  };

  std::unique_ptr<NodeSession> MakeNode(const std::string& node, Runtime* runtime);
  void Connect();
  void Received(v1::SchedulerMessage message);
  void Ended(const grpc::Status& status);
  void Reconnect();
  NodeSession::Send Sender();
  void Touch(size_t index);
  void Settle();
  void ArmTimer();

  EventLoop* loop_;
  std::unique_ptr<v1::AgentService::Stub> stub_;
  StateDirectory* state_;
  std::string version_;
  std::vector<Entry> nodes_;
  std::map<std::string, size_t> index_;
  std::set<size_t> touched_;  // to be stepped when the round of events is over
  std::set<std::pair<MonoTime, size_t>> due_;
  MonoTime armed_ = MonoTime::Never();  // the earliest timer that the loop holds for us

  std::shared_ptr<Link> link_;
  bool heard_ = false;  // anything on this stream
  MonoTime last_heard_;
  Duration back_off_ = kReconnectFirst;
  std::minstd_rand jitter_;
  std::function<void()> closed_;  // set: closing
};

}  // namespace switchyard::agent::session

#endif  // SWITCHYARD_AGENT_SESSION_SESSION_H_
