#include "agent/session/link.h"

#include <utility>

namespace switchyard::agent::session {

std::shared_ptr<Link> Link::Start(EventLoop* loop, v1::AgentService::Stub* stub, Callbacks callbacks) {
  std::shared_ptr<Link> link(new Link(loop, std::move(callbacks)));
  link->self_ = link;
  stub->async()->Session(&link->context_, link.get());
  link->AddHold();  // reads and writes are started outside of reactions
  link->StartCall();
  link->StartRead(&link->incoming_);
  return link;
}

void Link::Send(v1::AgentMessage message, Lane lane) {
  const std::lock_guard lock(mutex_);
  if (closed_) return;
  std::deque<v1::AgentMessage>& queue = lanes_[static_cast<size_t>(lane)];
  if (lane == Lane::kTelemetry && queue.size() >= kTelemetryWaiting) queue.pop_front();
  queue.push_back(std::move(message));
  if (lane == Lane::kUrgent && queue.size() > kUrgentWaiting) context_.TryCancel();
  if (!writing_) StartNextWrite();
}

void Link::StartNextWrite() {
  for (std::deque<v1::AgentMessage>& queue : lanes_) {
    if (queue.empty()) continue;
    outgoing_ = std::move(queue.front());
    queue.pop_front();
    writing_ = true;
    StartWrite(&outgoing_);
    return;
  }
}

void Link::OnWriteDone(bool ok) {
  const std::lock_guard lock(mutex_);
  writing_ = false;
  if (!ok) {
    context_.TryCancel();  // the failing read ends the stream
    return;
  }
  if (!closed_) StartNextWrite();
}

void Link::OnReadDone(bool ok) {
  if (!ok) {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
      for (auto& lane : lanes_) lane.clear();
    }
    context_.TryCancel();
    RemoveHold();
    return;
  }
  loop_->Post([self = shared_from_this(), message = std::move(incoming_)]() mutable {
    self->callbacks_.received(std::move(message));
    // The next message is read when this one was handled: a flood waits in the scheduler, not here. Only this reaction
    // starts reads, and it is not called again before, so that the stream cannot have been closed meanwhile.
    self->incoming_.Clear();
    self->StartRead(&self->incoming_);
  });
}

void Link::OnDone(const grpc::Status& status) {
  loop_->Post([self = std::move(self_), status] { self->callbacks_.ended(status); });
}

}  // namespace switchyard::agent::session
