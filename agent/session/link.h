// One stream to the scheduler, from its start to its end. Heartbeats and reports never wait behind telemetry or logs:
// each lane is sent only while those before it are empty, and at most one message is on its way.
//
// Thread rule: made and used by the loop's thread; its callbacks come by the loop's thread. It lives until its stream
// has ended, whoever lets go of it.
#ifndef SWITCHYARD_AGENT_SESSION_LINK_H_
#define SWITCHYARD_AGENT_SESSION_LINK_H_

#include <array>
#include <deque>
#include <functional>
#include <grpcpp/grpcpp.h>
#include <memory>
#include <mutex>

#include "agent/session/event_loop.h"
#include "switchyard/v1/agent_service.grpc.pb.h"

namespace switchyard::agent::session {

class Link : public grpc::ClientBidiReactor<v1::AgentMessage, v1::SchedulerMessage>,
             public std::enable_shared_from_this<Link> {
 public:
  enum class Lane { kUrgent, kLog, kTelemetry };

  // Telemetry that waits: the newest values of more nodes than a stream may carry would be stale before they are sent.
  static constexpr size_t kTelemetryWaiting = 4096;
  // Urgent messages that wait: a scheduler that reads none of so many is not there; the stream is ended and made anew.
  static constexpr size_t kUrgentWaiting = 65'536;

  struct Callbacks {
    std::function<void(v1::SchedulerMessage)> received;
    std::function<void(grpc::Status)> ended;  // the last one
  };

  static std::shared_ptr<Link> Start(EventLoop* loop, v1::AgentService::Stub* stub, Callbacks callbacks);

  // Messages of one lane keep their order. What cannot be sent any more is dropped: the stream's end is reported by
  // `ended`.
  void Send(v1::AgentMessage message, Lane lane);

  // Ends the stream; `ended` follows.
  void Cancel() { context_.TryCancel(); }

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;

 private:
  Link(EventLoop* loop, Callbacks callbacks) : loop_(loop), callbacks_(std::move(callbacks)) {}
  void StartNextWrite();  // REQUIRES: mutex_ held

  EventLoop* loop_;
  Callbacks callbacks_;
  grpc::ClientContext context_;
  v1::SchedulerMessage incoming_;
  std::shared_ptr<Link> self_;  // until OnDone

  std::mutex mutex_;  // guards what follows
  std::array<std::deque<v1::AgentMessage>, 3> lanes_;
  v1::AgentMessage outgoing_;
  bool writing_ = false;
  bool closed_ = false;  // no further operation may be started
};

}  // namespace switchyard::agent::session

#endif  // SWITCHYARD_AGENT_SESSION_LINK_H_
